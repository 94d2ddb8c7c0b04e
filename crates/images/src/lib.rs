//! Images in registries: those that are pushed become versions, those that no version has any more are
//! removed.
//!
//! Both are level-triggered: each look compares what the registry has with what the store knows, so that
//! events which are missed, repeated or out of order change nothing but how soon it happens.

mod backoff;
mod error;
mod follow;
mod garbage;
mod troubles;

use std::sync::Arc;

use jiff::Timestamp;
use launcher_control::{Clock, Control};
use launcher_registry::Registry;
use launcher_scheduler::Builder;
use launcher_store::Store;
use tokio::task::JoinSet;

use error::{Error, Result};
use troubles::Troubles;

/// What is worked with.
pub struct Parts {
    /// What launches.
    pub control: Control,
    /// What is wanted and what happened.
    pub store: Arc<dyn Store>,
    /// Where images are kept.
    pub registry: Arc<dyn Registry>,
    /// Where images are built; none where none are.
    pub builder: Option<Arc<dyn Builder>>,
    /// The time.
    pub clock: Clock,
}

struct Inner {
    control: Control,
    store: Arc<dyn Store>,
    registry: Arc<dyn Registry>,
    builder: Option<Arc<dyn Builder>>,
    clock: Clock,
    troubles: Troubles,
}

impl Inner {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Runs until it is dropped. What it was about is taken up at the next start.
#[must_use]
pub struct Images {
    _running: JoinSet<()>,
}

impl Images {
    /// Begins to follow registries, and to remove what is left in them.
    pub fn start(parts: Parts) -> Self {
        let Parts { control, store, registry, builder, clock } = parts;
        let troubles = Troubles::default();
        let inner = Arc::new(Inner { control, store, registry, builder, clock, troubles });
        let mut running = JoinSet::new();
        running.spawn(follow::run(Arc::clone(&inner)));
        running.spawn(garbage::run(inner));
        Self { _running: running }
    }
}
