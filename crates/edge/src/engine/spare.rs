//! What one request after the other uses, so that it need not be made anew.

use std::cell::RefCell;

/// So much of a kind is kept.
const MOST: usize = 256;

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

impl<T: Default> Spare<T> {
    /// Takes one, or makes one.
    pub(super) fn take(&self) -> T {
        self.find().unwrap_or_default()
    }
}
