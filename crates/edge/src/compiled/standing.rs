//! How a container stands with this edge: whether it has failed requests lately, and since when it is
//! there. All threads write it, but hardly ever: what goes well changes nothing.

use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use rand::{Rng, RngExt};

/// How long a container is passed over to which a connection could not be made, in milliseconds.
const AVOID_MS: u64 = 1_000;

/// How long one request may take to show that a container answers again, before another one tries, in
/// milliseconds: one that hangs is to cost few.
const TRY_MS: u64 = 10_000;

/// How long a container is passed over that has failed too often, at first and at most, in milliseconds.
/// Each time it is twice as long.
const OUT_MS: (u64, u64) = (1_000, 30_000);

/// After so long without a failure too much, in milliseconds, it begins with the first time again.
const FORGIVEN_MS: u64 = 60_000;

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since this process began.
pub(crate) fn clock() -> u64 {
    u64::try_from(STARTED.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Times are [`clock`]'s.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// When it came.
    since: u64,
    /// Requests in a row that it has failed to answer.
    failures: AtomicU32,
    /// Until when it is passed over; 0 when it is not. Afterwards one request tries it.
    out_until: AtomicU64,
    /// A request tries it.
    tried: AtomicBool,
    /// How often it was passed over for failing too often.
    times: AtomicU32,
    /// When the last of those times was over.
    ended: AtomicU64,
}

/// How a container has failed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection could be made.
    Unreachable,
    /// It broke off, was late, or answered with something that is no response.
    Unanswered,
}

impl Standing {
    pub(crate) fn new(since: u64) -> Self {
        Self { since, ..Self::default() }
    }

    /// When it came.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// Whether it is in the choice.
    pub(crate) fn is_in(&self) -> bool {
        self.out_until.load(Relaxed) == 0
    }

    /// Whether a request is to try it, which is true for one at a time.
    pub(crate) fn is_to_be_tried(&self, now: u64) -> bool {
        let until = self.out_until.load(Relaxed);
        if until == 0 || until > now || !self.put(until, now + TRY_MS) {
            return false;
        }
        self.tried.store(true, Relaxed);
        true
    }

    /// It has answered a request. While it is passed over, that of requests from before says nothing.
    pub(crate) fn succeeded(&self) {
        if self.failures.load(Relaxed) == 0 {
            return;
        }
        if self.is_in() || self.tried.swap(false, Relaxed) {
            self.failures.store(0, Relaxed);
            self.out_until.store(0, Relaxed);
        }
    }

    /// It has failed a request. Returns for how long it is passed over when it has been `after` in a row
    /// and `may` says that the choice can do without it.
    pub(crate) fn failed(
        &self,
        failure: Failure,
        now: u64,
        after: u16,
        may: impl FnOnce() -> bool,
        rng: &mut impl Rng,
    ) -> Option<Duration> {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        let until = self.out_until.load(Relaxed);
        if until != 0 && !self.tried.swap(false, Relaxed) {
            // It began before; the container is passed over already.
            return None;
        }
        if after > 0 && failures >= u32::from(after) && may() {
            let pause = self.pause(now, rng);
            return self.put(until, now + pause).then_some(Duration::from_millis(pause));
        }
        let next = if failure == Failure::Unreachable { now + AVOID_MS } else { 0 };
        self.put(until, next);
        None
    }

    /// For how long it is passed over this time. Edges that saw it fail together try it apart.
    fn pause(&self, now: u64, rng: &mut impl Rng) -> u64 {
        let (first, most) = OUT_MS;
        if now.saturating_sub(self.ended.load(Relaxed)) > FORGIVEN_MS {
            self.times.store(0, Relaxed);
        }
        let times = self.times.fetch_add(1, Relaxed).min(16);
        let whole = (first << times).min(most);
        let pause = whole - whole / 5 + rng.random_range(0..=whole / 5 * 2);
        self.ended.store(now + pause, Relaxed);
        pause
    }

    fn put(&self, before: u64, until: u64) -> bool {
        self.out_until.compare_exchange(before, until, Relaxed, Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests;
