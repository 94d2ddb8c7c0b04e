//! How a connection that carries many requests ends: its client is told to send no more of them over it
//! (RFC 9113 §6.8), and those that are under way end as they would.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

/// How long a client may take to close once it has been told and nothing is under way, in milliseconds.
const CLOSES_WITHIN_MS: u64 = 5_000;

/// Whether a connection is to take no more requests. Whoever serves it looks here.
#[derive(Default)]
pub(in crate::engine) struct Goodbye {
    /// By the thread's clock.
    said: Cell<Option<u64>>,
    waiting: Cell<Option<Waker>>,
}

impl Goodbye {
    /// Has the connection take no more requests. Says whether its client has had its time to close.
    pub(in crate::engine) fn say(&self, now: u64) -> bool {
        if let Some(said) = self.said.get() {
            return now.saturating_sub(said) > CLOSES_WITHIN_MS;
        }
        self.said.set(Some(now));
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        false
    }

    /// Ready when it has been said.
    pub(super) fn poll_said(&self, cx: &Context<'_>) -> Poll<()> {
        if self.said.get().is_some() {
            return Poll::Ready(());
        }
        let same = self.waiting.take().filter(|waiting| waiting.will_wake(cx.waker()));
        self.waiting.set(Some(same.unwrap_or_else(|| cx.waker().clone())));
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_time_to_close() {
        let goodbye = Goodbye::default();
        let cx = Context::from_waker(Waker::noop());
        assert!(goodbye.poll_said(&cx).is_pending());
        assert!(!goodbye.say(100));
        assert!(goodbye.poll_said(&cx).is_ready());
        assert!(!goodbye.say(100 + CLOSES_WITHIN_MS));
        assert!(goodbye.say(101 + CLOSES_WITHIN_MS));
    }
}
