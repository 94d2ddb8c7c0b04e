//! Telling a collector what is measured.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use tokio::sync::Notify;

use crate::gathered::{Gathered, Reader};

use super::collector::{Collector, Signal};
use super::histogram::Shape;
use super::points::{points, request};
use super::queue::{BATCH, Queue};
use super::sender::{Counts, Sender};

/// So much time is collected into one request.
const EVERY: Duration = Duration::from_secs(5);

/// How long a collector may take for the rest, when the server stops.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// Tells a collector what is measured.
#[derive(Debug)]
pub struct Metrics {
    sender: Sender,
    shape: Shape,
    queue: Mutex<Queue>,
    came: Notify,
    /// Told when somebody waits for what is left.
    hurry: Notify,
    /// Told when nothing is left.
    idle: Notify,
}

impl Metrics {
    /// Nothing is told until it is part of a running [`Telemetry`](crate::Telemetry).
    #[must_use]
    pub fn new(collector: Collector, shape: Shape) -> Self {
        Self {
            sender: Sender::new(collector, Signal::Metrics),
            shape,
            queue: Mutex::default(),
            came: Notify::new(),
            hurry: Notify::new(),
            idle: Notify::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it goes, in points.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.sender.counts().clone()
    }

    /// Tells what is measured, for ever.
    pub(crate) async fn run(&self, gathered: &Gathered, reader: &Reader) {
        let feed = gathered.follow(reader, |until| self.take(gathered, reader, until));
        tokio::join!(feed, self.send());
    }

    /// Has what is over wait for the collector.
    fn take(&self, gathered: &Gathered, reader: &Reader, until: i64) {
        while let Some((told, news)) = gathered.take_new(reader, until) {
            let points = points(told, &news, self.shape);
            let came = points.len() as u64;
            let dropped = self.queue().push(points) as u64;
            let mut counts = self.sender.counts();
            counts.waiting = (counts.waiting + came).saturating_sub(dropped);
            if dropped > 0 && counts.dropped == 0 {
                tracing::warn!(
                    "the collector is away for too long; the oldest numbers are dropped"
                );
            }
            counts.dropped += dropped;
        }
        self.came.notify_one();
    }

    /// Sends what waits, for ever.
    async fn send(&self) {
        loop {
            let batch = self.queue().take();
            if batch.is_empty() {
                self.idle.notify_one();
                self.came.notified().await;
                self.collect().await;
                continue;
            }
            let many = batch.len() as u64;
            let request = request(self.sender.collector.resource(), batch);
            self.sender.deliver(many, request.encode_to_vec(), &self.hurry).await;
            let mut counts = self.sender.counts();
            counts.waiting = counts.waiting.saturating_sub(many);
        }
    }

    /// Lets some time pass, for a request to be worth it.
    async fn collect(&self) {
        if self.queue().waiting() < BATCH {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.hurry.notified() => {}
            }
        }
    }

    /// Tells all that there is, before the server stops. The collector has a moment to take it.
    pub(crate) async fn flush(&self, gathered: &Gathered, reader: &Reader) {
        self.take(gathered, reader, i64::MAX);
        let taken = async {
            while self.counts().waiting > 0 {
                self.hurry.notify_one();
                self.idle.notified().await;
            }
        };
        if tokio::time::timeout(LAST_MOMENT, taken).await.is_err() {
            let lost = self.counts().waiting;
            tracing::warn!(lost, "the collector did not take what was measured last");
        }
    }
}
