//! Words of an instruction, with their quotes taken away and their variables filled in.

use std::iter::Peekable;
use std::str::Chars;

use super::Variables;

/// The words of a line.
pub(super) fn words(line: &str, known: &Variables, escape: char) -> Vec<String> {
    let mut reader = Reader { rest: line.chars().peekable(), known, escape };
    let mut words = Vec::new();
    while let Some(word) = reader.word() {
        words.push(word);
    }
    words
}

/// A line with its variables filled in, and otherwise as it is.
pub(super) fn substituted(line: &str, known: &Variables, escape: char) -> String {
    let mut reader = Reader { rest: line.chars().peekable(), known, escape };
    let mut text = String::new();
    while let Some(c) = reader.rest.next() {
        match c {
            '$' => text.push_str(&reader.variable()),
            c if c == escape => text.extend(reader.rest.next()),
            c => text.push(c),
        }
    }
    text
}

struct Reader<'l> {
    rest: Peekable<Chars<'l>>,
    known: &'l Variables,
    escape: char,
}

impl Reader<'_> {
    fn word(&mut self) -> Option<String> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.peek()?;
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = self.rest.peek().copied() {
            if quote.is_none() && c.is_whitespace() {
                break;
            }
            self.rest.next();
            match (c, quote) {
                ('\'' | '"', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, Some('\'')) => word.push(c),
                ('$', _) => word.push_str(&self.variable()),
                (c, _) if c == self.escape => word.extend(self.rest.next()),
                (c, _) => word.push(c),
            }
        }
        Some(word)
    }

    /// What stands for a variable whose `$` was read.
    fn variable(&mut self) -> String {
        if self.rest.next_if_eq(&'{').is_some() {
            return self.braced();
        }
        let name = self.name();
        if name.is_empty() { "$".to_owned() } else { self.value(&name) }
    }

    /// `NAME}`, `NAME:-WORD}` and `NAME:+WORD}`, without the colon too.
    fn braced(&mut self) -> String {
        let name = self.name();
        let mut depth = 1;
        let mut rest = String::new();
        for c in self.rest.by_ref() {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            if depth == 0 {
                break;
            }
            rest.push(c);
        }
        let (rest, empty_counts) = match rest.strip_prefix(':') {
            Some(rest) => (rest, false),
            None => (rest.as_str(), true),
        };
        let set = self.known.get(&name).filter(|value| empty_counts || !value.is_empty());
        match (rest.chars().next(), set) {
            (Some('-'), None) | (Some('+'), Some(_)) => {
                substituted(&rest[1..], self.known, self.escape)
            }
            (Some('+'), None) => String::new(),
            _ => self.value(&name),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }

    fn value(&self, name: &str) -> String {
        self.known.get(name).cloned().unwrap_or_default()
    }
}
