//! Headers that a collector asks for, such as `Authorization`, as a file has them.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

/// Headers whose values are secret: they are printed nowhere.
#[derive(Debug, Clone, Default)]
pub struct Headers(HeaderMap);

/// A line that is no header. It does not say what the line is, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {what}; write a header in each line, such as `Authorization: Bearer TOKEN`")]
pub struct InvalidHeader {
    line: usize,
    what: &'static str,
}

/// What the protocol itself says.
const OURS: [&str; 5] =
    ["content-type", "content-encoding", "content-length", "transfer-encoding", "host"];

impl Headers {
    /// Reads lines of `Name: value`. Empty ones and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// When a line is none of these.
    pub fn read(text: &SecretString) -> Result<Self, InvalidHeader> {
        let mut headers = HeaderMap::new();
        for (index, line) in text.expose_secret().lines().enumerate() {
            let line_says = line.trim();
            if line_says.is_empty() || line_says.starts_with('#') {
                continue;
            }
            let (name, value) =
                header(line_says).map_err(|what| InvalidHeader { line: index + 1, what })?;
            headers.append(name, value);
        }
        Ok(Self(headers))
    }

    /// As they are sent.
    pub(super) fn map(&self) -> HeaderMap {
        self.0.clone()
    }
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = line.split_once(':').ok_or("has no colon")?;
    let name: HeaderName = name.trim().parse().map_err(|_| "begins with what is no name")?;
    if OURS.contains(&name.as_str()) {
        return Err("says what the protocol says");
    }
    let mut value: HeaderValue =
        value.trim().parse().map_err(|_| "has a value that no header can have")?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Headers, InvalidHeader> {
        Headers::read(&SecretString::from(text.to_owned()))
    }

    #[test]
    fn each_line_is_a_header_and_values_are_not_printed() {
        let headers = read("# ours\n\nAuthorization: Bearer a:b\r\nx-team: web\n").unwrap();
        assert_eq!(headers.map()["authorization"], "Bearer a:b");
        assert_eq!(headers.map()["x-team"], "web");
        assert!(!format!("{headers:?}").contains("Bearer"), "{headers:?}");
    }

    #[test]
    fn a_line_that_is_no_header_is_named_and_not_told() {
        for (text, line) in [
            ("x: 1\nsecret", "line 2 has no colon"),
            (": secret", "line 1 begins with what is no name"),
            ("se cret: 1", "line 1 begins with what is no name"),
            ("x: secret\u{1}", "line 1 has a value that no header can have"),
            ("Content-Type: secret", "line 1 says what the protocol says"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(line), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
