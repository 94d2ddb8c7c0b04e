//! What becomes of the records that come.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_control::Control;
use launcher_fluent::{Batch, Record};
use launcher_model::container::Container;
use launcher_telemetry::Gathered;
use launcher_telemetry::access::{Counts, Left, LeftOut, Place, Places, Requests, Seen, read};
use tokio::sync::mpsc::Receiver;

use super::chunks::Chunks;
use super::fields::OfRecord;

/// From one look at the containers to the next, while records come.
const LOOK: Duration = Duration::from_secs(1);
/// So long the first records wait at most until the containers are known.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
/// From one report of what was left to the next.
const REPORT: Duration = Duration::from_secs(60);

/// Makes samples of records.
pub(super) struct Intake {
    control: Control,
    gathered: Arc<Gathered>,
    counts: Counts,
    places: Places,
    chunks: Chunks,
    looked: Option<Instant>,
    left_out: Arc<LeftOut>,
    /// Those of them that the log has not been told of.
    left: BTreeMap<Left, u64>,
    reported: Instant,
}

impl Intake {
    pub(super) fn new(
        control: Control,
        gathered: Arc<Gathered>,
        counts: Counts,
        left_out: Arc<LeftOut>,
    ) -> Self {
        Self {
            control,
            gathered,
            counts,
            places: Places::default(),
            chunks: Chunks::default(),
            looked: None,
            left_out,
            left: BTreeMap::new(),
            reported: Instant::now(),
        }
    }

    /// Takes what comes, until nothing can come any more.
    pub(super) fn run(mut self, mut batches: Receiver<Batch>) {
        while let Some(batch) = batches.blocking_recv() {
            self.look();
            // The acknowledgement may have been lost on its way.
            let again = batch.chunk.as_deref().is_some_and(|chunk| self.chunks.has(chunk));
            if !again {
                self.take(batch.records());
                if let Some(chunk) = &batch.chunk {
                    self.chunks.note(chunk);
                }
            }
            batch.ack.done();
            self.report();
        }
    }

    fn take(&mut self, records: impl Iterator<Item = Record>) {
        let mut requests = Requests::default();
        for record in records {
            let time = f64::from(record.time.seconds) + f64::from(record.time.nanos) / 1e9;
            match read(&OfRecord(&record), time, &self.places, self.counts) {
                Ok(request) => requests.add(request),
                Err(left) => self.leave(left, 1),
            }
        }
        for (at, samples) in requests.into_samples() {
            let answered = samples.iter().map(|sample| sample.traffic.answered()).sum();
            if !self.gathered.more_traffic(at, samples) {
                self.leave(Left::Late, answered);
            }
        }
    }

    fn leave(&mut self, left: Left, records: u64) {
        self.left_out.add(left, records);
        *self.left.entry(left).or_default() += records;
    }

    /// Takes in which containers there are.
    fn look(&mut self) {
        let first = self.looked.is_none();
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        let began = Instant::now();
        let mut observed = self.control.all_observed();
        // A server that has just been started has not looked yet.
        while first && !observed.complete && began.elapsed() < KNOWN_WITHIN {
            thread::sleep(Duration::from_millis(50));
            observed = self.control.all_observed();
        }
        let seen = observed.containers.into_iter().map(seen);
        self.places.look(Timestamp::now().as_second(), seen);
        self.looked = Some(Instant::now());
    }

    /// Says what was left, which nobody would know otherwise. Records of our own edges are left on purpose.
    fn report(&mut self) {
        if self.reported.elapsed() < REPORT {
            return;
        }
        self.reported = Instant::now();
        let left = std::mem::take(&mut self.left);
        let left: Vec<_> = left.into_iter().filter(|(why, _)| *why != Left::OfAnEdge).collect();
        if left.is_empty() {
            return;
        }
        let records: u64 = left.iter().map(|(_, records)| records).sum();
        let mut reasons = String::new();
        for (why, records) in left {
            // A string takes everything.
            let _ = write!(reasons, "{}={records} ", why.as_str());
        }
        tracing::info!(
            records,
            reasons = reasons.trim_end(),
            "records sent to [fluentd] were left out"
        );
    }
}

fn seen(container: Container) -> Seen {
    let addresses = [container.address, container.published];
    Seen {
        addresses: addresses.into_iter().flatten().collect(),
        id: container.id,
        place: Place { service: container.service, version: container.version },
    }
}
