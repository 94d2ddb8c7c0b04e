//! What the two halves of a switch rest on in every driver: the tables, and the containers' health.

use std::time::Instant;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use launcher_model::{DeploymentId, Generation};

use crate::check::check;
use crate::protocol::{Flip, Readiness};
use crate::table::{Pool, ServiceTable};

/// Health checks that run at one time.
const CHECKS: usize = 256;

/// A switch that has been made.
pub(crate) struct Committed {
    pub(crate) deployment: DeploymentId,
    pub(crate) readiness: Readiness,
    pub(crate) flip: Flip,
}

/// Whether a switch to `wanted` can be made from what is in force, whatever its containers are like; if
/// not, why.
pub(crate) fn may_follow(
    in_force: Option<&ServiceTable>,
    wanted: &ServiceTable,
) -> Result<(), String> {
    let name = &wanted.name;
    let (generation, revision) = in_force
        .map_or((Generation::default(), 0), |in_force| (in_force.generation, in_force.revision));
    if wanted.generation != generation.next() {
        return Err(format!(
            "this edge serves generation {generation} of service {name}, which generation {} does not follow",
            wanted.generation
        ));
    }
    if wanted.revision < revision {
        return Err(format!(
            "this edge has revision {revision} of service {name}, and revision {} is older",
            wanted.revision
        ));
    }
    let has_none = |pool: Option<&Pool>| pool.is_none_or(|p| p.endpoints.is_empty());
    match wanted.live().find(|version| has_none(wanted.pools.get(version))) {
        Some(version) => Err(format!("{version} of service {name} has no healthy container")),
        None => Ok(()),
    }
}

/// The answer to a switch that was committed before, the service's last one, or prepared.
pub(crate) fn answered_before(
    deployment: DeploymentId,
    wanted: &ServiceTable,
    committed: Option<&Committed>,
    prepared: Option<(&ServiceTable, Readiness)>,
) -> Option<Readiness> {
    let committed = committed.filter(|committed| committed.deployment == deployment);
    let prepared = prepared.filter(|(table, _)| *table == wanted);
    committed.map(|committed| committed.readiness).or(prepared.map(|(_, readiness)| readiness))
}

/// Checks every endpoint of every version that is to be live. Says how many there are, or what the
/// first one answered that did not pass.
pub(crate) async fn check_all(table: &ServiceTable) -> Result<u32, String> {
    let pools = table.live().filter_map(|version| Some((version, table.pools.get(&version)?)));
    let checks = pools.flat_map(|(version, pool)| {
        pool.endpoints.iter().map(move |(container, address)| async move {
            check(*address, &pool.contact()).await.map_err(|why| {
                let id: String = container.chars().take(12).collect();
                let name = &table.name;
                format!("container {id} of {name} {version} is not ready for this edge: {why}")
            })
        })
    });
    let checks: Vec<_> = checks.collect();
    stream::iter(checks)
        .buffer_unordered(CHECKS)
        .try_fold(0, |passed, ()| async move { Ok(passed + 1) })
        .await
}

/// Microseconds since then.
pub(crate) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
