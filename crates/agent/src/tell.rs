//! Telling the server what was measured, whenever it is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::Notify;

use crate::sampler::Sample;
use crate::server::{Refusal, Server};
use crate::tally::Tally;
use crate::waiting::Waiting;

/// What is to be told.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    came: Notify,
}

impl Outbox {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a sample whose span ends at `at`.
    pub(crate) fn put(&self, at: i64, sample: Sample, tally: &Tally) {
        let mut waiting = self.waiting();
        let dropped = waiting.push(at, sample);
        tally.wait(waiting.len());
        drop(waiting);
        if dropped > 0 {
            tally.dropped(dropped);
            tracing::warn!(
                dropped,
                "the server has been away for too long: the oldest reports are dropped"
            );
        }
        self.came.notify_one();
    }
}

/// Tells one server, of one host.
pub(crate) struct Teller {
    pub(crate) server: Server,
    pub(crate) host: String,
    /// Whose containers are told of; asked of the server while it is not known.
    pub(crate) installation: Option<String>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) clock: Said,
}

/// From one attempt to the next while the server is away.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(30))
        .without_max_times()
        .build()
}

impl Teller {
    /// Tells for ever.
    pub(crate) async fn run(mut self) {
        let mut pauses = pauses();
        let mut said = Said::default();
        loop {
            match self.tell().await {
                Ok(told) => {
                    said.well("the server takes reports again");
                    pauses = self::pauses();
                    if !told {
                        self.outbox.came.notified().await;
                    }
                }
                Err(refusal) => {
                    said.trouble(&refusal.to_string());
                    tokio::time::sleep(pauses.next().unwrap_or_default()).await;
                }
            }
        }
    }

    /// Sends what fits into one call; whether there was anything.
    async fn tell(&mut self) -> Result<bool, Refusal> {
        let installation = match &self.installation {
            Some(known) => known.clone(),
            None => self.installation.insert(self.server.installation().await?).clone(),
        };
        let reports: Vec<_> = self
            .outbox
            .waiting()
            .first()
            .map(|(at, sample)| sample.report(&self.host, at, &installation))
            .collect();
        let Some(last) = reports.last().map(|report| report.at) else { return Ok(false) };
        let count = reports.len();
        let sent = self.server.send(&self.host, reports).await;
        match &sent {
            Ok(taken) => {
                self.tally.sent(count);
                match &taken.clock {
                    Some(wrong) => self.clock.trouble(wrong),
                    None => self.clock.well("this machine's clock is right again"),
                }
                if taken.known > 0 {
                    let known = taken.known;
                    tracing::warn!(
                        known,
                        host = self.host,
                        "the server has reports of that time already; does another agent call its host the same?"
                    );
                }
            }
            Err(Refusal::Senseless { .. }) => self.tally.dropped(count),
            Err(_) => {}
        }
        if matches!(sent, Ok(_) | Err(Refusal::Senseless { .. })) {
            let mut waiting = self.outbox.waiting();
            waiting.done_up_to(last);
            self.tally.wait(waiting.len());
        }
        sent.map(|_| true)
    }
}

/// Trouble that was said, and is not said again while it stays the same.
#[derive(Debug, Default)]
pub(crate) struct Said(Option<String>);

impl Said {
    pub(crate) fn trouble(&mut self, what: &str) {
        if self.0.as_deref() != Some(what) {
            tracing::warn!("{what}");
            self.0 = Some(what.to_owned());
        }
    }

    fn well(&mut self, what: &str) {
        if self.0.take().is_some() {
            tracing::info!("{what}");
        }
    }
}
