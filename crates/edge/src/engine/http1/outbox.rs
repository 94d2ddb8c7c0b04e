//! What goes out to a client: text that is made here, and parts of bodies between it that are not copied.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Parts up to this size are copied, in bytes: that costs less than to write them apart.
const SMALL: usize = 4 << 10;

/// What has been gathered and has not been taken by the client.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    text: Vec<u8>,
    /// So much of the text has gone.
    gone: usize,
    /// Each goes out when so much of the text has.
    parts: VecDeque<(usize, Bytes)>,
    /// The bytes of all parts.
    in_parts: usize,
}

impl Outbox {
    /// Begins with a text.
    pub(super) fn new(text: Vec<u8>) -> Self {
        Self { text, ..Self::default() }
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.text.len() - self.gone + self.in_parts
    }

    /// The text, to be written on.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Puts a part behind all that there is.
    pub(super) fn put(&mut self, part: Bytes) {
        if part.len() <= SMALL {
            self.text.extend_from_slice(&part);
        } else {
            self.in_parts += part.len();
            self.parts.push_back((self.text.len(), part));
        }
    }

    /// Shows what goes out next, in as many slices as there is room for; how many.
    pub(super) fn slices<'s>(&'s self, slices: &mut [IoSlice<'s>]) -> usize {
        let (mut n, mut from) = (0, self.gone);
        let mut show = |bytes: &'s [u8]| {
            if !bytes.is_empty() && n < slices.len() {
                slices[n] = IoSlice::new(bytes);
                n += 1;
            }
        };
        for (at, part) in &self.parts {
            show(&self.text[from..*at]);
            show(part);
            from = *at;
        }
        show(&self.text[from..]);
        n
    }

    /// Takes away what has gone out.
    pub(super) fn advance(&mut self, mut bytes: usize) {
        while bytes > 0 {
            let end = self.parts.front().map_or(self.text.len(), |(at, _)| *at);
            let of_text = bytes.min(end - self.gone);
            self.gone += of_text;
            bytes -= of_text;
            let Some((_, part)) = self.parts.front_mut().filter(|_| bytes > 0) else { break };
            let of_part = bytes.min(part.len());
            part.advance(of_part);
            self.in_parts -= of_part;
            bytes -= of_part;
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
        if self.len() == 0 {
            self.text.clear();
            self.gone = 0;
        }
    }

    /// The room of the text, empty, for somebody else.
    pub(super) fn take_room(&mut self) -> Vec<u8> {
        let mut room = std::mem::take(self).text;
        room.clear();
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes all out, so many bytes at a time, and sees that what is left is always known.
    fn drain(outbox: &mut Outbox, mut steps: impl Iterator<Item = usize>) -> Vec<u8> {
        let mut all = Vec::new();
        while outbox.len() > 0 {
            let mut slices = [IoSlice::new(&[]); 3];
            let n = outbox.slices(&mut slices);
            let shown: Vec<u8> = slices[..n].iter().flat_map(|slice| slice.to_vec()).collect();
            let taken = steps.next().unwrap_or(usize::MAX).min(shown.len());
            all.extend_from_slice(&shown[..taken]);
            let before = outbox.len();
            outbox.advance(taken);
            assert_eq!(outbox.len(), before - taken);
        }
        all
    }

    proptest! {
        #[test]
        fn all_goes_out_in_its_order_however_it_is_taken(
            sizes in prop::collection::vec((0usize..40, 0usize..3), 0..12),
            steps in prop::collection::vec(1usize..9_000, 0..60),
        ) {
            let (mut outbox, mut all) = (Outbox::new(b"head".to_vec()), b"head".to_vec());
            for (i, (text, part)) in sizes.into_iter().enumerate() {
                let text = vec![b'a' + i as u8; text];
                let part = vec![b'A' + i as u8; [0, SMALL, SMALL + 1][part]];
                outbox.text().extend_from_slice(&text);
                outbox.put(part.clone().into());
                all.extend([text, part].concat());
            }
            prop_assert_eq!(outbox.len(), all.len());
            prop_assert!(drain(&mut outbox, steps.into_iter()) == all);
            outbox.text().extend_from_slice(b"more");
            prop_assert_eq!(drain(&mut outbox, std::iter::empty()), b"more");
        }
    }
}
