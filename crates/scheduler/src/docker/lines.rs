//! From the pieces that the engine sends to lines.

use bollard::container::LogOutput;
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;

use crate::{LogLine, LogStream, Result};

/// A line that is longer is cut into such pieces, in bytes: a program that never ends its line must not
/// fill the memory.
const LONGEST: usize = 64 * 1024;

/// How a frame begins in which the engine speaks of the log itself (`systemerr`).
const OF_ENGINE: u8 = 3;

/// Whether each piece begins with the time at which it was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// As in a log that was asked for with timestamps: one piece is one line, or part of one.
    Each,
    /// As in what a command prints: pieces end anywhere.
    None,
}

/// The lines of a stream of pieces; what is left of the last one comes at the end.
pub(crate) fn lines(
    pieces: impl Stream<Item = Result<LogOutput>> + Send + 'static,
    stamps: Stamps,
) -> impl Stream<Item = Result<LogLine>> + Send + 'static {
    let mut splitter = Splitter::new(stamps);
    pieces
        .map(Some)
        .chain(stream::iter([None]))
        .map(move |piece| {
            stream::iter(match piece {
                Some(Ok(piece)) => splitter.take(&piece),
                Some(Err(error)) => vec![Err(error)],
                None => splitter.finish(),
            })
        })
        .flatten()
}

#[derive(Debug)]
pub(super) struct Splitter {
    stamps: Stamps,
    out: Unfinished,
    err: Unfinished,
    /// So many bytes are still to come of what the engine says itself.
    of_engine: usize,
}

/// The beginning of a line.
#[derive(Debug, Default)]
struct Unfinished {
    at: Option<Timestamp>,
    bytes: Vec<u8>,
}

impl Splitter {
    pub(super) fn new(stamps: Stamps) -> Self {
        Self { stamps, out: Unfinished::default(), err: Unfinished::default(), of_engine: 0 }
    }

    pub(super) fn take(&mut self, piece: &LogOutput) -> Vec<Result<LogLine>> {
        if let LogOutput::Console { message } = piece
            && self.is_of_engine(message)
        {
            return Vec::new();
        }
        let (stream, message) = match piece {
            LogOutput::StdErr { message } => (LogStream::Stderr, message),
            LogOutput::StdOut { message }
            | LogOutput::StdIn { message }
            | LogOutput::Console { message } => (LogStream::Stdout, message),
        };
        let (at, mut rest) = match self.stamps {
            Stamps::Each => split_stamp(message),
            Stamps::None => (None, &message[..]),
        };
        let unfinished = match stream {
            LogStream::Stdout => &mut self.out,
            LogStream::Stderr => &mut self.err,
        };
        unfinished.at = unfinished.at.or(at);
        let mut lines = Vec::new();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            unfinished.bytes.extend_from_slice(&rest[..end]);
            lines.push(Ok(unfinished.end(stream)));
            rest = &rest[end + 1..];
        }
        unfinished.bytes.extend_from_slice(rest);
        if unfinished.bytes.len() >= LONGEST {
            lines.push(Ok(unfinished.end(stream)));
        }
        lines
    }

    /// Whether a piece is what the engine says of the log itself: that a container was never placed, or that
    /// its host cannot be asked. The client knows no such frames, and hands them on with their header and
    /// cut into lines. No container has printed that.
    fn is_of_engine(&mut self, piece: &[u8]) -> bool {
        let here = match piece {
            [OF_ENGINE, 0, 0, 0, a, b, c, d, text @ ..] => {
                let length = u32::from_be_bytes([*a, *b, *c, *d]);
                self.of_engine = usize::try_from(length).unwrap_or(usize::MAX);
                text
            }
            text if self.of_engine > 0 => text,
            _ => return false,
        };
        self.of_engine = self.of_engine.saturating_sub(here.len());
        tracing::debug!(said = %String::from_utf8_lossy(here).trim_end(), "no log from the engine");
        true
    }

    pub(super) fn finish(&mut self) -> Vec<Result<LogLine>> {
        [(LogStream::Stdout, &mut self.out), (LogStream::Stderr, &mut self.err)]
            .into_iter()
            .filter(|(_, unfinished)| !unfinished.bytes.is_empty())
            .map(|(stream, unfinished)| Ok(unfinished.end(stream)))
            .collect()
    }
}

