//! Where messages go to, whatever it is.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Refusal;
use crate::line::Line;
use crate::news::News;

/// How a place takes several messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// One after the other, each for itself: for programs.
    Each,
    /// A few lines at once: for people. When many wait, only the newest of them are told, and how many
    /// there were before.
    Lines {
        /// So many lines at once.
        at_once: NonZeroUsize,
        /// So many of those that wait are told one by one.
        newest: NonZeroUsize,
    },
}

/// What is sent at once.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    /// What happened, in order; empty for what is no event, such as a test.
    pub(crate) news: Vec<News>,
    /// The same in lines; one more when events were folded.
    pub(crate) lines: Vec<Line>,
    /// When it is sent.
    pub(crate) now: Timestamp,
}

/// A place that messages go to.
#[async_trait]
pub(crate) trait Sink: Send + Sync + 'static {
    /// How it takes several.
    fn takes(&self) -> Takes;

    /// Whether anything is to be said of this; what is not is passed over.
    fn wants(&self, _news: &News) -> bool {
        true
    }

    /// Sends something, and returns when the other side has it.
    async fn send(&self, parcel: &Parcel) -> Result<(), Refusal>;

    /// What was heard from the other side, so far, that made no sense, and connections that ended.
    fn strange(&self) -> u64 {
        0
    }

    /// Returns when it is worth trying again earlier than a failure made it seem.
    async fn is_back(&self) {
        std::future::pending::<()>().await;
    }
}
