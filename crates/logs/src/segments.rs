//! A log in pieces that are compressed by themselves, so that its beginning can be left out, and its end be
//! read without the rest.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use launcher_scheduler::{LogLine, LogStream};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// So much text, in bytes, makes a segment.
const SEGMENT: usize = 512 << 10;
/// No segment that this program writes is longer: its last line may be as long as lines get.
const LONGEST: u64 = 4 << 20;

/// What is known of a segment without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    /// So many bytes of the file.
    pub(crate) bytes: u64,
    /// So many lines.
    pub(crate) lines: u64,
    /// When the first of them was printed.
    pub(crate) first: Timestamp,
    /// The latest time of a line in it.
    pub(crate) last: Timestamp,
}

/// Takes lines and makes segments, the oldest of which are left out when they get too many.
pub(crate) struct Segments {
    bound: u64,
    text: String,
    open: Option<Segment>,
    done: VecDeque<(Segment, Vec<u8>)>,
    size: u64,
    left_out: u64,
    /// For lines without a time.
    at: Timestamp,
}

impl Segments {
    /// At most `bound` bytes, compressed. Lines without a time have that of the line before, at first `at`.
    pub(crate) fn new(bound: u64, at: Timestamp) -> Self {
        Self {
            bound,
            text: String::new(),
            open: None,
            done: VecDeque::new(),
            size: 0,
            left_out: 0,
            at,
        }
    }

    /// Takes a line.
    pub(crate) async fn push(&mut self, line: &LogLine) -> Result<()> {
        self.at = line.at.unwrap_or(self.at);
        let at = self.at;
        let open = self.open.get_or_insert(Segment { bytes: 0, lines: 0, first: at, last: at });
        open.lines += 1;
        (open.first, open.last) = (open.first.min(at), open.last.max(at));
        let stream = match line.stream {
            LogStream::Stdout => 'o',
            LogStream::Stderr => 'e',
        };
        self.text.push_str(&format!("{} {stream} ", at.as_nanosecond()));
        self.text.push_str(&line.text);
        self.text.push('\n');
        if self.text.len() >= SEGMENT { self.close().await } else { Ok(()) }
    }

    async fn close(&mut self) -> Result<()> {
        let Some(mut segment) = self.open.take() else { return Ok(()) };
        let text = std::mem::take(&mut self.text);
        let packed = tokio::task::spawn_blocking(move || pack(text.as_bytes()));
        let packed = packed.await.map_err(|_| Error::Stopping)?;
        let packed = packed.map_err(Error::file("compressing a log for", "memory"))?;
        segment.bytes = packed.len() as u64;
        self.size += segment.bytes;
        self.done.push_back((segment, packed));
        // The newest stays, however long it is.
        while self.size > self.bound && self.done.len() > 1 {
            if let Some((oldest, _)) = self.done.pop_front() {
                self.size -= oldest.bytes;
                self.left_out += oldest.lines;
            }
        }
        Ok(())
    }

    /// The segments, oldest first, and how many lines before them were left out.
    pub(crate) async fn finish(mut self) -> Result<(VecDeque<(Segment, Vec<u8>)>, u64)> {
        self.close().await?;
        Ok((self.done, self.left_out))
    }
}

fn pack(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
}

/// The lines of a segment. What is not a line is passed over.
pub(crate) fn unpack(packed: &[u8]) -> io::Result<Vec<LogLine>> {
    let mut text = Vec::new();
    GzDecoder::new(packed).take(LONGEST).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.split_terminator('\n').filter_map(read).collect())
}

fn read(line: &str) -> Option<LogLine> {
    let mut parts = line.splitn(3, ' ');
    let at = Timestamp::from_nanosecond(parts.next()?.parse().ok()?).ok()?;
    let stream = match parts.next()? {
        "o" => LogStream::Stdout,
        "e" => LogStream::Stderr,
        _ => return None,
    };
    Some(LogLine { at: Some(at), stream, text: parts.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, text: &str) -> LogLine {
        let at = Timestamp::from_second(second).ok();
        LogLine { at, stream: LogStream::Stderr, text: text.to_owned() }
    }

    async fn packed(bound: u64, lines: &[LogLine]) -> (VecDeque<(Segment, Vec<u8>)>, u64) {
        let mut segments = Segments::new(bound, Timestamp::UNIX_EPOCH);
        for line in lines {
            segments.push(line).await.unwrap();
        }
        segments.finish().await.unwrap()
    }

    #[tokio::test]
    async fn lines_come_back_as_they_were() {
        let mut lines = vec![line(5, ""), line(6, " a  b "), line(7, "grüß\tdich")];
        lines[1].stream = LogStream::Stdout;
        let (done, left_out) = packed(1 << 20, &lines).await;
        assert_eq!((done.len(), left_out), (1, 0));
        assert_eq!(unpack(&done[0].1).unwrap(), lines);
        assert_eq!(done[0].0.lines, 3);
        assert_eq!((done[0].0.first, done[0].0.last), (lines[0].at.unwrap(), lines[2].at.unwrap()));
    }

    #[tokio::test]
    async fn a_line_without_a_time_has_that_of_the_line_before() {
        let lines = [
            LogLine { at: None, ..line(0, "a") },
            line(9, "b"),
            LogLine { at: None, ..line(0, "c") },
        ];
        let (done, _) = packed(1 << 20, &lines).await;
        let seconds = unpack(&done[0].1).unwrap();
        let seconds: Vec<i64> = seconds.iter().map(|line| line.at.unwrap().as_second()).collect();
        assert_eq!(seconds, [0, 9, 9]);
    }

    #[tokio::test]
    async fn the_oldest_segments_are_left_out_and_counted() {
        let long = "x".repeat(SEGMENT / 4);
        let lines: Vec<_> = (0..20).map(|second| line(second, &long)).collect();
        let (all, none) = packed(1 << 30, &lines).await;
        assert_eq!((all.len(), none), (5, 0));
        let (some, left_out) = packed(all[3].0.bytes + all[4].0.bytes, &lines).await;
        assert_eq!((some.len(), left_out), (2, 12));
        assert_eq!(unpack(&some[1].1).unwrap().last(), lines.last());
        let (last, left_out) = packed(0, &lines).await;
        assert_eq!((last.len(), left_out), (1, 16));
    }
}
