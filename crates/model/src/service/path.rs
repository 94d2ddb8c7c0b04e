//! How rules read the path of a request.
//!
//! A rule that could be got around by another way of writing a path would be none, so paths are compared
//! decoded, without dot segments and without empty ones (RFC 3986 §6.2.2). nginx compares `location`s with
//! the same, so that all edges agree.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What does not stand for itself in a path (RFC 3986 §3.3).
const NOT_IN_PATH: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Why a path cannot be compared with rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadablePath {
    /// A `%` that no two hexadecimal digits follow.
    #[error("its path has a % that no two hexadecimal digits follow")]
    Percent,
    /// `%00`, at which some programs take a path to end.
    #[error("its path has a %00")]
    Nul,
    /// More `..` than there is to leave.
    #[error("its path leads above the root")]
    Above,
}

/// The path of a request, as it was sent and as rules see it.
#[derive(Debug)]
pub struct RequestPath<'p> {
    sent: &'p str,
    seen: Cow<'p, [u8]>,
    /// What was sent says the same, only encoded, and has no character that no path has.
    is_clean: bool,
}

impl<'p> RequestPath<'p> {
    /// Reads a path, without its query. One that is empty is `/` (RFC 9110 §4.2.3). Allocates nothing for
    /// a path that is written plainly.
    ///
    /// # Errors
    /// When it cannot be said what the path is.
    pub fn read(sent: &'p str) -> Result<Self, UnreadablePath> {
        let sent = if sent.is_empty() { "/" } else { sent };
        if is_plain(sent.as_bytes()) {
            return Ok(Self { sent, seen: Cow::Borrowed(sent.as_bytes()), is_clean: true });
        }
        let decoded = decoded(sent)?;
        let seen = without_dots(&decoded)?;
        let is_clean = *decoded == *seen && sent.bytes().all(|byte| byte == b'%' || stands(byte));
        Ok(Self { sent, seen: Cow::Owned(seen), is_clean })
    }

    /// Whether it is this path.
    #[must_use]
    pub fn is(&self, path: &RulePath) -> bool {
        *self.seen == *path.seen
    }

    /// Whether it begins so, for example with `/assets/`.
    #[must_use]
    pub fn begins_with(&self, beginning: &RulePath) -> bool {
        self.seen.starts_with(&beginning.seen)
    }

    /// What is behind a beginning of it, for example of `/old/`: as it was sent where that is plain,
    /// and otherwise as it is read, encoded anew.
    #[must_use]
    pub fn behind(&self, beginning: &RulePath) -> Option<Cow<'p, str>> {
        let seen = self.seen.strip_prefix(&*beginning.seen)?;
        let sent = self.sent.strip_prefix(&*beginning.written).filter(|_| self.is_clean);
        Some(sent.map_or_else(|| encoded(seen), Cow::Borrowed))
    }

    /// Whether it is this path, or one below it: `/api` and `/api/x`, and not `/apix`.
    #[must_use]
    pub fn is_under(&self, path: &RulePath) -> bool {
        let behind = self.seen.strip_prefix(&*path.seen);
        behind.is_some_and(|behind| matches!(behind, [] | [b'/', ..]))
    }

    /// What is left when the path that it is [under](Self::is_under) is taken away: a path of its own.
    #[must_use]
    pub fn below(&self, path: &RulePath) -> Option<Cow<'p, str>> {
        if !self.is_under(path) {
            return None;
        }
        match self.behind(path)? {
            rest if rest.is_empty() => Some(Cow::Borrowed("/")),
            rest if rest.starts_with('/') => Some(rest),
            // A slash that was sent encoded.
            _ => self.seen.strip_prefix(&*path.seen).map(encoded),
        }
    }
}

/// A path of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePath {
    written: Box<str>,
    seen: Box<[u8]>,
}

impl RulePath {
    /// The path as `launcher.toml` has it.
    #[must_use]
    pub fn new(written: &str) -> Self {
        Self { seen: percent_decode_str(written).collect(), written: written.into() }
    }

    /// The path as `launcher.toml` has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The path as it is compared: decoded, in UTF-8 where that was meant.
    #[must_use]
    pub fn decoded(&self) -> &[u8] {
        &self.seen
    }
}

/// Why the path of a rule would never fit, or not as it looks.
pub(super) fn fault_of(written: &str) -> Option<&'static str> {
    let Ok(read) = RequestPath::read(written) else { return Some("a % is written %25") };
    if !read.is_clean {
        return Some("write it without \"//\", and without \".\" and \"..\" between slashes");
    }
    for (at, _) in written.match_indices('%') {
        let digits = &written[at + 1..at + 3];
        let byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        if byte == b'/' || byte < b' ' || byte == 0x7f {
            return Some("an encoded slash or control character fits no request");
        }
        if digits.bytes().any(|digit| digit.is_ascii_lowercase()) {
            return Some("write the digits behind a % in capitals");
        }
        if stands(byte) && may_be_written(byte) && byte != b'*' {
            return Some("write what needs no % without one");
        }
    }
    None
}

/// Whether a byte may stand in a rule: it is one of an address, and means nothing to who reads a file.
pub(super) fn may_be_written(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"#\"'<>\\^`{|}$;".contains(&byte)
}

/// A query in characters that one has (RFC 3986 §3.4), for those of a request that has others.
#[must_use]
pub fn encoded_query(query: &str) -> Cow<'_, str> {
    const NOT_IN_QUERY: AsciiSet = NOT_IN_PATH.remove(b'%').remove(b'?').remove(b'[').remove(b']');
    percent_encode(query.as_bytes(), &NOT_IN_QUERY).into()
}

fn encoded(seen: &[u8]) -> Cow<'static, str> {
    Cow::Owned(percent_encode(seen, &NOT_IN_PATH).to_string())
}

/// Whether a byte stands for itself in a path.
fn stands(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte)
}

/// Whether a path is seen as it is, without looking closer: no other characters than those that stand
/// for themselves, no slash behind a slash, and no dot.
fn is_plain(path: &[u8]) -> bool {
    let mut before = 0;
    path.iter().all(|byte| {
        let joined = before == b'/' && matches!(byte, b'/' | b'.');
        before = *byte;
        !joined && stands(*byte)
    })
}

fn decoded(sent: &str) -> Result<Cow<'_, [u8]>, UnreadablePath> {
    for (at, _) in sent.match_indices('%') {
        let digits = sent.as_bytes().get(at + 1..at + 3).unwrap_or_default();
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(UnreadablePath::Percent);
        }
    }
    let decoded: Cow<'_, [u8]> = percent_decode_str(sent).into();
    if decoded.contains(&0) { Err(UnreadablePath::Nul) } else { Ok(decoded) }
}

/// Removes dot segments (RFC 3986 §5.2.4) and empty ones. What ended in a slash, or in a dot segment,
/// ends in a slash.
fn without_dots(decoded: &[u8]) -> Result<Vec<u8>, UnreadablePath> {
    let mut seen = Vec::with_capacity(decoded.len());
    let mut segments = decoded.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"" | b"." => {}
            b".." => {
                let above = seen.iter().rposition(|byte| *byte == b'/');
                seen.truncate(above.ok_or(UnreadablePath::Above)?);
            }
            _ => {
                seen.push(b'/');
                seen.extend_from_slice(segment);
                continue;
            }
        }
        if is_last {
            seen.push(b'/');
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests;
