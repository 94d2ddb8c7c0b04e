//! Where things are printed: data on standard output, all else on standard error.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};

use console::{Style, Term};
use jiff::Timestamp;
use serde::Serialize;

use super::Failure;
use super::foreign::{harmless_lines, printed};

/// How text is laid out for whoever reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// With colours.
    pub(super) colour: bool,
    /// As wide as the terminal; none where there is no terminal, and nothing is wrapped.
    pub(super) width: Option<u16>,
    /// What "3 min ago" counts from.
    pub(super) now: Timestamp,
}

impl Look {
    /// How standard output is to be written.
    pub(super) fn of_stdout() -> Self {
        let terminal = Term::stdout();
        let width = terminal.size_checked().map(|(_, columns)| columns);
        Self { colour: colourful(io::stdout().is_terminal()), width, now: Timestamp::now() }
    }

    /// A style, or none where colours are not wanted.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            style.force_styling(true).apply_to(text).to_string()
        } else {
            text.to_owned()
        }
    }
}

/// Colours are for terminals, unless `NO_COLOR` is set (<https://no-color.org>) or it has none.
fn colourful(terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Standard output. A reader that goes away ends the command, silently.
#[derive(Debug)]
pub(super) struct Output;

impl Output {
    /// Writes text as it is.
    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        wrote(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    }

    /// Writes a line.
    pub(super) fn line(&self, line: &str) -> Result<(), Failure> {
        self.text(&format!("{line}\n"))
    }

    /// Writes a line that a command in a container printed: as it is, but on a terminal.
    pub(super) fn printed(&self, line: &str) -> Result<(), Failure> {
        self.line(&for_terminal(line, io::stdout().is_terminal()))
    }

    /// Writes JSON for people and programs.
    pub(super) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&written(serde_json::to_string_pretty(value))?)
    }

    /// Writes JSON in one line.
    pub(super) fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&written(serde_json::to_string(value))?)
    }
}

fn written(json: serde_json::Result<String>) -> Result<String, Failure> {
    let json = json.map_err(|error| Failure::io("write JSON")(error.into()))?;
    Ok(if json.contains(is_left_by_json) { without_controls(&json) } else { json })
}

/// JSON need not escape these control characters, which some terminals obey. They stand in texts only.
fn is_left_by_json(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}')
}

fn without_controls(json: &str) -> String {
    let parts = json.chars().map(|c| match c {
        c if is_left_by_json(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    parts.collect()
}

/// Passes on bytes that a command printed.
pub(super) struct Printed {
    /// They go to a terminal of people, which must not be told what to do.
    cleaned: bool,
    /// The beginning of a line.
    line: Vec<u8>,
}

/// A line that is longer is passed on in such pieces, in bytes.
const LONGEST: usize = 64 * 1024;

impl Printed {
    pub(super) fn new(cleaned: bool) -> Self {
        Self { cleaned, line: Vec::new() }
    }

    /// Writes them, as far as they are whole lines where they are cleaned.
    pub(super) fn write(&mut self, bytes: &[u8], to: &mut impl Write) -> Result<(), Failure> {
        if !self.cleaned {
            return wrote(to.write_all(bytes).and_then(|()| to.flush()));
        }
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let rest = self.line.split_off(end + 1);
            let line = std::mem::replace(&mut self.line, rest);
            self.clean(&line[..end], "\n", to)?;
        }
        if self.line.len() > LONGEST { self.finish(to) } else { Ok(()) }
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self, to: &mut impl Write) -> Result<(), Failure> {
        if self.line.is_empty() {
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        self.clean(&line, "", to)
    }

    fn clean(&self, line: &[u8], end: &str, to: &mut impl Write) -> Result<(), Failure> {
        let line = String::from_utf8_lossy(line);
        wrote(write!(to, "{}{end}", for_terminal(&line, true)).and_then(|()| to.flush()))
    }
}

fn wrote(written: io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::io("write to standard output")(error),
    })
}

fn for_terminal(line: &str, terminal: bool) -> Cow<'_, str> {
    if terminal { printed(line, colourful(true)) } else { Cow::Borrowed(line) }
}

/// Says something on standard error. When that is closed, there is nobody left to tell.
pub(super) fn say(line: &str) {
    say_as_it_is(&harmless_lines(line));
}

/// Says on standard error what a command in a container printed there: as it is, but on a terminal.
pub(super) fn say_printed(line: &str) {
    say_as_it_is(&for_terminal(line, io::stderr().is_terminal()));
}

fn say_as_it_is(line: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{line}");
}

/// Says on standard error what went wrong.
pub(super) fn complain(text: &str) {
    let label = if colourful(io::stderr().is_terminal()) {
        Style::new().red().bold().force_styling(true).apply_to("error:").to_string()
    } else {
        "error:".to_owned()
    };
    say_as_it_is(&format!("{label} {}", harmless_lines(text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_same_without_control_characters() {
        let text = "a\u{1b}[31m\u{7f}\u{9b}2J ü";
        let json = written(serde_json::to_string(text)).unwrap();
        assert!(!json.contains(char::is_control), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn what_a_command_printed_is_as_it_is_but_on_a_terminal() {
        assert_eq!(for_terminal("\u{1b}[2J", false), "\u{1b}[2J");
        assert_eq!(for_terminal("\u{1b}[2J", true), "\\x1b[2J");
    }
}
