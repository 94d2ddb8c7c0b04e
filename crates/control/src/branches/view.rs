//! The branches of a service, for those who ask, and forgetting one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::VersionNumber;
use launcher_model::branch::{Branch, BranchState};
use launcher_model::environment::Environment;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::service::Branches;

use crate::{Control, Error, Result, away};

/// A branch with its environment.
#[derive(Debug, Clone)]
pub struct BranchView {
    /// The branch.
    pub branch: Branch,
    /// The version that its name leads to; the newest before the first has become ready.
    pub version: Option<VersionNumber>,
    /// How that is.
    pub state: BranchState,
    /// It is, or was, production too: then it neither sleeps nor goes with the branch.
    pub ordinary: bool,
    /// The version that is to take its place, on its way or failed.
    pub next: Option<(VersionNumber, BranchState)>,
    /// When somebody looked at it last.
    pub looked_at: Option<Timestamp>,
    /// When it is put to sleep if nobody looks at it until then.
    pub sleeps_at: Option<Timestamp>,
    /// When it is gone if nobody pushes to it or looks at it until then.
    pub expires_at: Option<Timestamp>,
}

impl Control {
    /// A service's branches that have an environment, by name.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn branches(&self, service: &ServiceName) -> Result<Vec<BranchView>> {
        let store = &self.inner.store;
        let known = store.service(service).await?;
        let settings = known.ok_or_else(|| Error::NoService(service.clone()))?.spec.branches;
        let environments = store.environments(service, false).await?;
        let slot = self.inner.slot(service);
        let looked = slot.map(|slot| slot.looks.all()).unwrap_or_default();
        let branches = store.branches(service).await?.into_iter();
        let views = branches.map(|one| BranchView::new(one, &environments, &looked, &settings));
        Ok(views.collect())
    }

    /// Forgets a branch: its name leads nowhere, and its environments are destroyed. One that is live or
    /// pinned, or that a deployment is about, stays as a version as any other. False when there is none.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn delete_branch(
        &self,
        service: &ServiceName,
        branch: &str,
        by: &str,
    ) -> Result<bool> {
        let inner = &self.inner;
        let slot = inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
        let _turn = slot.turn().await;
        let served = away::still_served(inner, service).await?;
        let mut stay: Vec<VersionNumber> = served.into_keys().collect();
        stay.extend(inner.store.route(service).await?.live());
        for deployment in inner.store.unfinished_deployments().await? {
            if deployment.service == *service {
                stay.extend(deployment.from.keys().chain(deployment.to.keys()));
            }
        }
        let environments = inner.store.environments(service, false).await?;
        let own = environments.iter().filter(|one| one.branch.as_deref() == Some(branch));
        let gone = own.filter(|one| !one.pinned && !stay.contains(&one.version));
        let gone: Vec<VersionNumber> = gone.map(|one| one.version).collect();
        let text = format!("branch {branch} has no environment any more, deleted by {by}");
        let event = NewEvent::new(EventKind::BranchGone, text).service(service).by(by);
        Ok(inner.store.forget_branch(service, branch, &gone, &[event], inner.now()).await?)
    }
}

impl BranchView {
    /// `looked` says when somebody looked at a version last.
    pub(crate) fn new(
        branch: Branch,
        environments: &[Environment],
        looked: &BTreeMap<VersionNumber, Timestamp>,
        settings: &Branches,
    ) -> Self {
        let told = branch.current.and_then(|current| looked.get(&current).copied());
        let looked_at = told.max(branch.looked_at);
        let own = || environments.iter().filter(|one| one.branch.as_deref() == Some(&branch.name));
        let newest = own().max_by_key(|one| one.version);
        let version = branch.current.or(newest.map(|one| one.version));
        let environment = environments.iter().find(|one| Some(one.version) == version);
        let next = newest.filter(|newest| Some(newest.version) > version);
        let state = environment.map_or(BranchState::Gone, BranchState::of);
        let ordinary = environment.is_some_and(|one| one.branch.is_none());
        let sleeps =
            environment.filter(|one| state == BranchState::Running && !ordinary && !one.pinned);
        let sleeps_at = sleeps.map(|one| looked_at.unwrap_or(one.since).max(one.since));
        let used_at = looked_at.unwrap_or(branch.pushed_at).max(branch.pushed_at);
        let expires = own().all(|one| !one.pinned);
        Self {
            version,
            state,
            ordinary,
            next: next.map(|next| (next.version, BranchState::of(next))),
            looked_at,
            sleeps_at: sleeps_at
                .and_then(|at| at.checked_add(settings.sleep_after.duration()).ok()),
            expires_at: used_at.checked_add(settings.idle.duration()).ok().filter(|_| expires),
            branch,
        }
    }
}
