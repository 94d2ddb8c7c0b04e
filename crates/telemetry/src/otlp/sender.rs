//! Sending until a collector has taken it, or has said that it does not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::Notify;

use super::answer::Answer;
use super::collector::{Collector, Packed, Signal};

/// How it goes, in points of metrics or in spans of traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that were taken.
    pub sent: u64,
    /// Those that the collector did not take out of what it took.
    pub rejected: u64,
    /// Those that it refused for good.
    pub refused: u64,
    /// Those that were dropped, as it was away for too long.
    pub dropped: u64,
    /// Those that wait.
    pub waiting: u64,
    /// How often something had to be sent again.
    pub errors: u64,
    /// Why, the last time; none while it takes what it is sent.
    pub trouble: Option<String>,
}

/// What sends one signal to a collector.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) collector: Collector,
    signal: Signal,
    counts: Mutex<Counts>,
}

impl Sender {
    /// Nothing is sent yet.
    pub(super) fn new(collector: Collector, signal: Signal) -> Self {
        Self { collector, signal, counts: Mutex::default() }
    }

    /// How it goes.
    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends so many points or spans again and again, until they are taken or refused. A wait is cut short
    /// when somebody is in a hurry.
    pub(super) async fn deliver(&self, items: u64, body: Vec<u8>, hurry: &Notify) {
        let body = Packed::new(body);
        let pace = self.collector.pace();
        let delays = ExponentialBuilder::new()
            .with_min_delay(pace.first)
            .with_max_delay(pace.longest)
            .without_max_times()
            .with_jitter();
        for delay in delays.build() {
            match self.collector.send(self.signal, &body).await {
                Answer::Taken { rejected, message } => {
                    return self.taken(items, rejected, &message);
                }
                Answer::Refused { why } => return self.refused(items, &why),
                Answer::Later { after, why } => {
                    self.troubled(&why);
                    tokio::select! {
                        () = tokio::time::sleep(after.unwrap_or(delay)) => {}
                        () = hurry.notified() => {}
                    }
                }
            }
        }
    }

    fn taken(&self, items: u64, rejected: u64, message: &str) {
        let rejected = rejected.min(items);
        let was_away = {
            let mut counts = self.counts();
            counts.sent += items - rejected;
            counts.rejected += rejected;
            counts.trouble.take().is_some()
        };
        let (signal, endpoint) = (self.signal.name(), self.collector.endpoint());
        if was_away {
            tracing::info!(%endpoint, signal, "the collector takes what it is sent again");
        }
        if rejected > 0 {
            tracing::warn!(%endpoint, signal, rejected, of = items, message, "the collector has not taken all");
        } else if !message.is_empty() {
            tracing::warn!(%endpoint, signal, message, "the collector warns");
        }
    }

    fn refused(&self, items: u64, why: &str) {
        let is_news = {
            let mut counts = self.counts();
            counts.refused += items;
            counts.trouble.replace(why.to_owned()).as_deref() != Some(why)
        };
        if is_news {
            let (signal, endpoint) = (self.signal.name(), self.collector.endpoint());
            tracing::warn!(%endpoint, signal, lost = items, why, "the collector refuses what it is sent");
        }
    }

    fn troubled(&self, why: &str) {
        let first = {
            let mut counts = self.counts();
            counts.errors += 1;
            counts.trouble.replace(why.to_owned()).is_none()
        };
        if first {
            let (signal, endpoint) = (self.signal.name(), self.collector.endpoint());
            tracing::warn!(%endpoint, signal, why, "the collector is away; what it is to be told waits");
        }
    }
}
