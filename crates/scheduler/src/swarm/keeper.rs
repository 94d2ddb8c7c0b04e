//! One picture of the Swarm, out of which every question is answered.
//!
//! While somebody [watches](crate::Scheduler::watch) it is kept up to date, and answers cost no call. Who has
//! changed something sees the change in the next answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bollard::models::{Node, Service, Task};
use launcher_model::container::Container;
use tokio::sync::watch;

use super::memory::Memory;
use super::{Swarm, read};
use crate::Result;

/// While nobody watches, a picture serves for so long.
const UNWATCHED: Duration = Duration::from_millis(100);
/// Services and hosts, of whose changes the managers tell, are looked at no less often than this.
const WHOLE: Duration = Duration::from_secs(60);

/// The Swarm at one moment.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// This installation's services.
    pub(super) services: Arc<Vec<Service>>,
    /// This installation's tasks.
    pub(super) tasks: Vec<Task>,
    /// Every host.
    pub(super) nodes: Arc<Vec<Node>>,
    /// The tasks of services that take requests, as containers.
    pub(super) containers: Vec<Container>,
}

/// Keeps the picture.
#[derive(Debug)]
pub(super) struct Keeper {
    kept: tokio::sync::Mutex<Kept>,
    memory: Mutex<Memory>,
    watchers: AtomicUsize,
    /// When something was last changed, or heard to have changed.
    touched: watch::Sender<Instant>,
}

#[derive(Debug, Default)]
struct Kept {
    picture: Arc<Picture>,
    /// When the look at its tasks began.
    at: Option<Instant>,
    /// When the look at the rest of it began.
    whole_at: Option<Instant>,
}

impl Keeper {
    /// No picture yet.
    pub(super) fn new() -> Self {
        Self {
            kept: tokio::sync::Mutex::default(),
            memory: Mutex::default(),
            watchers: AtomicUsize::new(0),
            touched: watch::Sender::new(Instant::now()),
        }
    }

    /// Says that something has changed.
    pub(super) fn touch(&self) {
        self.touched.send_replace(Instant::now());
    }

    /// Hears of each touch.
    pub(super) fn touches(&self) -> watch::Receiver<Instant> {
        self.touched.subscribe()
    }

    /// When something was last changed, or heard to have changed.
    pub(super) fn touched_at(&self) -> Instant {
        *self.touched.borrow()
    }
}

/// While it lives, somebody keeps the picture up to date.
pub(super) struct Watching(Swarm);

impl Watching {
    pub(super) fn begin(swarm: &Swarm) -> Self {
        swarm.0.keeper.watchers.fetch_add(1, Ordering::Relaxed);
        Self(swarm.clone())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.0.keeper.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Swarm {
    /// The picture, which shows everything that this driver has done.
    pub(super) async fn picture(&self) -> Result<Arc<Picture>> {
        let keeper = &self.0.keeper;
        let touched = keeper.touched_at();
        let watched = keeper.watchers.load(Ordering::Relaxed) > 0;
        let since = if watched {
            touched
        } else {
            let recent = Instant::now().checked_sub(UNWATCHED);
            recent.map_or(touched, |recent| recent.max(touched))
        };
        self.picture_since(since).await
    }

    /// A picture whose taking began after `since`.
    pub(super) async fn picture_since(&self, since: Instant) -> Result<Arc<Picture>> {
        let keeper = &self.0.keeper;
        let mut kept = keeper.kept.lock().await;
        if kept.at.is_some_and(|at| at > since) {
            return Ok(Arc::clone(&kept.picture));
        }
        let began = Instant::now();
        // Who does not watch hears of no changes.
        let watched = keeper.watchers.load(Ordering::Relaxed) > 0;
        let is_whole = |at: Instant| watched && at > keeper.touched_at() && at.elapsed() < WHOLE;
        let (services, nodes) = if kept.whole_at.is_some_and(is_whole) {
            (Arc::clone(&kept.picture.services), Arc::clone(&kept.picture.nodes))
        } else {
            let (services, nodes) = (self.services().await?, self.nodes().await?);
            kept.whole_at = Some(began);
            (Arc::new(services), Arc::new(nodes))
        };
        let tasks = self.tasks().await?;
        let mut memory = keeper.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.learn(&tasks, &nodes);
        let containers = read::containers(&services, &tasks, &nodes, &memory);
        kept.picture = Arc::new(Picture { services, tasks, nodes, containers });
        kept.at = Some(began);
        Ok(Arc::clone(&kept.picture))
    }
}
