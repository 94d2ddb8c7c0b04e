//! Heads of requests as their frames come (RFC 9113 §4.3): the crate that reads them tells of one when it is whole,
//! so a client could be in the middle of one for as long as it likes.

use tokio::time::Instant;

/// What a connection begins with, before the first frame, in bytes.
const PREFACE: u32 = 24;

/// What each frame begins with, in bytes.
const FRAME_HEAD: usize = 9;

/// Frames that begin a head, and that go on with it; and the flag of the last one of it.
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Follows the frames of one connection.
#[derive(Debug)]
pub(super) struct Heads {
    /// The beginning of the frame that is coming, as far as it has come.
    frame: [u8; FRAME_HEAD],
    has: usize,
    /// So much of the payload is to come.
    left: u32,
    /// A head is coming, and has its end in the frame under way or not.
    coming: Coming,
    since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coming {
    No,
    /// Its end is in a frame to come.
    Open,
    /// Its end is in this frame.
    Last,
}

impl Default for Heads {
    fn default() -> Self {
        let frame = [0; FRAME_HEAD];
        Self { frame, has: 0, left: PREFACE, coming: Coming::No, since: None }
    }
}

impl Heads {
    /// Since when a head is coming that is not whole.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Takes what has come.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let of_payload = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            bytes = &bytes[of_payload..];
            self.left -= u32::try_from(of_payload).unwrap_or(self.left);
            if self.left == 0 {
                self.ends_frame();
            }
            let of_head = bytes.len().min(FRAME_HEAD - self.has);
            self.frame[self.has..][..of_head].copy_from_slice(&bytes[..of_head]);
            self.has += of_head;
            bytes = &bytes[of_head..];
            if self.has == FRAME_HEAD {
                self.begins_frame();
            }
        }
        // The clock is asked only where a head does not come at once.
        match self.coming {
            Coming::No => self.since = None,
            Coming::Open | Coming::Last => {
                self.since.get_or_insert_with(Instant::now);
            }
        }
    }

    fn begins_frame(&mut self) {
        let [a, b, c, kind, flags, ..] = self.frame;
        self.left = u32::from_be_bytes([0, a, b, c]);
        self.has = 0;
        if matches!(kind, HEADERS | CONTINUATION) {
            let is_last = flags & END_HEADERS != 0;
            self.coming = if is_last { Coming::Last } else { Coming::Open };
        }
        if self.left == 0 {
            self.ends_frame();
        }
    }

    fn ends_frame(&mut self) {
        if self.coming == Coming::Last {
            self.coming = Coming::No;
            self.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATA: u8 = 0;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        [&[0, 0, length, kind, flags, 0, 0, 0, 1][..], &vec![kind; usize::from(length)]].concat()
    }

    /// Whether a head is coming after these bytes, in pieces of that size.
    fn is_coming(bytes: &[u8], size: usize) -> bool {
        let mut heads = Heads::default();
        heads.pass(&[0; PREFACE as usize]);
        bytes.chunks(size).for_each(|part| heads.pass(part));
        heads.since().is_some()
    }

    #[test]
    fn a_head_comes_until_its_last_frame_has() {
        let whole = frame(HEADERS, END_HEADERS, 5);
        let open = frame(HEADERS, 0, 5);
        let more = frame(CONTINUATION, 0, 0);
        let last = frame(CONTINUATION, END_HEADERS, 3);
        let data = frame(DATA, END_HEADERS, 9);
        for size in [1, 2, 7, 100] {
            for (bytes, coming) in [
                (whole.clone(), false),
                (whole[..13].to_vec(), true),
                (open.clone(), true),
                ([&open[..], &more, &more].concat(), true),
                ([&open[..], &more, &last].concat(), false),
                ([&open[..], &last[..10]].concat(), true),
                ([&open[..], &frame(CONTINUATION, END_HEADERS, 0)].concat(), false),
                ([&data[..], &whole, &data[..12]].concat(), false),
                ([&whole[..], &open].concat(), true),
            ] {
                assert_eq!(is_coming(&bytes, size), coming, "{bytes:?} {size}");
            }
        }
    }

    #[test]
    fn one_head_after_another_is_not_one_that_comes_slowly() {
        let (open, last) = (frame(HEADERS, 0, 5), frame(CONTINUATION, END_HEADERS, 3));
        let mut heads = Heads::default();
        heads.pass(&[0; PREFACE as usize]);
        heads.pass(&open);
        let first = heads.since().unwrap();
        heads.pass(&frame(CONTINUATION, 0, 3));
        assert_eq!(heads.since(), Some(first));
        std::thread::sleep(std::time::Duration::from_millis(2));
        heads.pass(&[&last[..], &open].concat());
        assert!(heads.since().unwrap() > first);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_frames_are_cut(
            frames in prop::collection::vec((0u8..10, 0u8..8, 0u8..20), 0..8),
            size in 1usize..30,
        ) {
            let bytes: Vec<u8> = frames.into_iter().flat_map(|(kind, flags, n)| frame(kind, flags, n)).collect();
            prop_assert_eq!(is_coming(&bytes, size), is_coming(&bytes, usize::MAX));
        }
    }
}
