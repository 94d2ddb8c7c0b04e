//! Words that may stand in a configuration.

use std::fmt::Write;

use launcher_model::ServiceName;

/// The first line of every file.
pub(super) const BANNER: &str =
    "# Written by Rocket Launcher. What is changed here by hand is changed back.\n";

/// Something in the table that cannot be said to nginx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("service {service} cannot be served by nginx: {what} {given:?} {why}")]
pub(in crate::nginx) struct Unfit {
    service: ServiceName,
    what: &'static str,
    given: String,
    why: &'static str,
}

impl Unfit {
    pub(super) fn new(
        service: &ServiceName,
        what: &'static str,
        given: &str,
        why: &'static str,
    ) -> Self {
        let given = given.chars().take(80).collect();
        Self { service: service.clone(), what, given, why }
    }
}

/// Lets a hostname through as it is: letters, digits, `-` and dots (RFC 1123) mean nothing else to nginx.
pub(super) fn hostname<'h>(
    service: &ServiceName,
    what: &'static str,
    host: &'h str,
) -> Result<&'h str, Unfit> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if host.len() <= 253 && host.split('.').all(label) {
        return Ok(host);
    }
    Err(Unfit::new(service, what, host, "is not a hostname"))
}

/// Lets the name of a header field through (RFC 9110 §5.1), in quotes: it may hold a `'`.
pub(super) fn field_name(service: &ServiceName, name: &str) -> Result<String, Unfit> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.is_empty() && name.len() <= 255 && name.bytes().all(token) {
        return Ok(verbatim(name));
    }
    Err(Unfit::new(service, "the field", name, "is not the name of a header field"))
}

/// The longest text that nginx reads as one word is one of 4095 bytes.
const LONGEST_WORD: usize = 4000;

/// A text of one line that stands for itself where nginx would replace variables, without the quotes.
pub(super) fn within_quotes(
    service: &ServiceName,
    what: &'static str,
    text: &str,
) -> Result<String, Unfit> {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Unfit::new(service, what, text, "is more than one line"));
    }
    let quoted = escaped(text);
    if quoted.len() > LONGEST_WORD {
        return Err(Unfit::new(service, what, text, "is longer than nginx reads a text"));
    }
    Ok(quoted)
}

/// A text that stands for itself where nginx would replace variables, without the quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        match c {
            // Nothing else brings a `$` in (`geo` in the shared file).
            '$' => out.push_str("${launcher_dollar}"),
            '\\' | '"' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A text in quotes, where nginx replaces no variables.
pub(super) fn verbatim(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What finds a text by a regular expression (PCRE), as the key of a `map`.
pub(super) fn pattern(expression: &str) -> String {
    verbatim(&format!("~{expression}"))
}

/// A regular expression that finds these bytes.
pub(super) fn literal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        match byte {
            b if b.is_ascii_alphanumeric() || b"/_-".contains(b) => out.push(char::from(*b)),
            // Writing to memory does not fail.
            b => drop(write!(out, "\\x{b:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_for_itself() {
        assert_eq!(escaped(r#"a"b\c$d${e}"#), r#"a\"b\\c${launcher_dollar}d${launcher_dollar}{e}"#);
        assert_eq!(verbatim(r#"a"\.$"#), r#""a\"\\.$""#);
        assert_eq!(literal("/a.b-ü".as_bytes()), r"/a\x2Eb-\xC3\xBC");
        let shop = ServiceName::new("shop").unwrap();
        assert!(within_quotes(&shop, "the value", "a\nb").is_err());
        assert!(within_quotes(&shop, "the value", &"$".repeat(300)).is_err());
        for name in ["", "a b", "a\"", "a;", "a{", "a\n"] {
            assert!(field_name(&shop, name).is_err(), "{name:?}");
        }
    }
}
