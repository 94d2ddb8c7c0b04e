//! Questions, of which some are answered at once, and those behind them one by one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Question;
use crate::irc::flood::Bucket;

/// So many questions at once, and one more in so long a time.
const AT_ONCE: (u32, Duration) = (4, Duration::from_secs(5));
/// So many wait for their turn; others are not answered.
const WAITING: usize = 12;
/// What is said when there are more.
pub(super) const TOO_MANY: &str =
    "too many questions at once: the last are not answered; ask again in a minute";

/// When a question is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// At once.
    Now(Question),
    /// When those before it were.
    Later,
    /// Not at all, which is to be said where it was not said a moment ago.
    Never { say_so: bool },
}

/// Those that wait, and how many may be answered.
pub(super) struct Questions {
    bucket: Bucket,
    waiting: VecDeque<Question>,
    /// It was said that there are too many, since the last moment at which there were none.
    said: bool,
}

impl Questions {
    pub(super) fn new(now: Instant) -> Self {
        let bucket = Bucket::new(AT_ONCE.0, AT_ONCE.1, now);
        Self { bucket, waiting: VecDeque::new(), said: false }
    }

    /// Somebody asks something.
    pub(super) fn ask(&mut self, question: Question, now: Instant) -> Turn {
        if self.waiting.is_empty() && self.bucket.take(now) {
            self.said = false;
            return Turn::Now(question);
        }
        if self.waiting.len() < WAITING {
            self.waiting.push_back(question);
            return Turn::Later;
        }
        Turn::Never { say_so: !std::mem::replace(&mut self.said, true) }
    }

    /// When the next of those that wait may be answered; none when none waits.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then(|| self.bucket.ready_at())
    }

    /// The next of those that wait, when it may be answered.
    pub(super) fn next(&mut self, now: Instant) -> Option<Question> {
        if self.waiting.is_empty() || !self.bucket.take(now) {
            return None;
        }
        self.waiting.pop_front()
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
