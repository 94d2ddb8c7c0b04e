//! What is known of one service while the server runs: nothing that could not be found out again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use launcher_edge::table::ServiceTable;
use launcher_model::plan::environment::Checked;
use launcher_model::version::Version;
use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use tokio::sync::{MutexGuard, Notify, watch};

use crate::branches::Looks;
use crate::logins::Read;
use crate::{Inner, Result};

/// One service's place in memory.
pub(crate) struct Slot {
    pub(crate) name: ServiceName,
    wake: Notify,
    dirty: AtomicBool,
    observed: RwLock<Option<Arc<Vec<Checked>>>>,
    /// Containers whose end was told, and that have not been looked at since.
    ended: Mutex<HashSet<String>>,
    /// Containers that a job is ending now, by their version.
    ending: Mutex<HashMap<VersionNumber, BTreeSet<String>>>,
    versions: Mutex<HashMap<VersionNumber, Arc<Version>>>,
    /// Why environments that shall run cannot be made whole.
    troubles: Mutex<HashMap<VersionNumber, String>>,
    logins: Mutex<Option<Arc<Read>>>,
    /// Who looks at the environments of branches.
    pub(crate) looks: Looks,
    passes: watch::Sender<u64>,
    settled: watch::Sender<bool>,
    routing: tokio::sync::Mutex<Routing>,
    /// The deployment that a task of this process is about.
    pub(crate) active: Mutex<Option<DeploymentId>>,
}

/// What edges were last given.
#[derive(Default)]
pub(crate) struct Routing {
    pub(crate) published: Option<ServiceTable>,
}

/// The right to change where a service's traffic goes. The loop, which does without when somebody else
/// has it, is woken at its end.
pub(crate) struct Turn<'a> {
    routing: Option<MutexGuard<'a, Routing>>,
    slot: &'a Slot,
}

impl Turn<'_> {
    /// What edges were last given.
    pub(crate) fn last(&self) -> Option<&ServiceTable> {
        self.routing.as_ref()?.published.as_ref()
    }

    /// Takes in what edges were given.
    pub(crate) fn published(&mut self, table: ServiceTable) {
        if let Some(routing) = &mut self.routing {
            routing.published = Some(table);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.routing.take());
        self.slot.wake();
    }
}

impl Slot {
    pub(crate) fn new(name: ServiceName) -> Self {
        Self {
            name,
            wake: Notify::new(),
            dirty: AtomicBool::new(true),
            observed: RwLock::default(),
            ended: Mutex::default(),
            ending: Mutex::default(),
            versions: Mutex::default(),
            troubles: Mutex::default(),
            logins: Mutex::default(),
            looks: Looks::default(),
            passes: watch::channel(0).0,
            settled: watch::channel(false).0,
            routing: tokio::sync::Mutex::default(),
            active: Mutex::default(),
        }
    }

    /// Waits for the right to make the service's table and hand it to edges, so that a switch and what
    /// is observed meanwhile do not overtake each other, and to change what a switch relies on.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn { routing: Some(self.routing.lock().await), slot: self }
    }

    /// The same for the loop itself, which does not wait: it is woken when who has it is done.
    pub(crate) fn try_turn(&self) -> Option<MutexGuard<'_, Routing>> {
        self.routing.try_lock().ok()
    }

    /// Has the loop decide again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Has the loop look at the engine, and decide again.
    pub(crate) fn look_again(&self) {
        self.dirty.store(true, Ordering::Release);
        self.wake();
    }

    /// The same, of a container whose end was told: it shall have no more requests meanwhile.
    pub(crate) fn has_ended(&self, container: String) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(container);
        self.look_again();
    }

    /// Containers whose end was told, and that have not been looked at since.
    pub(crate) fn ended(&self) -> HashSet<String> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// These have been looked at.
    pub(crate) fn looked_at(&self, ended: &HashSet<String>) {
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|one| !ended.contains(one));
    }

    /// A job ends these containers of a version from now on.
    pub(crate) fn ends(&self, version: VersionNumber, containers: BTreeSet<String>) {
        if !containers.is_empty() {
            self.ending.lock().unwrap_or_else(PoisonError::into_inner).insert(version, containers);
        }
    }

    /// Containers that are being ended. Whatever is wanted meanwhile, nothing may be sent there.
    pub(crate) fn ending(&self) -> BTreeSet<String> {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        ending.values().flatten().cloned().collect()
    }

    /// What was ended has been looked at, but for versions that a job still is about.
    pub(crate) fn ended_but(&self, is_busy: impl Fn(VersionNumber) -> bool) {
        self.ending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|version, _| is_busy(*version));
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn take_dirty(&self) -> bool {
        self.dirty.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn set_dirty(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    /// What was last observed; none before the first look.
    pub(crate) fn observed(&self) -> Option<Arc<Vec<Checked>>> {
        self.observed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_observed(&self, containers: Vec<Checked>) -> Arc<Vec<Checked>> {
        let containers = Arc::new(containers);
        let kept = Some(Arc::clone(&containers));
        *self.observed.write().unwrap_or_else(PoisonError::into_inner) = kept;
        containers
    }

    /// Counts the passes of the loop; changes after each.
    pub(crate) fn passes(&self) -> watch::Receiver<u64> {
        self.passes.subscribe()
    }

    pub(crate) fn passed(&self) {
        self.passes.send_modify(|count| *count += 1);
    }

    /// The service's table is complete: every container of its live versions has been judged once.
    pub(crate) fn settle(&self) {
        self.settled.send_if_modified(|settled| !std::mem::replace(settled, true));
    }

    /// Waits until the service's table is complete.
    pub(crate) async fn settled(&self) {
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    pub(crate) fn cached_version(&self, number: VersionNumber) -> Option<Arc<Version>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    pub(crate) fn cache_version(&self, version: Version) -> Arc<Version> {
        let version = Arc::new(version);
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(versions.entry(version.number).or_insert(version))
    }

    /// Why an environment that shall run cannot be made whole, as far as was found.
    pub(crate) fn trouble(&self, number: VersionNumber) -> Option<String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// Takes in what was found. Whether it is news.
    pub(crate) fn set_trouble(&self, number: VersionNumber, trouble: Option<&str>) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match trouble {
            Some(trouble) => troubles.insert(number, trouble.to_owned()),
            None => troubles.remove(&number),
        };
        before.as_deref() != trouble
    }

    /// Who may look at previews, as far as that was read. To be held but for a moment.
    pub(crate) fn logins(&self) -> std::sync::MutexGuard<'_, Option<Arc<Read>>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn active(&self) -> Option<DeploymentId> {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_active(&self, deployment: Option<DeploymentId>) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = deployment;
    }
}

impl Inner {
    /// One version, from memory where it is there: it cannot change.
    pub(crate) async fn version(
        &self,
        slot: &Slot,
        number: VersionNumber,
    ) -> Result<Option<Arc<Version>>> {
        if let Some(version) = slot.cached_version(number) {
            return Ok(Some(version));
        }
        let version = self.store.version(&slot.name, number).await?;
        Ok(version.map(|version| slot.cache_version(version)))
    }
}
