//! Connections that stay long are told to move when their version has left production: one by one,
//! spread over the time that their service gives them. So are those of a container that is about to stop.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rand::{Rng, RngExt};
use tokio::time::Instant;

use super::worker::Worker;
use crate::compiled::PoolId;

/// Whether what a client has under way is to end for it to come again. Who carries it out looks here:
/// WebSockets and streams of events do, all else does not.
#[derive(Default)]
pub(super) struct Moving {
    stage: Cell<Stage>,
    why: Cell<Why>,
    /// Of whoever waits to be told.
    waiting: Cell<Option<Waker>>,
}

/// Why something is to end for its client to come again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Why {
    /// Its version has left production.
    #[default]
    AnotherVersion,
    /// Its container has left the table.
    ContainerLeaves,
}

impl Why {
    /// What clients of WebSockets are told.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::AnotherVersion => "another version is live",
            Self::ContainerLeaves => "the container stops",
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Stays,
    Told,
    Moved,
}

impl Moving {
    /// Tells whoever carries it to end it when it can.
    pub(super) fn tell(&self, why: Why) {
        self.why.set(why);
        self.stage.set(Stage::Told);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Takes that back: the version is live again, or something else is under way.
    pub(super) fn forget(&self) {
        self.stage.set(Stage::Stays);
    }

    /// Notes that its end has been sent.
    pub(super) fn moved(&self) {
        self.stage.set(Stage::Moved);
    }

    /// Whether its end has been sent.
    pub(super) fn has_moved(&self) -> bool {
        self.stage.get() == Stage::Moved
    }

    /// Why it is to end, once it is.
    pub(super) fn why(&self) -> Why {
        self.why.get()
    }

    /// Whether it is to end.
    pub(super) fn is_told(&self) -> bool {
        self.stage.get() == Stage::Told
    }

    /// Ready when it is to end.
    pub(super) fn poll_told(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_told() {
            return Poll::Ready(());
        }
        let same = self.waiting.take().filter(|waiting| waiting.will_wake(cx.waker()));
        self.waiting.set(Some(same.unwrap_or_else(|| cx.waker().clone())));
        Poll::Pending
    }
}

/// Tells every client that has production traffic of a pool under way, each at a time of its own.
pub(super) async fn move_all(worker: Rc<Worker>, pool: PoolId, within: Duration) {
    let began = Instant::now();
    let clients = worker.clients_on(pool);
    let times = times(clients.len(), within, &mut *worker.rng.borrow_mut());
    for (key, after) in clients.into_iter().zip(times) {
        tokio::time::sleep_until(began + after).await;
        // It may have ended long since, and its place may have been given to another one.
        let clients = worker.clients.borrow();
        if let Some((client, _)) = clients.get(key).filter(|(client, _)| client.is_live_on(pool)) {
            client.moving.tell(Why::AnotherVersion);
        }
    }
}

/// So many times, rising, spread evenly over `within`: one at random in each of as many equal parts.
fn times(count: usize, within: Duration, rng: &mut impl Rng) -> Vec<Duration> {
    let part = within.div_f64(count.max(1) as f64);
    (0..count).map(|n| part.mul_f64(n as f64 + rng.random::<f64>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    #[test]
    fn times_are_spread_evenly_and_not_alike() {
        let mut rng = SmallRng::seed_from_u64(1);
        let within = Duration::from_secs(60);
        let spread = times(600, within, &mut rng);
        for tenth in 0..10 {
            let part = within / 10 * tenth..within / 10 * (tenth + 1);
            assert_eq!(spread.iter().filter(|time| part.contains(*time)).count(), 60, "{tenth}");
        }
        assert!(spread.is_sorted());
        let steps: Vec<_> = spread.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(steps.iter().any(|step| *step != steps[0]));
        let alone: Vec<_> = (0..100).flat_map(|_| times(1, within, &mut rng)).collect();
        assert!(alone.iter().any(|time| *time < within / 4));
        assert!(alone.iter().any(|time| *time > within / 4 * 3));
        assert!(times(0, within, &mut rng).is_empty());
    }
}
