//! What is looked at: an edge tells the control plane which environments of branches are used, so that
//! those that nobody uses can be stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::protocol::LOOKS_EVERY;

/// Whether anything was looked at since it was told last.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    any: AtomicBool,
    news: Notify,
    told: Mutex<Option<Instant>>,
}

impl Looks {
    /// Notes a look. `looked` is what remembers that of the one that is looked at.
    pub(crate) fn note(&self, looked: &AtomicBool) {
        // Nearly always it has been noted, and reading is cheap for threads that do nothing else.
        if !looked.load(Ordering::Relaxed) {
            looked.store(true, Ordering::Release);
            self.again();
        }
    }

    /// Has it told again what still is looked at.
    pub(crate) fn again(&self) {
        self.any.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Waits until something is to be told. When it is told, [`telling`](Self::telling) says so.
    pub(crate) async fn any(&self) {
        while !self.any.load(Ordering::Acquire) {
            self.news.notified().await;
        }
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = told {
            tokio::time::sleep_until(told + LOOKS_EVERY).await;
        }
    }

    /// What there is is told now.
    pub(crate) fn telling(&self) {
        self.any.store(false, Ordering::Release);
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