impl Unfinished {
    fn end(&mut self, stream: LogStream) -> LogLine {
        let bytes = std::mem::take(&mut self.bytes);
        let text =
            String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(&bytes)).into_owned();
        LogLine { at: self.at.take(), stream, text }
    }
}

/// `2026-11-24T08:15:40.743886318Z text`.
fn split_stamp(message: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let Some(space) = message.iter().position(|byte| *byte == b' ') else { return (None, message) };
    let stamp = std::str::from_utf8(&message[..space]).ok().and_then(|text| text.parse().ok());
    if stamp.is_some() { (stamp, &message[space + 1..]) } else { (None, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(text: &str) -> LogOutput {
        LogOutput::StdOut { message: text.to_owned().into() }
    }

    fn err(text: &str) -> LogOutput {
        LogOutput::StdErr { message: text.to_owned().into() }
    }

    async fn split(pieces: Vec<LogOutput>, stamps: Stamps) -> Vec<LogLine> {
        let pieces = stream::iter(pieces.into_iter().map(Ok));
        lines(pieces, stamps).map(|line| line.unwrap()).collect().await
    }

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[tokio::test]
    async fn pieces_end_anywhere() {
        let pieces = vec![out("a\nb"), err("x\r"), out("c\n\nd"), err("\n")];
        let lines = split(pieces, Stamps::None).await;
        assert_eq!(texts(&lines), ["a", "bc", "", "x", "d"]);
        assert_eq!(lines[3].stream, LogStream::Stderr);
    }

    #[tokio::test]
    async fn a_line_in_parts_keeps_its_first_time() {
        let pieces = vec![
            out("2026-11-24T08:00:00.000000001Z long "),
            out("2026-11-24T08:00:00.000000002Z line\n"),
            out("2026-11-24T08:00:00.000000003Z \n"),
        ];
        let lines = split(pieces, Stamps::Each).await;
        assert_eq!(texts(&lines), ["long line", ""]);
        assert_eq!(lines[0].at.unwrap().subsec_nanosecond(), 1);
        assert_eq!(lines[1].at.unwrap().subsec_nanosecond(), 3);
    }

    /// A frame of the engine's own, as the client hands it on: with its header, a piece for each line.
    fn engine_says(text: &str) -> Vec<LogOutput> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        let frame = [&[3, 0, 0, 0], &length[..], text.as_bytes()].concat();
        let pieces = frame.split_inclusive(|byte| *byte == b'\n');
        pieces.map(|piece| LogOutput::Console { message: piece.to_vec().into() }).collect()
    }

    #[tokio::test]
    async fn what_the_engine_says_of_a_log_is_no_part_of_it() {
        let unplaced = "Error grabbing logs: rpc error: code = Unknown desc = task abc has not been scheduled\n";
        assert_eq!(texts(&split(engine_says(unplaced), Stamps::Each).await), [""; 0]);
        assert_eq!(texts(&split(engine_says(unplaced.trim_end()), Stamps::Each).await), [""; 0]);
        // The length of this one has the byte that ends lines.
        let long = format!("warning: incomplete log stream\n{}", "n".repeat(266 - 31));
        let mut pieces = vec![out("2026-11-24T08:00:00Z before\n")];
        pieces.extend(engine_says(&long));
        pieces.push(LogOutput::Console { message: "a terminal's\n".into() });
        let lines = split(pieces, Stamps::Each).await;
        assert_eq!(texts(&lines), ["before", "a terminal's"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut() {
        let piece = "x".repeat(LONGEST / 2);
        let lines = split(vec![out(&piece), out(&piece), out("y")], Stamps::None).await;
        let lengths: Vec<_> = lines.iter().map(|line| line.text.len()).collect();
        assert_eq!(lengths, [LONGEST, 1]);
    }
}
