//! Where the fields of a head stand in what has been read, for the values to be shared and not copied.

use std::mem::MaybeUninit;
use std::ops::Range;

use http::header::{HeaderName, InvalidHeaderName};
use httparse::Header;

/// As many fields as a message may have.
pub(super) const MOST_FIELDS: usize = 100;

/// Room for the places of a head's fields, kept from message to message.
pub(super) type Fields = Vec<(HeaderName, Range<usize>)>;

/// Room for the fields that a parser finds.
pub(super) type Found<'b> = [MaybeUninit<Header<'b>>; MOST_FIELDS];

/// Room in which nothing is.
pub(super) fn found<'b>() -> Found<'b> {
    [const { MaybeUninit::uninit() }; MOST_FIELDS]
}

/// Where `part` is in `whole`, of which it is one. An empty one may be anywhere.
pub(super) fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    if part.is_empty() {
        return 0..0;
    }
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// Notes where the fields are that a parser has found in `whole`.
pub(super) fn note(
    whole: &[u8],
    found: &[Header<'_>],
    fields: &mut Fields,
) -> Result<(), InvalidHeaderName> {
    fields.clear();
    for field in found {
        let name = HeaderName::from_bytes(field.name.as_bytes())?;
        fields.push((name, place(whole, field.value)));
    }
    Ok(())
}

/// Whether each line of what was read ends with CR and LF (RFC 9112 §2.2): parsers also take a bare LF, and
/// whoever does not would see one line less.
pub(super) fn has_whole_lines(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).all(|at| at > 0 && bytes[at - 1] == b'\r')
}
