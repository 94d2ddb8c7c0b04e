//! Where the chunks of a body that passes end (RFC 9112 §7.1).

/// Where in a chunked body the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunked {
    /// In a chunk's size, of which so many digits have come.
    Size { size: u64, digits: u8 },
    /// Behind the size, in white space.
    Space(u64),
    /// In what is said of the chunk.
    Extension(u64),
    /// Before the LF that ends the line.
    SizeLf(u64),
    /// In the data, with so many bytes to come.
    Data(u64),
    /// Before the CR behind the data.
    DataCr,
    /// Before the LF behind it.
    DataLf,
    /// Behind the line of the last chunk.
    Last,
}

impl Default for Chunked {
    fn default() -> Self {
        Self::Size { size: 0, digits: 0 }
    }
}

/// More digits than a size can have.
const MOST_DIGITS: u8 = 16;

impl Chunked {
    pub(super) fn is_last(self) -> bool {
        self == Self::Last
    }

    /// Follows what comes next, at most to the end of the last chunk's line. How much of it that is; or how
    /// much there is before what no chunked body has.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Result<usize, usize> {
        let mut passed = 0;
        while let Some(byte) = bytes.get(passed) {
            if let Self::Data(left) = self {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - passed);
                *left -= here as u64;
                passed += here;
                if *left == 0 {
                    *self = Self::DataCr;
                }
                continue;
            }
            *self = self.step(*byte).ok_or(passed)?;
            passed += 1;
            if self.is_last() {
                break;
            }
        }
        Ok(passed)
    }

    fn step(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = u64::from(char::from(byte).to_digit(16)?);
                let digits = digits + 1;
                if digits > MOST_DIGITS {
                    return None;
                }
                Self::Size { size: size << 4 | digit, digits }
            }
            (Self::Size { digits: 0, .. }, _) => return None,
            (Self::Size { size, .. } | Self::Space(size), b' ' | b'\t') => Self::Space(size),
            (Self::Size { size, .. } | Self::Space(size), b';') => Self::Extension(size),
            (Self::Size { size, .. } | Self::Space(size) | Self::Extension(size), b'\r') => {
                Self::SizeLf(size)
            }
            (Self::Extension(_), b'\n' | 0) => return None,
            (Self::Extension(size), _) => Self::Extension(size),
            (Self::SizeLf(0), b'\n') => Self::Last,
            (Self::SizeLf(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::default(),
            _ => return None,
        })
    }
}
