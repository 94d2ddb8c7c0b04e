//! Reading a body that comes in chunks (RFC 9112 §7.1).

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use httparse::Status;

use super::fields::has_whole_lines;

/// The longest line that introduces a chunk, and the most that trailers may take, in bytes.
const LONGEST_LINE: usize = 4 << 10;
const MOST_TRAILERS: usize = 16 << 10;
const MOST_TRAILER_FIELDS: usize = 64;

/// Where in a chunked body the reader is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// Before a chunk's size.
    #[default]
    Size,
    /// Within a chunk, with so many bytes to come.
    Data(u64),
    /// Before the line end behind a chunk's data.
    DataEnd,
    /// Behind the last chunk.
    Trailers,
    /// Behind all.
    End,
}

/// A piece of a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

/// A body that is not chunked as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadChunk;

impl Chunks {
    /// Whether a chunk's data has ended and no other's has begun.
    pub(super) fn is_between(self) -> bool {
        matches!(self, Self::Size | Self::DataEnd)
    }

    /// Takes the next piece off the front of what has been read; `None` when more must be read first.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Piece>, BadChunk> {
        loop {
            match self {
                Self::Size => {
                    let Some(size) = take_size(buffer)? else { return Ok(None) };
                    *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                }
                Self::Data(_) if buffer.is_empty() => return Ok(None),
                Self::Data(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    *left -= here as u64;
                    if *left == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(Some(Piece::Data(buffer.split_to(here).freeze())));
                }
                Self::DataEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        *self = Self::Size;
                    }
                    Some(_) => return Err(BadChunk),
                    None => return Ok(None),
                },
                Self::Trailers => {
                    let Some(trailers) = take_trailers(buffer)? else { return Ok(None) };
                    *self = Self::End;
                    if !trailers.is_empty() {
                        return Ok(Some(Piece::Trailers(trailers)));
                    }
                }
                Self::End => return Ok(Some(Piece::End)),
            }
        }
    }
}

fn take_size(buffer: &mut BytesMut) -> Result<Option<u64>, BadChunk> {
    // The parser takes no digit at all for 0.
    if buffer.first().is_some_and(|first| !first.is_ascii_hexdigit()) {
        return Err(BadChunk);
    }
    match httparse::parse_chunk_size(buffer) {
        Ok(Status::Complete((length, size)))
            if length <= LONGEST_LINE && has_whole_lines(&buffer[..length]) =>
        {
            buffer.advance(length);
            Ok(Some(size))
        }
        Ok(Status::Partial) if buffer.len() < LONGEST_LINE && has_whole_lines(buffer) => Ok(None),
        _ => Err(BadChunk),
    }
}

fn take_trailers(buffer: &mut BytesMut) -> Result<Option<HeaderMap>, BadChunk> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_TRAILER_FIELDS];
    match httparse::parse_headers(buffer, &mut fields) {
        Ok(Status::Complete((length, fields)))
            if length <= MOST_TRAILERS && has_whole_lines(&buffer[..length]) =>
        {
            let mut trailers = HeaderMap::new();
            for field in fields {
                let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BadChunk)?;
                let value = HeaderValue::from_bytes(field.value).map_err(|_| BadChunk)?;
                trailers.append(name, value);
            }
            buffer.advance(length);
            Ok(Some(trailers))
        }
        Ok(Status::Partial) if buffer.len() < MOST_TRAILERS && has_whole_lines(buffer) => Ok(None),
        _ => Err(BadChunk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parts: &[&[u8]]) -> Result<(Vec<u8>, Option<HeaderMap>, usize), BadChunk> {
        let (mut chunks, mut buffer) = (Chunks::default(), BytesMut::new());
        let (mut body, mut trailers) = (Vec::new(), None);
        for part in parts {
            buffer.extend_from_slice(part);
            while let Some(piece) = chunks.next(&mut buffer)? {
                match piece {
                    Piece::Data(data) => body.extend_from_slice(&data),
                    Piece::Trailers(fields) => trailers = Some(fields),
                    Piece::End => return Ok((body, trailers, buffer.len())),
                }
            }
        }
        Err(BadChunk)
    }

    #[test]
    fn chunks_are_joined_and_trailers_found() {
        let text = b"5\r\nhello\r\nA;name=value\r\n0123456789\r\n0\r\nx-sum: 7\r\n\r\nnext";
        let (body, trailers, rest) = read(&[text]).unwrap();
        assert_eq!(body, b"hello0123456789");
        assert_eq!(trailers.unwrap()["x-sum"], "7");
        assert_eq!(rest, 4);
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for bad in [
            &b"x\r\n"[..],
            b" \r\n\r\n",
            b"5\r\nhello\r\n\r\n\r\n",
            b"-1\r\n",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n\r",
            b"FFFFFFFFFFFFFFFFF\r\n",
            b"0\r\nno field\r\n\r\n",
            b"5\r\nhel",
            b";a\r\n\r\n",
            b" 0\r\n\r\n",
            b"0;a\nb\r\n\r\n",
            b"0\r\nx: y\n\r\n",
            b"0\r\n\n",
        ] {
            assert_eq!(read(&[bad]), Err(BadChunk), "{bad:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_however_it_comes() {
        let line = [&b"5;"[..], &[b'x'; LONGEST_LINE], b"\r\nhello\r\n0\r\n\r\n"].concat();
        let field = [&b"0\r\nx: "[..], &[b'x'; MOST_TRAILERS], b"\r\n\r\n"].concat();
        for long in [line, field] {
            assert_eq!(read(&[&long]), Err(BadChunk));
            let (one, other) = long.split_at(long.len() - 20);
            assert_eq!(read(&[one, other]), Err(BadChunk));
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_alike_however_it_comes(
            bytes in prop::collection::vec(prop::sample::select(b"0012afF;\r\n\r\n :x\0".to_vec()), 0..80),
        ) {
            let body = |(body, trailers, _)| (body, trailers);
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(read(&[&bytes]).map(body), read(&one_by_one).map(body));
        }

        #[test]
        fn it_does_not_matter_how_a_body_is_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..8),
            cuts in prop::collection::vec(1usize..20, 0..40),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut rest = wire.as_slice();
            let mut parts = Vec::new();
            for cut in cuts {
                let (part, more) = rest.split_at(cut.min(rest.len()));
                parts.push(part);
                rest = more;
            }
            parts.push(rest);
            prop_assert_eq!(read(&parts), Ok((chunks.concat(), None, 0)));
        }
    }
}
