//! A line of a log.

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
                text: plain(&line.text),
                noted: false,
            },
            Entry::Began(container) => {
                let on = if container.host.is_empty() { "" } else { " on " };
                noted(&short(&container.id), format!("{}{on}{}", container.name, container.host))
            }
            Entry::Ended { container, code, out_of_memory, .. } => {
                let ended = match (out_of_memory, code) {
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

/// Without colours and other orders to a terminal, which a page does not carry out.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' && rest.next_if_eq(&'[').is_some() {
            // CSI: parameters, then one letter (ECMA-48 §5.4).
            while rest.next_if(|c| !('@'..='~').contains(c)).is_some() {}
            rest.next();
        } else if c == '\t' || !c.is_control() {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn orders_to_a_terminal_are_left_out() {
        assert_eq!(plain("\u{1b}[1;31merror\u{1b}[0m: no\tdisk\u{7}"), "error: no\tdisk");
        assert_eq!(plain("\u{1b}[31"), "");
        assert_eq!(plain("a\u{1b}b"), "ab");
    }
}
