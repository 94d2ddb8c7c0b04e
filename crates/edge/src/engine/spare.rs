//! What one request after the other uses, so that it need not be made anew.

use std::cell::RefCell;

/// So much of a kind is kept.
const MOST: usize = 256;

/// Room for more bytes than this is not kept: who sends one large head leaves nothing behind.
const KEPT: usize = 16 << 10;

/// Of one kind, what no request uses this moment.
#[derive(Debug)]
pub(super) struct Spare<T>(RefCell<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Spare<T> {
    /// Takes one, if there is one.
    pub(super) fn find(&self) -> Option<T> {
        self.0.borrow_mut().pop()
    }

    /// Keeps one for the requests to come.
    pub(super) fn keep(&self, one: T) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < MOST {
            spare.push(one);
        }
    }
}

impl Spare<Vec<u8>> {
    /// Keeps the room of one, unless it is large.
    pub(super) fn keep_room(&self, room: Vec<u8>) {
        if room.capacity() <= KEPT {
            self.keep(room);
        }
    }
}

impl<T: Default> Spare<T> {
    /// Takes one, or makes one.
    pub(super) fn take(&self) -> T {
        self.find().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let rooms = Spare::default();
        rooms.keep_room(Vec::with_capacity(KEPT + 1));
        assert!(rooms.find().is_none());
        (0..2 * MOST).for_each(|_| rooms.keep_room(Vec::with_capacity(1)));
        assert_eq!(std::iter::from_fn(|| rooms.find()).count(), MOST);
    }
}
