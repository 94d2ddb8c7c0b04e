//! Reading `launcher.toml` so that a mistake is found by its line.

use toml::de::{DeTable, DeValue};

use super::{Fault, ServiceSpec};
use crate::expected::in_words;

/// A `launcher.toml` that was refused: which file, where in it, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}{}", excerpt(.source_line, *.column))]
pub struct FileError {
    /// The file, as the caller named it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong there, and what was expected.
    pub message: String,
    /// The line itself.
    pub source_line: String,
}

/// So many characters of a line are shown.
const SHOWN: usize = 120;

/// A line, or the part of it around a column: the rest tells nothing of the mistake, and may be a value
/// that is nobody else's business.
fn excerpt(line: &str, column: usize) -> String {
    let line = line.trim_end();
    if line.trim().is_empty() {
        return String::new();
    }
    let length = line.chars().count();
    let start = column.saturating_sub(SHOWN / 2).min(length.saturating_sub(SHOWN));
    let shown: String = line.chars().skip(start).take(SHOWN).collect();
    let before = if start > 0 { "…" } else { "" };
    let behind = if start + SHOWN < length { "…" } else { "" };
    format!("\n    {before}{shown}{behind}")
}

/// A message that repeats a long value, without the middle of it.
fn shortened(message: &str) -> String {
    let length = message.chars().count();
    if length <= 3 * SHOWN {
        return message.to_owned();
    }
    let beginning: String = message.chars().take(SHOWN).collect();
    let end: String = message.chars().skip(length - SHOWN).collect();
    format!("{beginning}…{end}")
}

/// What is said of a file without what every one has.
const MISSING: [&str; 3] =
    ["missing field `service`", "missing field `name`", "missing field `port`"];
/// The least that a file says, and what writes it.
const LEAST: &str = "; the two lines that a file has at the least are \
    service.name = \"shop\" and service.port = 8080; `launcher init` writes one";

/// Reads a service's file.
///
/// # Errors
/// The first mistake: syntax, an unknown key, a value of the wrong kind, or one that makes no sense.
pub fn read(file: &str, text: &str) -> Result<ServiceSpec, FileError> {
    let spec: ServiceSpec = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let mut located = locate(file, text, at, &in_words(error.message(), "a table"));
        if MISSING.contains(&located.message.as_str()) {
            located.message.push_str(LEAST);
        }
        located
    })?;
    match spec.faults().into_iter().next() {
        None => Ok(spec),
        Some(fault) => {
            Err(locate(file, text, position_of(text, &fault).unwrap_or(0), &fault.to_string()))
        }
    }
}

fn locate(file: &str, text: &str, at: usize, message: &str) -> FileError {
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let source_line = text[line_start..].lines().next().unwrap_or_default();
    // A line may be wrong at its end, which is more than one character in some files.
    let column = before[line_start..].chars().count().min(source_line.chars().count()) + 1;
    FileError {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column,
        message: shortened(&message.trim().replace('\n', "; ")),
        source_line: source_line.to_owned(),
    }
}

/// Where the value that a fault speaks of stands in the text.
fn position_of(text: &str, fault: &Fault) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut found = None;
    for part in fault.path.split('.') {
        let (key, element) = element(part);
        let (name, value) = table.iter().find(|(name, _)| name.get_ref().as_ref() == key)?;
        found = Some(name.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(all) => {
                return element.and_then(|at| all.get(at)).map(|one| one.span().start).or(found);
            }
            _ => break,
        }
    }
    found
}

/// A part of a path, and which element of a list it names: `freeze[0]`.
fn element(part: &str) -> (&str, Option<usize>) {
    let split = part.strip_suffix(']').and_then(|part| part.split_once('['));
    split.map_or((part, None), |(key, at)| (key, at.parse().ok()))
}
