//! Text that others wrote, such as notes, branches, reasons and log lines: a terminal must not obey it.

use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde_json::Value;

/// Something that is shown to people: every text in it is [`harmless`].
pub(super) struct Shown<T>(pub(super) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Shown<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        disarm(&mut value);
        serde_json::from_value(value).map(Self).map_err(D::Error::custom)
    }
}

fn disarm(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(escaped) = harmless(text) {
                *text = escaped;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(disarm),
        Value::Object(entries) => {
            let all = std::mem::take(entries).into_iter().map(|(key, mut value)| {
                disarm(&mut value);
                (harmless(&key).into_owned(), value)
            });
            *entries = all.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Text with what a terminal would obey written out, line ends included.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same for text of several lines.
pub(super) fn harmless_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_bad = |c: char| is_obeyed(c) && !stays(c);
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let parts = text.chars().map(|c| match c {
        c if !is_bad(c) => c.to_string(),
        '\u{0}'..='\u{ff}' if !matches!(c, '\n' | '\r' | '\t') => {
            format!("\\x{:02x}", u32::from(c))
        }
        c => c.escape_default().to_string(),
    });
    Cow::Owned(parts.collect())
}

/// Control characters, and those that turn the direction of the text around them.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line that a container printed, for a terminal: its colours stay if they are wanted, and end with the
/// line. Everything else that a terminal would obey is written out, but for tabs.
pub(super) fn printed(line: &str, colour: bool) -> Cow<'_, str> {
    if !line.contains(is_obeyed) {
        return Cow::Borrowed(line);
    }
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    let mut coloured = false;
    while let Some(at) = rest.find('\u{1b}') {
        text.push_str(&harmless_lines(&rest[..at]));
        rest = &rest[at..];
        let length = colour_length(rest);
        let (sequence, behind) = rest.split_at(length.unwrap_or(1));
        match length {
            Some(_) if colour => {
                coloured = true;
                text.push_str(sequence);
            }
            Some(_) => {}
            None => text.push_str(&harmless(sequence)),
        }
        rest = behind;
    }
    text.push_str(&harmless_lines(rest));
    if coloured {
        text.push_str("\u{1b}[0m");
    }
    Cow::Owned(text)
}

/// The length of the sequence that sets colours at the beginning of text, if it is one: SGR of ECMA-48.
fn colour_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, shown) in [
            ("plain, grüß dich ✓", "plain, grüß dich ✓"),
            ("a\u{1b}[31mred\nline2", "a\\x1b[31mred\\nline2"),
            ("\u{1b}]0;title\u{7}\r\t", "\\x1b]0;title\\x07\\r\\t"),
            ("\u{9b}2J\u{7f}", "\\x9b2J\\x7f"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
        ] {
            assert_eq!(harmless(text), shown);
        }
        assert_eq!(harmless_lines("a\n\tb\r"), "a\n\tb\\r");
    }

    #[test]
    fn every_text_of_what_is_shown_is_harmless() {
        let value = json!({ "no\u{1b}te": ["\u{1b}c", { "by": "mi\rka" }], "id": 7 });
        let Shown(shown): Shown<Value> = serde_json::from_value(value).unwrap();
        assert_eq!(shown, json!({ "no\\x1bte": ["\\x1bc", { "by": "mi\\rka" }], "id": 7 }));
    }

    #[test]
    fn printed_lines_keep_their_colours_alone() {
        let line = "\u{1b}[1;32mok\u{1b}[0m\t\u{1b}[2J\u{1b}]52;c;x\u{7}\u{1b}[38:5:1mred\r";
        let rest = "\\x1b[2J\\x1b]52;c;x\\x07";
        assert_eq!(
            printed(line, true),
            format!("\u{1b}[1;32mok\u{1b}[0m\t{rest}\u{1b}[38:5:1mred\u{1b}[0m")
        );
        assert_eq!(printed(line, false), format!("ok\t{rest}red"));
        assert_eq!(printed("10 %\r20 %", true), "10 %\\r20 %");
        assert_eq!(printed("\u{1b}", true), "\\x1b");
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_obeyed_is_left(text in "(\\PC|[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202e}]|\u{1b}\\[[0-9;]*[mHJ])*") {
            proptest::prop_assert!(!harmless(&text).contains(is_obeyed));
            proptest::prop_assert!(!printed(&text, false).contains(|c| c != '\n' && c != '\t' && is_obeyed(c)));
            let coloured = printed(&text, true).into_owned();
            let mut rest = coloured.as_str();
            while let Some(at) = rest.find(|c| c != '\n' && c != '\t' && is_obeyed(c)) {
                let length = colour_length(&rest[at..]);
                proptest::prop_assert!(length.is_some(), "{coloured:?}");
                rest = &rest[at + length.unwrap_or(1)..];
            }
        }
    }
}
