//! What edges tell of who looks at previews, and whether all of them do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use launcher_model::{EdgeName, ServiceName, VersionNumber};

use crate::{Inner, Result};

/// That somebody looks is kept in the store so often, for the time after this server.
const KEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// When somebody looked at the versions of one service last, as far as this server was told.
#[derive(Default)]
pub(crate) struct Looks(Mutex<Known>);

#[derive(Default)]
struct Known {
    looked: BTreeMap<VersionNumber, Timestamp>,
    /// What of it is in the store, by branch.
    kept: HashMap<String, Timestamp>,
}

impl Looks {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that is known.
    pub(crate) fn all(&self) -> BTreeMap<VersionNumber, Timestamp> {
        self.known().looked.clone()
    }

    /// Forgets versions that are gone.
    pub(crate) fn retain(&self, versions: &BTreeSet<VersionNumber>) {
        self.known().looked.retain(|version, _| versions.contains(version));
    }
}

/// Since when every edge tells.
pub(crate) struct Watching(Mutex<Timestamp>);

impl Watching {
    /// From now on: what was before this server is not known.
    pub(crate) fn since(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// An edge has come or gone, so that something may not have been told.
    pub(crate) fn again(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Inner {
    /// Since when all edges tell what is looked at; none while one of them is away, or none is there.
    pub(crate) async fn watched_since(&self) -> Result<Option<Timestamp>> {
        let here: Vec<EdgeName> = self.hub.edges().into_iter().map(|edge| edge.name).collect();
        if here.is_empty() || !self.joined_but(&here).await?.is_empty() {
            return Ok(None);
        }
        Ok(Some(*self.watching.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// An edge tells that somebody looks.
pub(crate) async fn heard(inner: &Inner, service: &ServiceName, versions: &[VersionNumber]) {
    let Some(slot) = inner.slot(service) else { return };
    let now = inner.now();
    slot.looks.known().looked.extend(versions.iter().map(|version| (*version, now)));
    let branches = match inner.store.branches(service).await {
        Ok(branches) => branches,
        Err(error) => return warn(service, &error),
    };
    for branch in branches {
        let is_looked_at = branch.current.is_some_and(|current| versions.contains(&current));
        if is_looked_at && slot.looks.is_to_be_kept(&branch.name, now) {
            let kept = inner.store.branch_looked_at(service, &branch.name, now).await;
            if let Err(error) = kept {
                warn(service, &error);
            }
        }
    }
}

impl Looks {
    fn is_to_be_kept(&self, branch: &str, now: Timestamp) -> bool {
        let mut known = self.known();
        let kept = known.kept.get(branch);
        let is_due = kept.is_none_or(|kept| now.duration_since(*kept).abs() >= KEEP_EVERY);
        if is_due {
            known.kept.insert(branch.to_owned(), now);
        }
        is_due
    }
}

fn warn(service: &ServiceName, error: &launcher_store::Error) {
    tracing::warn!(%service, %error, "cannot keep when a branch was looked at");
}
