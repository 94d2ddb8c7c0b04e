//! The reconcilers: environments, routes, retention.
//!
//! What is wanted lives in the store; what is, is observed. One loop per service ([`reconcile`]) closes
//! the difference, again and again, and has no other memory: it can be killed at any instant and
//! started again. Switches ([`switch`]) are the one thing that is decided here at a person's word.

mod assets;
mod auto;
mod away;
mod branches;
mod commands;
mod drains;
mod engine;
mod error;
mod health;
mod histories;
mod hold;
mod hosts;
mod images;
mod jobs;
mod launch;
mod leaving;
mod logins;
mod logs;
mod maintenance;
mod observe;
mod overview;
mod paths;
mod reconcile;
mod recover;
mod rest;
mod slot;
mod switch;
mod table;
mod variables;

pub mod hub;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use launcher_logs::Kept;
use launcher_model::ServiceName;
use launcher_scheduler::{RegistryLogin, Scheduler};
use launcher_store::Store;
use launcher_store::vault::Vault;
use tokio::sync::mpsc;

use crate::branches::Watching;
use crate::drains::Drains;
use crate::engine::EngineState;
use crate::health::Checks;
use crate::hub::{Hub, Notice};
use crate::slot::Slot;

pub use branches::BranchView;
pub use commands::Started;
pub use error::Error;
pub use hosts::{HostView, OnHost};
pub use images::{Pushed, Removing, Using};
pub use launch::LaunchRequest;
pub use logins::PreviewLogins;
pub use logs::{Entry, LogQuery, MOST_TAIL, Told};
pub use maintenance::{MaintainRequest, Maintained};
pub use observe::{AllObserved, EngineView, EnvironmentView};
pub use overview::Overview;
pub use switch::{DeployRequest, Deployed, FrozenNow, Held, Outlook, Target, Underway};

/// The result of what was asked of the control plane.
pub type Result<T> = std::result::Result<T, Error>;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a team may set.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long edges may take to prepare a switch.
    pub prepare_within: Duration,
    /// How long an edge may take to acknowledge a commit before it is fenced.
    pub commit_within: Duration,
    /// From one look at everything to the next, which repairs what events did not tell.
    pub full_look: Duration,
    /// What a container has between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// How long an edge is waited for when none is connected: one is, right after a start.
    pub edge_wait: Duration,
    /// Logins by registry.
    pub logins: HashMap<String, RegistryLogin>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prepare_within: Duration::from_secs(5),
            commit_within: Duration::from_secs(2),
            full_look: Duration::from_secs(30),
            stop_grace: Duration::from_secs(10),
            edge_wait: Duration::from_secs(3),
            logins: HashMap::new(),
        }
    }
}

/// What the control plane works with.
pub struct Parts {
    /// Where what is wanted is kept.
    pub store: Arc<dyn Store>,
    /// What opens secrets.
    pub vault: Arc<Vault>,
    /// What places containers.
    pub scheduler: Arc<dyn Scheduler>,
    /// Where the logs of containers that are gone are kept.
    pub logs: Arc<Kept>,
    /// The connected edges.
    pub hub: Arc<Hub>,
    /// What they tell.
    pub notices: mpsc::UnboundedReceiver<Notice>,
    /// The time.
    pub clock: Clock,
}

/// The control plane. Clones are the same one; it runs until [`Control::shut_down`].
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) scheduler: Arc<dyn Scheduler>,
    pub(crate) logs: Arc<Kept>,
    pub(crate) collecting: logs::Collecting,
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) checks: Checks,
    pub(crate) histories: histories::Histories,
    pub(crate) drains: Drains,
    /// Since when all edges tell what is looked at.
    pub(crate) watching: Watching,
    pub(crate) engine: Mutex<EngineState>,
    pub(crate) hosts: hosts::Hosts,
    pub(crate) images: images::Images,
    /// Numbers every table that is published; higher than what any server before this one gave.
    pub(crate) revision: AtomicU64,
    slots: Mutex<BTreeMap<ServiceName, Arc<Slot>>>,
    /// Held from looking at a service's settings to writing them.
    settings: tokio::sync::Mutex<()>,
    /// Edges are let in.
    open: AtomicBool,
    stop: tokio_util::sync::CancellationToken,
}

