//! Telling one target, event by event, in their order.
//!
//! The store keeps up to which event a target was told; that is written down after the other side has it,
//! so a message may come twice, and none is lost.

mod scan;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};
use launcher_model::event::Event;
use launcher_store::{Store, Told};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use self::scan::Scan;
use crate::links::Links;
use crate::rule::Rule;
use crate::sink::Sink;
use crate::{Clock, Refusal};

/// The pause after the first failure, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(15 * 60)];
/// After the store has failed, so much time passes until it is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(10);
/// So many events that are not for a target are passed over before it is written down that they were.
const PASSED_OVER: i64 = 1_000;

/// One target.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) rule: Rule,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) tally: Tally,
}

/// What came of telling a target, since this server has started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Events that were told, those folded into one line among them.
    pub(crate) told: AtomicU64,
    /// Attempts that failed.
    pub(crate) errors: AtomicU64,
    /// When it is tried again.
    next_try: Mutex<Option<Timestamp>>,
    /// Everything up to this event was told, or is not for it, whether that is written down or not.
    pub(crate) up_to: AtomicI64,
}

impl Tally {
    pub(crate) fn next_try(&self) -> Option<Timestamp> {
        *self.next_try.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_next_try(&self, at: Option<Timestamp>) {
        *self.next_try.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

/// What all deliveries share.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) links: Links,
    pub(crate) clock: Clock,
    pub(crate) give_up_after: SignedDuration,
}

/// Tells one target.
pub(crate) struct Delivery {
    target: Arc<Target>,
    common: Common,
    /// Everything up to this event was told, or is not for this target.
    up_to: i64,
    /// The same, as it is written down.
    written: i64,
    /// Up to this event each is sent for itself, since several together were refused.
    singly_up_to: i64,
    failing: bool,
    pauses: Box<dyn Iterator<Item = Duration> + Send + Sync>,
}

/// What came of a look at what is to be told.
#[derive(Debug, PartialEq)]
enum Step {
    /// There may be more.
    More,
    /// There is nothing.
    Nothing,
    /// What there is waits for how it ends, until then.
    Settles(Timestamp),
    /// It failed, and is tried again after so long.
    Failed(Duration),
}

impl Delivery {
    pub(crate) fn new(target: Arc<Target>, common: Common, told: &Told) -> Self {
        Self {
            target,
            common,
            up_to: told.up_to,
            written: told.up_to,
            singly_up_to: 0,
            failing: told.failing_since.is_some(),
            pauses: pauses(),
        }
    }

    /// Tells what happened and what happens, for as long as this is polled.
    pub(crate) async fn run(mut self) {
        // Subscribed before the first look, so that nothing falls between the two.
        let mut events = self.common.store.watch();
        loop {
            match self.step().await {
                Ok(Step::More) => {}
                Ok(Step::Nothing) => self.next_event(&mut events).await,
                Ok(Step::Settles(at)) => {
                    let left = Duration::try_from(at.duration_since((self.common.clock)()));
                    tokio::select! {
                        () = tokio::time::sleep(left.unwrap_or_default()) => {}
                        _ = events.recv() => {}
                    }
                }
                Ok(Step::Failed(pause)) => self.pause(pause).await,
                Err(error) => {
                    tracing::error!(target = %self.target.name, %error, "it cannot be read what is to be told");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    async fn pause(&self, pause: Duration) {
        let next = (self.common.clock)().checked_add(pause).ok();
        self.target.tally.set_next_try(next);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.target.sink.is_back() => {}
        }
        self.target.tally.set_next_try(None);
    }

    /// Waits for an event that this target is told. What is not for it is passed over.
    async fn next_event(&mut self, events: &mut Receiver<Event>) {
        loop {
            match events.recv().await {
                Ok(event) if event.id <= self.up_to => {}
                Ok(event) if self.target.rule.tells(&event) => return,
                Ok(event) => self.reach(event.id),
                Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    async fn step(&mut self) -> launcher_store::Result<Step> {
        let now = (self.common.clock)();
        let scan = Scan::of(&self.common, &self.target, self.up_to, self.singly_up_to, now).await?;
        if scan.too_old > 0 {
            let hours = self.common.give_up_after.as_hours();
            let why = format!("it could not be told for {hours} hours");
            self.give_up(scan.too_old_up_to, scan.too_old, &why, now).await?;
        }
        let Some(parcel) = scan.parcel(&self.common.links, now) else {
            self.pass_over(scan.up_to).await?;
            return Ok(match (scan.settles, scan.more) {
                (Some(at), _) => Step::Settles(at),
                (None, true) => Step::More,
                (None, false) => Step::Nothing,
            });
        };
        match self.target.sink.send(&parcel).await {
            Ok(()) => {
                self.told(&scan).await?;
                Ok(Step::More)
            }
            Err(refusal) => self.refused(&refusal, &scan, now).await,
        }
    }

    async fn told(&mut self, scan: &Scan) -> launcher_store::Result<()> {
        self.target.tally.told.fetch_add(scan.events(), Ordering::Relaxed);
        // Before it is written down: a full disk must not have it told again and again.
        self.reach(scan.up_to);
        self.common.store.told_up_to(&self.target.name, scan.up_to).await?;
        self.written = scan.up_to;
        if std::mem::take(&mut self.failing) {
            tracing::info!(target = %self.target.name, "a target is told again what happens");
            self.pauses = pauses();
        }
        Ok(())
    }

    async fn refused(
        &mut self,
        refusal: &Refusal,
        scan: &Scan,
        now: Timestamp,
    ) -> launcher_store::Result<Step> {
        self.target.tally.errors.fetch_add(1, Ordering::Relaxed);
        let name = &self.target.name;
        match refusal {
            Refusal::Later { why, not_before } => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(target = %name, %why, "a target cannot be told what happens; it is tried again");
                }
                self.common.store.telling_failed(name, why, now).await?;
                let pause = self.pauses.next().unwrap_or(PAUSES[1]);
                Ok(Step::Failed(pause.max(not_before.unwrap_or_default())))
            }
            // One of them may be what is refused.
            Refusal::Never { .. } if scan.news.len() > 1 => {
                self.singly_up_to = scan.up_to;
                Ok(Step::More)
            }
            Refusal::Never { why } => {
                self.failing = true;
                self.give_up(scan.up_to, scan.events(), why, now).await?;
                Ok(Step::More)
            }
        }
    }

    /// Goes on behind what this target is never told.
    async fn give_up(
        &mut self,
        up_to: i64,
        events: u64,
        why: &str,
        now: Timestamp,
    ) -> launcher_store::Result<()> {
        let name = &self.target.name;
        tracing::warn!(target = %name, events, %why, "a target is not told of some events");
        self.common.store.telling_given_up(name, up_to, events, why, now).await?;
        self.written = self.written.max(up_to);
        self.reach(up_to);
        Ok(())
    }

    /// Goes on behind what is not for this target; writes it down now and then.
    async fn pass_over(&mut self, up_to: i64) -> launcher_store::Result<()> {
        self.reach(up_to);
        if self.up_to - self.written >= PASSED_OVER && !self.failing {
            self.common.store.told_up_to(&self.target.name, up_to).await?;
            self.written = up_to;
        }
        Ok(())
    }

    /// Goes on behind an event.
    fn reach(&mut self, up_to: i64) {
        self.up_to = self.up_to.max(up_to);
        self.target.tally.up_to.store(self.up_to, Ordering::Relaxed);
    }
}

fn pauses() -> Box<dyn Iterator<Item = Duration> + Send + Sync> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(PAUSES[0])
        .with_max_delay(PAUSES[1])
        .with_jitter()
        .without_max_times()
        .build();
    Box::new(pauses)
}
