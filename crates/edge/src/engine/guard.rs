//! What a client sends, looked at before it is read as HTTP/1.
//!
//! hyper reads requests for us, and some of what it takes others would read otherwise: a length beside a
//! transfer coding, and lines that end with a bare LF. Whoever stands before an edge may see the end of a
//! request somewhere else then, and what is behind it as another one (RFC 9112 §11.2). So the bytes go by
//! here first. As nothing passes of which it is not certain how long it is, it is known for every byte
//! whether it belongs to a head or to a body. Nothing is copied but of lines that come in pieces.

use memchr::memchr;

use super::chunked::Chunked;

/// What HTTP/2 begins with (RFC 9113 §3.4). hyper's HTTP/1 refuses it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// So much room is kept for lines that come in pieces, in bytes.
const KEPT: usize = 1 << 10;

/// Where in what a client sends the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a request, or in its first line.
    Start,
    /// In a field.
    Fields,
    /// In a body that has so many bytes more.
    Body(u64),
    /// In a body that comes in chunks.
    Chunks(Chunked),
    /// Behind the last chunk.
    Trailers,
    /// Behind a request that asks for another protocol: it is not known what follows.
    Unknown,
    /// In something else than HTTP/1.
    Other,
}

/// What is known of the head that is coming.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    length: Option<u64>,
    /// Whether the last transfer coding is chunked, if there are some.
    chunked: Option<bool>,
    upgrade: bool,
}

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They may be read.
    Pass,
    /// So many of them may be. What the others are depends on the answer to the request before them.
    Hold(usize),
    /// So many of them may be. The next one belongs to nothing that could be read in one way only.
    Refuse(usize),
}

/// A line that is none, or says what no line may.
struct Bad;

/// Follows what one client sends.
#[derive(Debug)]
pub(super) struct Guard {
    at: At,
    head: Head,
    /// A line of which the end has not come.
    line: Vec<u8>,
    /// How many heads have come whole.
    heads: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self { at: At::Start, head: Head::default(), line: Vec::new(), heads: 0 }
    }
}

impl Guard {
    /// How many requests' heads have come whole.
    pub(super) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether it is not known what follows.
    pub(super) fn is_waiting(&self) -> bool {
        self.at == At::Unknown
    }

    /// Whether what comes next is of a head.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.at, At::Start | At::Fields)
    }

    /// The last request has been answered in HTTP/1, so that another one follows.
    pub(super) fn resume(&mut self) {
        if self.at == At::Unknown {
            self.at = At::Start;
        }
    }

    /// Looks at what has come next.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Verdict {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            match &mut self.at {
                At::Other => break,
                At::Unknown => return Verdict::Hold(passed),
                At::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= here as u64;
                    passed += here;
                    if *left == 0 {
                        self.next();
                    }
                }
                At::Chunks(chunks) => match chunks.pass(rest) {
                    Ok(here) => {
                        passed += here;
                        if chunks.is_last() {
                            self.at = At::Trailers;
                        }
                    }
                    Err(here) => return Verdict::Refuse(passed + here),
                },
                At::Start | At::Fields | At::Trailers => {
                    let Some(end) = memchr(b'\n', rest) else {
                        self.line.extend_from_slice(rest);
                        break;
                    };
                    if self.take(&rest[..end]).is_err() {
                        return Verdict::Refuse(passed + end);
                    }
                    passed += end + 1;
                }
            }
        }
        Verdict::Pass
    }

    /// Takes a line, or the last part of it, without its LF.
    fn take(&mut self, part: &[u8]) -> Result<(), Bad> {
        if self.line.is_empty() {
            return self.read(part);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(part);
        let read = self.read(&line);
        line.clear();
        line.shrink_to(KEPT);
        self.line = line;
        read
    }

    fn read(&mut self, line: &[u8]) -> Result<(), Bad> {
        let line = line.strip_suffix(b"\r").ok_or(Bad)?;
        match (self.at, line) {
            // Empty lines before a request are passed over (RFC 9112 §2.2).
            (At::Start, []) => {}
            (At::Start, PREFACE) if self.heads == 0 => self.at = At::Other,
            (At::Start, _) => (self.at, self.head) = (At::Fields, Head::default()),
            (At::Fields, []) => return self.end_of_head(),
            (At::Fields, field) => return self.head.read(field),
            (At::Trailers, []) => self.next(),
            _ => {}
        }
        Ok(())
    }

    fn end_of_head(&mut self) -> Result<(), Bad> {
        self.heads += 1;
        match (self.head.chunked, self.head.length) {
            (Some(true), None) => self.at = At::Chunks(Chunked::default()),
            (None, Some(1..)) => self.at = At::Body(self.head.length.unwrap_or_default()),
            (None, None | Some(0)) => self.next(),
            (Some(false), None) | (Some(_), Some(_)) => return Err(Bad),
        }
        Ok(())
    }

    /// The request has come whole.
    fn next(&mut self) {
        self.at = if self.head.upgrade { At::Unknown } else { At::Start };
    }
}

impl Head {
    /// Reads a field. hyper looks closer at names and values, and at the first line.
    fn read(&mut self, field: &[u8]) -> Result<(), Bad> {
        if !matches!(field.first(), Some(b'c' | b'C' | b't' | b'T' | b'u' | b'U')) {
            return Ok(());
        }
        let Some(colon) = memchr(b':', field) else { return Ok(()) };
        let (name, value) = (&field[..colon], field[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = number(value).ok_or(Bad)?;
            if self.length.replace(length).is_some_and(|before| before != length) {
                return Err(Bad);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            self.chunked = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        }
        Ok(())
    }
}

/// A number of digits and nothing else. `str::parse` would take a sign, too.
fn number(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests;
