//! New requests of a service that wait at the edge, in between two versions or while a database is
//! changed: what they wait for, how many they are, and for how long they did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// What requests wait for that come while their service is held.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    released: CancellationToken,
    waiting: TaskTracker,
    requests: AtomicU64,
    longest_us: AtomicU64,
}

impl Hold {
    /// Has one more request wait. To be called within the gate, so that whoever has taken the hold out
    /// of the table knows of every request that waits.
    pub(crate) fn keep(self: &Arc<Self>) -> Waiting {
        self.requests.fetch_add(1, Relaxed);
        Waiting { since: Instant::now(), hold: self.clone(), counted: self.waiting.token() }
    }

    /// Lets go of those who wait.
    pub(crate) fn release(&self) {
        self.released.cancel();
        self.waiting.close();
    }

    /// Whether it has let go.
    pub(crate) fn is_over(&self) -> bool {
        self.released.is_cancelled()
    }

    /// Waits until it has let go.
    pub(crate) async fn over(&self) {
        self.released.cancelled().await;
    }

    /// Once it has let go and the last who waited has noticed: how many waited, those who gave up
    /// included, and the longest wait in microseconds.
    pub(crate) async fn outcome(&self) -> (u64, u64) {
        self.waiting.wait().await;
        (self.requests.load(Relaxed), self.longest_us.load(Relaxed))
    }
}

/// A request that waits; dropped when it goes on, or when its client gives up.
#[derive(Debug)]
pub(crate) struct Waiting {
    since: Instant,
    hold: Arc<Hold>,
    #[expect(dead_code, reason = "counts by being there, until the wait has been measured")]
    counted: TaskTrackerToken,
}

impl Waiting {
    /// Waits until the hold has let go.
    pub(crate) async fn over(&self) {
        self.hold.over().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waited = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.hold.longest_us.fetch_max(waited, Relaxed);
    }
}
