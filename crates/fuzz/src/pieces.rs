//! What comes over a network comes in pieces.

use std::fmt::Debug;

/// Up to so many bytes are also given one by one.
const FEW: usize = 512;

/// Ways in which bytes may come: all at once, in pieces whose lengths follow from the bytes, and one by one
/// where they are few.
pub(crate) fn ways(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut ways = vec![vec![bytes], cut(bytes)];
    if bytes.len() <= FEW {
        ways.push(bytes.chunks(1).collect());
    }
    ways
}

/// The one outcome that all ways have.
pub(crate) fn alike<T: PartialEq + Debug>(bytes: &[u8], read: impl Fn(&[&[u8]]) -> T) -> T {
    let [first, others @ ..] = &ways(bytes)[..] else { return read(&[bytes]) };
    let outcome = read(first);
    for way in others {
        assert_eq!(read(way), outcome, "in {} pieces and in one", way.len());
    }
    outcome
}

fn cut(mut bytes: &[u8]) -> Vec<&[u8]> {
    // FNV-1a.
    let mut state = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let longest = (bytes.len() / 3).max(1) as u64;
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        // Knuth's numbers.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = usize::try_from((state >> 33) % longest + 1).unwrap_or(1).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// The first line, and what is behind it.
pub(crate) fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}
