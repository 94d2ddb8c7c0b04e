//! What `doctor` found.

use console::Style;
use serde::Serialize;

use super::Look;

/// How one check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Finding {
    /// In order.
    Good,
    /// Works, and should be looked at.
    Warning,
    /// Does not work.
    Bad,
    /// Could not be looked at, as another check must pass first.
    Skipped,
}

/// One check: what was looked at, what was found, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Check {
    /// What was looked at.
    pub(in crate::cli) name: &'static str,
    /// How it went.
    pub(in crate::cli) finding: Finding,
    /// What was found.
    pub(in crate::cli) found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) to_do: Option<String>,
}

/// All checks, a line each, and what to do under those that ask for it.
pub(in crate::cli) fn checks(checks: &[Check], look: &Look) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let (mark, style) = match check.finding {
            Finding::Good => ("ok  ", Style::new().green()),
            Finding::Warning => ("warn", Style::new().yellow()),
            Finding::Bad => ("FAIL", Style::new().red().bold()),
            Finding::Skipped => ("-   ", Style::new().dim()),
        };
        let mark = look.paint(style, mark);
        text.push_str(&format!("{mark}  {:width$}  {}\n", check.name, check.found));
        if let Some(to_do) = &check.to_do {
            text.push_str(&format!("      {:width$}  → {to_do}\n", ""));
        }
    }
    text
}
