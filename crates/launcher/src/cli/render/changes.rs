//! What putting a service changes.

use console::Style;
use launcher_model::service::Difference;
use launcher_server::api::views::{PutView, PutWord};

use super::Look;
use super::words::count;

/// What was changed, or what would be.
pub(in crate::cli) fn changes(service: &str, view: &PutView, dry: bool, look: &Look) -> String {
    let settings = count(view.changes.len() as u64, "setting");
    let headline = match (view.outcome, dry) {
        (PutWord::Unchanged, _) => return format!("{service}: nothing changes\n"),
        (PutWord::Created, false) => format!("{service}: created, with {settings} of its own"),
        (PutWord::Created, true) => {
            format!("{service}: would be created, with {settings} of its own")
        }
        (PutWord::Changed, false) => format!("{service}: {settings} changed"),
        (PutWord::Changed, true) => format!("{service}: {settings} would change"),
    };
    let width = view.changes.iter().map(|change| change.path.chars().count()).max().unwrap_or(0);
    let lines: String = view.changes.iter().map(|change| line(change, width, look)).collect();
    format!("{headline}\n{lines}")
}

fn line(change: &Difference, width: usize, look: &Look) -> String {
    let path = format!("{:width$}", change.path);
    let (mark, style, values) = match (&change.before, &change.after) {
        (Some(before), Some(after)) => ("~", Style::new().yellow(), format!("{before} → {after}")),
        (None, Some(after)) => ("+", Style::new().green(), after.clone()),
        (Some(before), None) => ("-", Style::new().red(), before.clone()),
        (None, None) => (" ", Style::new(), String::new()),
    };
    format!("  {}\n", look.paint(style, &format!("{mark} {path}  {values}")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    fn view(outcome: &str) -> PutView {
        read(&format!(
            r#"{{"outcome": "{outcome}", "changes": [
                {{"path": "env.LOG_LEVEL", "before": null, "after": "info"}},
                {{"path": "health.path", "before": "/healthz", "after": null}},
                {{"path": "service.replicas", "before": "2", "after": "3"}}]}}"#
        ))
    }

    #[test]
    fn changes_are_shown_as_a_difference() {
        insta::assert_snapshot!(changes("shop", &view("changed"), false, &look()));
        insta::assert_snapshot!(changes("shop", &view("changed"), true, &look()));
        insta::assert_snapshot!(changes("shop", &view("unchanged"), false, &look()));
        insta::assert_snapshot!(changes("shop", &view("created"), true, &look()));
        insta::assert_snapshot!(changes("shop", &view("created"), false, &look()));
    }
}