impl Control {
    /// Starts the reconcilers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(parts: Parts, config: Config) -> Result<Self> {
        let epoch = parts.store.next_epoch().await?;
        let now = (parts.clock)();
        let inner = Arc::new_cyclic(|weak: &std::sync::Weak<Inner>| {
            let weak = weak.clone();
            let on_change = move |service: &ServiceName| {
                if let Some(slot) = weak.upgrade().and_then(|inner| inner.slot(service)) {
                    slot.wake();
                }
            };
            Inner {
                store: parts.store,
                vault: parts.vault,
                scheduler: parts.scheduler,
                logs: parts.logs,
                collecting: logs::Collecting::default(),
                hub: parts.hub,
                clock: parts.clock,
                config,
                checks: Checks::new(Arc::new(on_change)),
                histories: histories::Histories::default(),
                drains: Drains::default(),
                watching: Watching::since(now),
                engine: Mutex::default(),
                hosts: hosts::Hosts::default(),
                images: images::Images::default(),
                revision: AtomicU64::new(epoch << 32),
                slots: Mutex::default(),
                settings: tokio::sync::Mutex::default(),
                open: AtomicBool::new(false),
                stop: tokio_util::sync::CancellationToken::new(),
            }
        });
        inner.read_closed_hosts().await?;
        drains::resume(&inner).await?;
        tokio::spawn(drains::listen(Arc::clone(&inner), parts.notices));
        for service in inner.store.services().await? {
            inner.begin(&service.spec.service.name);
        }
        tokio::spawn(engine::follow(Arc::clone(&inner)));
        tokio::spawn(hosts::follow(Arc::clone(&inner)));
        tokio::spawn(welcome_edges(Arc::clone(&inner)));
        Ok(Self { inner })
    }

    /// Ends the reconcilers where they are. What they were about is taken up at the next start.
    pub fn shut_down(&self) {
        self.inner.stop.cancel();
    }

    /// The connected edges.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.inner.hub
    }
}

/// Lets edges in once the table of every service is complete.
async fn welcome_edges(inner: Arc<Inner>) {
    let complete = async {
        for slot in inner.slots() {
            slot.settled().await;
        }
    };
    if inner.stop.run_until_cancelled(complete).await.is_some() {
        inner.hub.open();
        inner.open.store(true, Ordering::Release);
        for slot in inner.slots() {
            slot.wake();
        }
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether edges are let in: a moment after the start.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn engine_state(&self) -> EngineState {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The service's loop, when it has one.
    pub(crate) fn slot(&self, service: &ServiceName) -> Option<Arc<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Begins a service's loop, if it does not run yet.
    pub(crate) fn begin(self: &Arc<Self>, service: &ServiceName) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(service) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::new(service.clone()));
        slots.insert(service.clone(), Arc::clone(&slot));
        let running = reconcile::run(Arc::clone(self), Arc::clone(&slot));
        let (inner, name) = (Arc::clone(self), service.clone());
        tokio::spawn(async move {
            let ended = inner.stop.run_until_cancelled(Box::pin(running)).await;
            // Its service may have been created anew after the loop had found it gone.
            if ended.is_some() && matches!(inner.store.service(&name).await, Ok(Some(_))) {
                inner.begin(&name);
            }
        });
        slot
    }

    /// Forgets a service's loop, when its service is gone.
    pub(crate) fn end(&self, service: &ServiceName) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }

    pub(crate) fn stopping(&self) -> &tokio_util::sync::CancellationToken {
        &self.stop
    }
}
