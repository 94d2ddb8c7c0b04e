//! A line of a log.

use launcher_build::clean;
use launcher_control::Entry;
use launcher_logs::short;
use serde::Serialize;

/// What a container printed, or what happened to it.
#[derive(Debug, Serialize)]
pub(crate) struct LogLine {
    /// When, in UTC.
    pub(crate) at: String,
    /// Which container, in short.
    pub(crate) who: String,
    pub(crate) text: String,
    /// Nobody printed it: it was noted.
    pub(crate) noted: bool,
}

impl LogLine {
    /// None of what is no line.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let noted = |who: &str, text: String| Self {
            at: String::new(),
            who: who.to_owned(),
            text,
            noted: true,
        };
        Some(match entry {
            Entry::Line(container, line) => Self {
                at: line.at.map_or_else(String::new, |at| {
                    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
                }),
                who: short(&container.id),
                text: clean(&line.text),
                noted: false,
            },
            Entry::Began(container) => {
                let on = if container.host.is_empty() { "" } else { " on " };
                noted(&short(&container.id), format!("{}{on}{}", container.name, container.host))
            }
            Entry::Ended { container, end } => {
                let ended = match (end.out_of_memory, end.code) {
                    (true, _) => "out of memory".to_owned(),
                    (false, Some(code)) => format!("ended with status {code}"),
                    (false, None) => "ended".to_owned(),
                };
                noted(&short(&container.id), ended)
            }
            Entry::Note(detail) | Entry::Trouble(detail) => noted("", detail.clone()),
            Entry::End { .. } => return None,
        })
    }

    /// As a file has it.
    pub(crate) fn plain(&self) -> String {
        let (at, who, text) = (&self.at, &self.who, &self.text);
        if self.noted { format!("# {who} {text}\n") } else { format!("{at} {who} {text}\n") }
    }
}
