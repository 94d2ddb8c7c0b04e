//! What edges are given, and what has left that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::VersionNumber;
use launcher_model::container::{Container, Health};
use launcher_model::environment::{Environment, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::service::ServiceSpec;

use super::{Reconciler, Wish};
use crate::Result;

/// For how long after a start verdicts are waited for that the first check has not brought: on what is not live,
/// and on what has failed it. Production waits as long with them, so that a check that hangs must not decide it.
const AWAITED: Duration = Duration::from_secs(5);

impl Reconciler {
    /// Hands edges the service's table, where it differs from the one that they have. Whether they have
    /// it now.
    pub(super) async fn publish(&self, wish: &Wish, observed: &[Checked]) -> Result<bool> {
        // A switch under way publishes by itself, and wakes this loop at its end.
        let Some(mut routing) = self.slot.try_turn() else { return Ok(false) };
        // These may have been changed since the wish was read, but not while the lock is held.
        let route = self.inner.store.route(&self.slot.name).await?;
        let mut access = self.inner.access(&self.slot, &wish.spec).await?;
        access.branches = wish.branches_for_edges();
        let lately = self.inner.lately(&wish.spec, &wish.environments, &route.weights).await?;
        access.lately = lately.versions;
        let staying =
            crate::table::staying(&wish.environments, &route, observed, &self.slot.ending());
        let (spec, contacts) = (&wish.spec, wish.contacts());
        self.inner.publish(&mut routing, spec, &route, &staying, &contacts, access);
        Ok(true)
    }

    /// Lets edges in once the table is complete; how long that may still take, when it is not. Before the
    /// first verdict on a container is known, the table would take it away from edges that were told of it
    /// by the server before this one. Nothing served before it was judged, so that one check that fails, of a
    /// server that is busy with its own start, is no verdict yet.
    pub(super) fn settle(
        &self,
        published: bool,
        wish: &Wish,
        observed: &[Checked],
    ) -> Option<Duration> {
        let left = AWAITED.saturating_sub(self.began.elapsed());
        let is_open = |checked: &&Checked| match &checked.health {
            Health::Unknown { last: None } => true,
            Health::Unknown { last: Some(_) } => !left.is_zero(),
            Health::Healthy | Health::Unhealthy { .. } => false,
        };
        let running = observed.iter().filter(|checked| checked.container.is_running());
        let mut open = running.filter(is_open).map(|checked| checked.container.version);
        let is_complete = match left {
            Duration::ZERO => open.all(|version| !wish.is_led_to(version)),
            _ => open.all(|version| !wish.is_led_to(version) && !wish.is_ready(version)),
        };
        if published && is_complete {
            self.slot.settle();
        }
        (!is_complete && !left.is_zero()).then_some(left)
    }

    /// Has the containers that leave come to rest, once they are out of the table that edges have: those
    /// that are too many, and those of an environment that is to stop or to go.
    pub(super) fn follow_leaving(&mut self, wish: &Wish, observed: &[Checked]) {
        let leaves = |environment: &Environment| match environment.wanted {
            Wanted::Running => crate::table::leaving(environment, observed),
            // Edges learn in another way that it sleeps.
            Wanted::Stopped if environment.asleep => BTreeSet::new(),
            Wanted::Stopped | Wanted::Gone => running(environment.version, observed),
        };
        let environments = wish.environments.iter();
        let leaving: Vec<_> =
            environments.map(|environment| (environment, leaves(environment))).collect();
        let all = leaving.iter().flat_map(|(_, ids)| ids.iter().cloned()).collect();
        self.leaving.retain(&all);
        let slot = Arc::clone(&self.slot);
        let Some(turn) = slot.try_turn() else { return };
        let Some(table) = &turn.published else { return };
        let within = wish.spec.traffic.drain.duration();
        for (environment, ids) in leaving {
            let version = environment.version;
            let pool = table.pools.get(&version);
            let is_out = |id: &str| pool.is_none_or(|pool| !pool.endpoints.contains_key(id));
            let left = observed.iter().map(|checked| &checked.container);
            let left = left.filter(|one| ids.contains(&one.id) && is_out(&one.id)).cloned();
            let (replaced, surplus): (Vec<_>, Vec<_>) =
                left.partition(|one| is_replaced(environment, one));
            let proof = wish.versions.get(&version).map_or(Duration::ZERO, |one| proof(&one.spec));
            for (left, least) in [(replaced, proof), (surplus, Duration::ZERO)] {
                let to = (&self.inner, &slot);
                self.leaving.follow(to, version, left, table.revision, within, least);
            }
        }
    }

    /// Whether all running containers of a version may be ended.
    pub(super) fn have_left(&self, version: VersionNumber, observed: &[Checked]) -> bool {
        running(version, observed).is_subset(&self.leaving.released(version))
    }
}

/// Whether a container that leaves does so for another one in its place.
fn is_replaced(environment: &Environment, container: &Container) -> bool {
    environment.wanted == Wanted::Running && (1..=environment.replicas).contains(&container.slot)
}

/// How long one that is replaced is kept: until the other has been checked as often again as had made it healthy,
/// and once more. It has had no requests until now, and may not bear them; while it fails, the one before it
/// is there and serves again.
fn proof(spec: &ServiceSpec) -> Duration {
    spec.health.interval.duration() * (u32::from(spec.health.healthy_after) + 1)
}

/// The ids of a version's running containers.
fn running(version: VersionNumber, observed: &[Checked]) -> BTreeSet<String> {
    let containers = observed.iter().map(|checked| &checked.container);
    let running = containers.filter(|one| one.version == version && one.is_running());
    running.map(|one| one.id.clone()).collect()
}
