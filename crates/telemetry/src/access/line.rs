//! A line of a log: JSON, or the format `combined` that nginx and Apache have.

use serde_json::{Map, Value};

use super::fields::{Field, Fields};

/// What a line of an access log says.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'l> {
    /// Fields as JSON.
    Json(Map<String, Value>),
    /// A line in `combined`, or in `common`, which is the beginning of it.
    Combined(Combined<'l>),
}

/// Of a line in `combined`, what counts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Combined<'l> {
    status: &'l str,
    bytes: &'l str,
}

impl<'l> Line<'l> {
    /// Reads one; none when it is no access log's.
    pub(super) fn read(text: &'l str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('{') {
            return serde_json::from_str(text).ok().map(Self::Json);
        }
        Combined::read(text).map(Self::Combined)
    }

    /// What it has.
    pub(super) fn fields(&self) -> &dyn Fields {
        match self {
            Self::Json(fields) => fields,
            Self::Combined(fields) => fields,
        }
    }
}

impl<'l> Combined<'l> {
    /// Reads `ADDRESS - USER [TIME] "REQUEST" STATUS BYTES …`.
    fn read(text: &'l str) -> Option<Self> {
        let (before, rest) = text.split_once('"')?;
        let before = before.trim_end();
        if !before.ends_with(']') || !before.contains(" [") {
            return None;
        }
        let mut words = behind_quoted(rest)?.split_ascii_whitespace();
        let (status, bytes) = (words.next()?, words.next()?);
        let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        let is_bytes = bytes == "-" || bytes.bytes().all(|byte| byte.is_ascii_digit());
        (is_status && is_bytes).then_some(Self { status, bytes })
    }
}

/// What stands behind the quote that ends a quoted text. Within it a quote has a backslash before it.
fn behind_quoted(text: &str) -> Option<&str> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    })?;
    text.get(end + 1..)
}

impl Fields for Combined<'_> {
    fn get(&self, name: &str) -> Option<Field<'_>> {
        match name {
            "status" => Some(Field::Text(self.status)),
            "body_bytes_sent" => Some(Field::Text(self.bytes)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_combined_are_read() {
        for (line, status, bytes) in [
            (
                r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "GET /?a=b HTTP/1.1" 200 612 "-" "curl/8.5.0""#,
                "200",
                "612",
            ),
            (
                r#"2001:db8::1 - ann [24/Nov/2026:13:00:00 +0000] "GET / HTTP/1.0" 304 -"#,
                "304",
                "-",
            ),
            // What clients send is escaped by nginx and by Apache.
            (
                r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "\x16\x03 \"] 500 1" 400 150 "-" "-""#,
                "400",
                "150",
            ),
            (r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "-" 408 0 "-" "-" "-""#, "408", "0"),
        ] {
            let expected = Some(Line::Combined(Combined { status, bytes }));
            assert_eq!(Line::read(line), expected, "{line}");
        }
        for line in [
            "",
            "listening on [::]:8080",
            r#"said "hello" 200 times"#,
            r#"[info] "GET /" took long"#,
            r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "GET / HTTP/1.1" 200"#,
            r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "GET / HTTP/1.1" OK 12"#,
            r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "GET \"#,
            "{\"status\": ",
            "[1]",
        ] {
            assert_eq!(Line::read(line), None, "{line}");
        }
    }
}
