//! Finding the `include` lines of an nginx configuration, without understanding the rest of it.

use std::ops::Range;

/// An `include` line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Include {
    /// Where it stands, with the semicolon that ends it.
    pub(super) at: Range<usize>,
    /// What it includes: a path or a pattern.
    pub(super) pattern: String,
}

/// Finds all of them, in whatever block they stand.
pub(super) fn includes(text: &str) -> Vec<Include> {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    let mut found = Vec::new();
    let mut words: Vec<(usize, String)> = Vec::new();
    while let Some((start, token)) = scanner.next() {
        match token {
            Token::Word(word) => words.push((start, word)),
            Token::Semicolon => {
                if let [(from, directive), (_, pattern)] = words.as_slice()
                    && directive == "include"
                {
                    found.push(Include { at: *from..scanner.at, pattern: pattern.clone() });
                }
                words.clear();
            }
            Token::Brace => words.clear(),
        }
    }
    found
}

enum Token {
    Word(String),
    Semicolon,
    Brace,
}

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next token and where it begins.
    fn next(&mut self) -> Option<(usize, Token)> {
        loop {
            match self.peek()? {
                byte if byte.is_ascii_whitespace() => self.at += 1,
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => break,
            }
        }
        let start = self.at;
        let token = match self.peek()? {
            b';' => Token::Semicolon,
            b'{' | b'}' => Token::Brace,
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                let word = self.word(|byte, _| byte == quote);
                self.at += 1;
                return Some((start, Token::Word(word)));
            }
            _ => {
                // `${name}` is a variable within a word.
                let ends = |byte: u8, before: u8| {
                    byte.is_ascii_whitespace() || byte == b';' || (byte == b'{' && before != b'$')
                };
                return Some((start, Token::Word(self.word(ends))));
            }
        };
        self.at += 1;
        Some((start, token))
    }

    /// Reads up to a byte that ends it, which is told from it and the one before.
    fn word(&mut self, ends: impl Fn(u8, u8) -> bool) -> String {
        let mut word = Vec::new();
        let mut before = 0;
        while let Some(byte) = self.peek() {
            if ends(byte, before) {
                break;
            }
            self.at += 1;
            let escaped = if byte == b'\\' { self.peek() } else { None };
            word.push(escaped.unwrap_or(byte));
            self.at += usize::from(escaped.is_some());
            before = byte;
        }
        String::from_utf8_lossy(&word).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, String)> {
        includes(text).into_iter().map(|i| (&text[i.at], i.pattern)).collect()
    }

    #[test]
    fn includes_are_found_wherever_they_stand() {
        let text =
            "user x;\ninclude modules/*.conf;http{include \"/a b/*.conf\" ;server{ include 'c';}}";
        let expected = [
            ("include modules/*.conf;", "modules/*.conf"),
            ("include \"/a b/*.conf\" ;", "/a b/*.conf"),
            ("include 'c';", "c"),
        ];
        assert_eq!(found(text), expected.map(|(line, pattern)| (line, pattern.to_owned())));
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in [
            "# include a;\n",
            "log_format x 'include a;';",
            "set $x \"; include a;\";",
            "return 200 ${include}a;",
            "include a b;",
            "include a",
            "location ~ ^/x{1,2} { }",
            "set $x it\\'s;",
            "\"",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
