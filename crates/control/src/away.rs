//! Edges that are away serve on with what they had: what that may be is not taken from under them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use launcher_model::route::DeploymentState;
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use launcher_store::{DeploymentFilter, Page};

use crate::{Inner, Result};

/// An edge may have been lost so long before that was noted.
const NOTED_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// As many deployments are looked at.
const HISTORY: u32 = 200;

impl Inner {
    /// The edges that have joined, without these.
    pub(crate) async fn joined_but(&self, here: &[EdgeName]) -> Result<Vec<EdgeName>> {
        let joined = self.store.edges().await?.into_iter().filter(|edge| edge.joined_at.is_some());
        Ok(joined.map(|edge| edge.name).filter(|edge| !here.contains(edge)).collect())
    }
}

/// The versions of a service that an edge which has joined and is not connected may still send requests
/// to, and one such edge for each: those that were live when it was seen last, or since.
pub(crate) async fn still_served(
    inner: &Inner,
    service: &ServiceName,
) -> Result<BTreeMap<VersionNumber, EdgeName>> {
    let connected: BTreeSet<EdgeName> =
        inner.hub.edges().into_iter().map(|edge| edge.name).collect();
    let edges = inner.store.edges().await?.into_iter();
    let away: Vec<_> = edges
        .filter(|edge| !connected.contains(&edge.name))
        .filter_map(|edge| Some((edge.last_seen.or(edge.joined_at)?, edge.name)))
        .collect();
    let mut served = BTreeMap::new();
    if away.is_empty() {
        return Ok(served);
    }
    let page = Page { before: None, limit: HISTORY };
    let filter = DeploymentFilter { service: Some(service.clone()), among: None, page };
    for deployment in inner.store.deployments(&filter).await? {
        if deployment.state == DeploymentState::Aborted {
            continue;
        }
        for (seen, edge) in &away {
            if deployment.created_at.duration_since(*seen) >= -NOTED_AFTER {
                served.extend(deployment.from.keys().map(|version| (*version, edge.clone())));
            }
        }
    }
    Ok(served)
}

/// Whether every edge that has joined or is connected has this revision of a service's table, or a newer
/// one, within the time that a switch may take.
pub(crate) async fn have_all_followed(
    inner: &Inner,
    service: &ServiceName,
    revision: u64,
) -> Result<bool> {
    let within = inner.config.prepare_within + inner.config.commit_within;
    let told = inner.hub.applied(service, revision, within).await;
    let here: Vec<EdgeName> = told.iter().map(|(edge, _)| edge.clone()).collect();
    Ok(told.iter().all(|(_, outcome)| outcome.is_ok()) && inner.joined_but(&here).await?.is_empty())
}
