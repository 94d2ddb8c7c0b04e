//! From the pieces that a builder prints to lines.

/// A line that is longer is cut into such pieces, in bytes: a program that never ends its line must not
/// fill the memory.
const LONGEST: usize = 64 * 1024;

/// The beginning of a line.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<u8>);

impl Text {
    /// The lines that a piece completes.
    pub(super) fn add(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.0.extend_from_slice(&rest[..end]);
            lines.push(self.end());
            rest = &rest[end + 1..];
        }
        self.0.extend_from_slice(rest);
        if self.0.len() >= LONGEST {
            lines.push(self.end());
        }
        lines
    }

    /// What is left when nothing more comes.
    pub(super) fn rest(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.end())
    }

    /// A line as a terminal shows it: what stands before a return of the carriage is written over.
    fn end(&mut self) -> String {
        let bytes = std::mem::take(&mut self.0);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        text.rsplit_once('\r').map_or(text, |(_, shown)| shown).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_anywhere() {
        let mut text = Text::default();
        assert_eq!(text.add(b"a\nb"), ["a"]);
        assert!(text.add(b"c").is_empty());
        assert_eq!(text.add(b"\r\n\nd  "), ["bc", ""]);
        assert_eq!(text.rest().as_deref(), Some("d"));
        assert_eq!(text.rest(), None);
    }

    #[test]
    fn a_bar_that_grows_in_place_is_one_line() {
        let mut text = Text::default();
        assert_eq!(text.add(b"10 %\r 50 %\r100 %\n"), ["100 %"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut text = Text::default();
        assert_eq!(text.add(&[b'x'; LONGEST])[0].len(), LONGEST);
        assert_eq!(text.rest(), None);
    }
}
