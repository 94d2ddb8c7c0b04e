//! Finding where a value ends, without making anything of it.

use rmp::Marker;

use super::FrameError;

/// Goes through one MessagePack value as its bytes come, each byte once.
///
/// What it remembers is a number for each level of nesting. `rmp`'s own `MessageLen` does the same,
/// but does not know extension types, of which the protocol's times are.
#[derive(Debug)]
pub struct Scanner {
    /// How many values are missing on each level.
    missing: Vec<u64>,
    /// How far it has come; may be beyond what is there while a long string comes in.
    at: usize,
    /// All of them together.
    left: u64,
    /// Of how many values the value consists, as far as is known.
    values: usize,
    longest: usize,
    deepest: usize,
    most: usize,
}

impl Scanner {
    /// One for values of at most so many bytes, levels of nesting, and values within.
    #[must_use]
    pub fn new(longest: usize, deepest: usize, most: usize) -> Self {
        Self { missing: vec![1], at: 0, left: 1, values: 1, longest, deepest, most }
    }

    /// The length of the value at the beginning of these bytes, once they are all there. Each call must
    /// bring the same bytes as the one before, and perhaps more behind them.
    ///
    /// # Errors
    /// When it is no MessagePack, or more than is allowed; as soon as that is certain.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        while let Some(missing) = self.missing.last_mut() {
            if *missing == 0 {
                self.missing.pop();
                continue;
            }
            let Some(&marker) = bytes.get(self.at) else { return Ok(None) };
            let Some(item) = item(Marker::from_u8(marker), &bytes[self.at + 1..]) else {
                return Ok(None);
            };
            *missing -= 1;
            self.take(item.map_err(|NotMessagePack| FrameError::NotMessagePack)?)?;
        }
        Ok((self.at <= bytes.len()).then_some(self.at))
    }

    /// Of how many values the value consists, itself included.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values
    }

    /// Begins with another value.
    pub fn reset(&mut self) {
        self.missing.clear();
        self.missing.push(1);
        self.at = 0;
        self.left = 1;
        self.values = 1;
    }

    fn take(&mut self, item: Item) -> Result<(), FrameError> {
        self.at = self.at.saturating_add(item.length);
        if item.children > 0 {
            self.values =
                self.values.saturating_add(usize::try_from(item.children).unwrap_or(usize::MAX));
            if self.values > self.most {
                return Err(FrameError::TooMany);
            }
            // The outermost "level" is the value itself.
            if self.missing.len() > self.deepest {
                return Err(FrameError::TooDeep);
            }
            self.missing.push(item.children);
        }
        // Each value that is missing takes a byte at least.
        self.left = (self.left - 1).saturating_add(item.children);
        let least = (self.at as u64).saturating_add(self.left);
        if least > self.longest as u64 { Err(FrameError::TooLong(self.longest)) } else { Ok(()) }
    }
}

struct NotMessagePack;

/// A marker with what belongs to it directly.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// In bytes, with the marker.
    length: usize,
    /// How many values are in it.
    children: u64,
}

/// What a marker begins; none when its length has not come yet.
fn item(marker: Marker, rest: &[u8]) -> Option<Result<Item, NotMessagePack>> {
    let plain = |length: usize| Item { length: 1 + length, children: 0 };
    let group = |header: usize, children: u64| Item { length: 1 + header, children };
    Some(Ok(match marker {
        Marker::Reserved => return Some(Err(NotMessagePack)),
        Marker::Null | Marker::True | Marker::False | Marker::FixPos(_) | Marker::FixNeg(_) => {
            plain(0)
        }
        Marker::U8 | Marker::I8 => plain(1),
        Marker::U16 | Marker::I16 => plain(2),
        Marker::U32 | Marker::I32 | Marker::F32 => plain(4),
        Marker::U64 | Marker::I64 | Marker::F64 => plain(8),
        Marker::FixStr(length) => plain(length.into()),
        Marker::Str8 | Marker::Bin8 => plain(length::<1>(rest)?.saturating_add(1)),
        Marker::Str16 | Marker::Bin16 => plain(length::<2>(rest)?.saturating_add(2)),
        Marker::Str32 | Marker::Bin32 => plain(length::<4>(rest)?.saturating_add(4)),
        Marker::FixExt1 => plain(2),
        Marker::FixExt2 => plain(3),
        Marker::FixExt4 => plain(5),
        Marker::FixExt8 => plain(9),
        Marker::FixExt16 => plain(17),
        Marker::Ext8 => plain(length::<1>(rest)?.saturating_add(2)),
        Marker::Ext16 => plain(length::<2>(rest)?.saturating_add(3)),
        Marker::Ext32 => plain(length::<4>(rest)?.saturating_add(5)),
        Marker::FixArray(count) => group(0, count.into()),
        Marker::Array16 => group(2, length::<2>(rest)? as u64),
        Marker::Array32 => group(4, length::<4>(rest)? as u64),
        Marker::FixMap(count) => group(0, u64::from(count) * 2),
        Marker::Map16 => group(2, length::<2>(rest)? as u64 * 2),
        Marker::Map32 => group(4, length::<4>(rest)? as u64 * 2),
    }))
}

/// A number of so many bytes, of at most four.
fn length<const BYTES: usize>(rest: &[u8]) -> Option<usize> {
    let bytes: &[u8; BYTES] = rest.first_chunk()?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        Scanner::new(1000, 4, 100).advance(bytes)
    }

    #[test]
    fn a_value_ends_where_it_ends() {
        for (bytes, length) in [
            (&b"\xc0\xc0"[..], 1),
            (b"\xa3abcd", 4),
            (b"\x92\x01\x81\xa1a\xd7\0abcdefgh!", 15),
            (b"\xdc\0\x02\xcc\x01\xc4\x02ab", 9),
            (b"\xc7\x08\0abcdefgh", 11),
            (b"\x90\x90", 1),
        ] {
            assert_eq!(scan(bytes), Ok(Some(length)), "{bytes:?}");
            assert_eq!(scan(&bytes[..length - 1]), Ok(None), "{bytes:?}");
        }
    }

    #[test]
    fn what_would_be_too_much_is_known_from_its_beginning() {
        assert_eq!(scan(b"\xc6\x00\x00\x03\xe7"), Err(FrameError::TooLong(1000)));
        assert_eq!(scan(b"\x9f\xdc\x03\xe7"), Err(FrameError::TooMany));
        assert_eq!(scan(b"\xdd\xff\xff\xff\xff"), Err(FrameError::TooMany));
        assert_eq!(scan(b"\x91\x91\x91\x91\x91"), Err(FrameError::TooDeep));
        assert_eq!(scan(b"\xc1"), Err(FrameError::NotMessagePack));
        let mut wide = Scanner::new(1000, 4, usize::MAX);
        assert_eq!(wide.advance(b"\xdd\xff\xff\xff\xff"), Err(FrameError::TooLong(1000)));
    }
}
