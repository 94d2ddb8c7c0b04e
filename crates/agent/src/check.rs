//! Checks as Nagios, Sensu and their kin run them: one line, and a status of 0 to 3.
//!
//! <https://nagios-plugins.org/doc/guidelines.html>

pub mod containers;
pub mod host;
pub mod server;
pub mod service;

use std::fmt;

/// How something is. The order is that of how bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// All is well.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// It could not be found out.
    Unknown,
    /// Somebody must look at it now.
    Critical,
}

impl Status {
    /// The status that the check exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was checked, in a word: `SERVICE`.
    pub subject: &'static str,
    /// How it is.
    pub status: Status,
    /// The same in words.
    pub text: String,
    /// In figures.
    pub figures: Vec<Figure>,
}

impl Outcome {
    /// That it could not be found out, and why.
    #[must_use]
    pub fn unknown(subject: &'static str, why: impl fmt::Display) -> Self {
        Self { subject, status: Status::Unknown, text: why.to_string(), figures: Vec::new() }
    }
}

/// One figure of what was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is called.
    pub label: String,
    /// The figure.
    pub value: f64,
    /// Its unit, as the guidelines have it: `%`, `B`, `s`, `c` for counters, or none.
    pub unit: &'static str,
    /// From where on it is a reason to warn, as a range of the guidelines.
    pub warning: Option<String>,
    /// From where on it is critical.
    pub critical: Option<String>,
    /// The largest that it can be.
    pub most: Option<f64>,
}

impl Figure {
    fn new(label: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let label = label.into();
        Self { label, value, unit, warning: None, critical: None, most: None }
    }

    fn out_of(mut self, most: f64) -> Self {
        self.most = Some(most);
        self
    }

    fn within(mut self, limits: Limits) -> Self {
        self.warning = Some(limits.warning.to_string());
        self.critical = Some(limits.critical.to_string());
        self
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.replace(['\'', '='], "_");
        if label.contains(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))) {
            write!(f, "'{label}'=")?;
        } else {
            write!(f, "{label}=")?;
        }
        let value = (self.value * 100.0).round() / 100.0;
        let or_nothing = |limit: &Option<String>| limit.clone().unwrap_or_default();
        write!(f, "{value}{};", self.unit)?;
        write!(f, "{};{};0", or_nothing(&self.warning), or_nothing(&self.critical))?;
        match self.most {
            Some(most) => write!(f, ";{most}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Outcome {
    /// One line, whatever the words are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| match c {
            // What stands behind it is figures.
            '|' => '/',
            c if c.is_control() => ' ',
            c => c,
        };
        let text: String = self.text.chars().map(plain).collect();
        write!(f, "{} {}: {text}", self.subject, self.status.word())?;
        for (n, figure) in self.figures.iter().enumerate() {
            write!(f, "{}{figure}", if n == 0 { " | " } else { " " })?;
        }
        Ok(())
    }
}

/// From where on a percentage is a reason to warn, and critical.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// More than so many percent: a warning.
    pub warning: f64,
    /// More than so many percent: critical.
    pub critical: f64,
}

impl Limits {
    fn judge(self, percent: f64) -> Status {
        if percent > self.critical {
            Status::Critical
        } else if percent > self.warning {
            Status::Warning
        } else {
            Status::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_outcome_is_a_line_of_words_and_figures() {
        let limits = Limits { warning: 80.0, critical: 95.5 };
        let mut outcome = Outcome::unknown("HOST", "a|b\nc");
        assert_eq!(outcome.to_string(), "HOST UNKNOWN: a/b c");
        outcome.status = Status::Ok;
        outcome.figures = vec![
            Figure::new("cpu", 12.3456, "%").within(limits).out_of(100.0),
            Figure::new("disk /srv=a", 3.0, "B"),
        ];
        let line = "HOST OK: a/b c | cpu=12.35%;80;95.5;0;100 'disk /srv_a'=3B;;;0";
        assert_eq!(outcome.to_string(), line);
    }

    #[test]
    fn limits_are_the_last_that_is_well() {
        let limits = Limits { warning: 80.0, critical: 95.0 };
        assert_eq!(
            [80.0, 80.1, 95.0, 95.1].map(|percent| limits.judge(percent)),
            [Status::Ok, Status::Warning, Status::Warning, Status::Critical]
        );
        let all = [Status::Ok, Status::Warning, Status::Critical, Status::Unknown];
        assert_eq!(all.map(Status::code), [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn it_is_always_one_line_with_one_bar(text in "\\PC*|[a|\n\r\t]*", label in "\\PC*") {
            let mut outcome = Outcome::unknown("HOST", text);
            outcome.figures = vec![Figure::new(label.replace('|', ""), 1.0, "")];
            let line = outcome.to_string();
            prop_assert_eq!(line.matches('|').count(), 1);
            prop_assert!(!line.contains(['\n', '\r']));
        }
    }
}
