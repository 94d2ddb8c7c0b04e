//! How a change of the table is known to be followed without asking the threads.
//!
//! A thread that looks a route up and counts the request does both within its gate. Whoever has put
//! another table in force then has nothing to wait for but gates that are closed this moment: a lookup
//! that begins later finds the new table, and one that has ended has been counted. As a lookup takes a
//! fraction of a microsecond, that is hardly ever a wait, also when a thread has more to do than it can.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

/// One thread's gate.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicBool);

impl Gate {
    /// Does something within the gate.
    pub(super) fn within<T>(&self, lookup: impl FnOnce() -> T) -> T {
        self.0.store(true, Ordering::Relaxed);
        // The one in `passed` is the other half: of two fences one is first, so either this thread
        // sees the table that was put in force before that one, or its gate is seen closed after it.
        fence(Ordering::SeqCst);
        let _open = OpenAgain(&self.0);
        lookup()
    }
}

/// Opens a gate, also when the lookup has panicked.
struct OpenAgain<'g>(&'g AtomicBool);

impl Drop for OpenAgain<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Waits until every lookup that began before this call has ended. What those lookups did is visible
/// then.
pub(super) async fn passed<'g>(gates: impl Iterator<Item = &'g Gate>) {
    fence(Ordering::SeqCst);
    for gate in gates {
        while gate.0.load(Ordering::Acquire) {
            // A thread that the system has put aside just here; it has to be given the processor.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    /// Threads count to the slot that a shared number names; once it names another and the gates have
    /// been passed, the first slot must not change any more.
    #[tokio::test]
    async fn what_went_by_the_old_is_counted_before_the_change_is_told() {
        let gates: Arc<[Gate]> = (0..4).map(|_| Gate::default()).collect();
        let named = Arc::new(AtomicU64::new(0));
        let slots: Arc<Vec<AtomicU64>> = Arc::new((0..101).map(|_| AtomicU64::new(0)).collect());
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (gates, named) = (gates.clone(), named.clone());
                let (slots, stop) = (slots.clone(), stop.clone());
                std::thread::spawn(move || {
                    while !stop.load(Relaxed) {
                        gates[n].within(|| {
                            let slot = usize::try_from(named.load(Relaxed)).unwrap();
                            slots[slot].fetch_add(1, Relaxed);
                        });
                        // Put aside with its gate open, as a thread with something to wait for is.
                        std::thread::yield_now();
                    }
                })
            })
            .collect();
        for change in 1..=100 {
            named.store(change, Relaxed);
            passed(gates.iter()).await;
            let before = slots[usize::try_from(change - 1).unwrap()].load(Relaxed);
            std::thread::yield_now();
            assert_eq!(slots[usize::try_from(change - 1).unwrap()].load(Relaxed), before);
        }
        stop.store(true, Relaxed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
