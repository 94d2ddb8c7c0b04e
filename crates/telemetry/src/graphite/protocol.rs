//! The two ways in which carbon is told: lines of text, and Python's pickles in frames
//! (Graphite's documentation, "Feeding In Your Data").

use std::io::Write;

use serde::Deserialize;

/// One number of one second.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub name: String,
    /// Seconds since 1970.
    pub at: i64,
    /// The number.
    pub value: f64,
}

/// How carbon is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A line for each number, usually at port 2003.
    #[default]
    Plaintext,
    /// Many numbers at once, usually at port 2004.
    Pickle,
}

/// As many numbers are in one frame; carbon takes frames of a megabyte.
const FRAME: usize = 500;

impl Protocol {
    /// What is sent to tell of these.
    #[must_use]
    pub fn write(self, points: &[Point]) -> Vec<u8> {
        match self {
            Self::Plaintext => lines(points),
            Self::Pickle => points.chunks(FRAME).flat_map(frame).collect(),
        }
    }
}

fn lines(points: &[Point]) -> Vec<u8> {
    let mut out = Vec::with_capacity(points.len() * 64);
    for Point { name, at, value } in points {
        // Writing to memory does not fail.
        let _ = writeln!(out, "{name} {value} {at}");
    }
    out
}

/// A list of `(name, (at, value))`, behind its length in four bytes.
fn frame(points: &[Point]) -> Vec<u8> {
    let list: Vec<_> = points.iter().map(|of| (of.name.as_str(), (of.at, of.value))).collect();
    let options = serde_pickle::SerOptions::new().proto_v2();
    // Text and numbers can always be written.
    let pickle = serde_pickle::to_vec(&list, options).unwrap_or_default();
    let length = u32::try_from(pickle.len()).unwrap_or(0);
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(&pickle);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_number_and_a_time() {
        let point = Point { name: "launcher.shop.v1.cpu.used".to_owned(), at: 100, value: 0.25 };
        assert_eq!(Protocol::Plaintext.write(&[point]), b"launcher.shop.v1.cpu.used 0.25 100\n");
    }

    #[test]
    fn frames_say_how_long_they_are() {
        let point = |n: i64| Point { name: "a".to_owned(), at: n, value: 1.0 };
        let points: Vec<Point> = (0..501).map(point).collect();
        let written = Protocol::Pickle.write(&points);
        let first = u32::from_be_bytes(written[..4].try_into().unwrap()) as usize;
        let second = u32::from_be_bytes(written[4 + first..][..4].try_into().unwrap()) as usize;
        assert_eq!(written.len(), 8 + first + second);
        let read: Vec<(String, (i64, f64))> =
            serde_pickle::from_slice(&written[4..4 + first], Default::default()).unwrap();
        assert_eq!((read.len(), &read[7]), (500, &("a".to_owned(), (7, 1.0))));
    }
}
