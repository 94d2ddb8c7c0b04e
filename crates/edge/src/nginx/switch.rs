//! The two halves of a switch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use launcher_model::{DeploymentId, Generation};
use tokio_util::sync::CancellationToken;

use super::process::Master;
use super::trial::trial;
use super::{Service, Shared, State};
use crate::check::check;
use crate::protocol::{Flip, Readiness};
use crate::table::ServiceTable;

/// Health checks that run at one time.
const CHECKS: usize = 256;

/// A switch that can be committed.
pub(super) struct Prepared {
    service: Service,
    readiness: Readiness,
}

/// A switch that has been made.
pub(super) struct Committed {
    deployment: DeploymentId,
    readiness: Readiness,
    flip: Flip,
}

impl State {
    /// Why a switch to `wanted` cannot be made from here, whatever its containers are like.
    fn obstacle(&self, wanted: &ServiceTable) -> Option<String> {
        let name = &wanted.name;
        let (generation, revision) = (self.services.get(name))
            .map_or((Generation::default(), 0), |s| (s.table.generation, s.table.revision));
        if wanted.generation != generation.next() {
            return Some(format!(
                "this edge serves generation {generation} of service {name}, which generation {} does not follow",
                wanted.generation
            ));
        }
        if wanted.revision < revision {
            return Some(format!(
                "this edge has revision {revision} of service {name}, and revision {} is older",
                wanted.revision
            ));
        }
        let weighted = wanted.weights.iter().filter(|(_, weight)| weight.percent() > 0);
        let mut versions = weighted.map(|(version, _)| version);
        let empty = versions
            .find(|version| wanted.pools.get(version).is_none_or(|pool| pool.endpoints.is_empty()));
        empty.map(|version| format!("{version} of service {name} has no healthy container"))
    }

    /// The answer to a switch that was prepared or committed before.
    fn prepared_before(&self, id: DeploymentId, wanted: &ServiceTable) -> Option<Readiness> {
        let committed = self.committed.get(&wanted.name).filter(|c| c.deployment == id);
        let prepared = self.prepared.get(&id).filter(|p| p.service.table == *wanted);
        committed.map(|c| c.readiness).or_else(|| prepared.map(|p| p.readiness))
    }
}

impl Shared {
    pub(super) async fn prepare(
        self: &Arc<Self>,
        deployment: DeploymentId,
        table: ServiceTable,
        within: Duration,
    ) -> Result<Readiness, String> {
        let began = Instant::now();
        let (service, wanted) = {
            let state = self.state.lock().await;
            if let Some(readiness) = state.prepared_before(deployment, &table) {
                return Ok(readiness);
            }
            if let Some(obstacle) = state.obstacle(&table) {
                return Err(obstacle);
            }
            let text = self.render(&table, &state.preview_domain)?;
            let service = Service { table, text };
            let mut services = state.in_force.clone();
            services.insert(service.table.name.clone(), service.clone());
            (service, self.rendered(&services))
        };
        Master::find(&self.options.pid)?;
        let stop = CancellationToken::new();
        self.preparing().insert(deployment, stop.clone());
        let ready = async {
            tokio::try_join!(check_all(&service.table), trial(&self.options, &wanted.files))
        };
        let made = tokio::select! {
            made = tokio::time::timeout(within, ready) => made.unwrap_or_else(|_| Err(format!(
                "service {} was not ready for generation {} within {} ms",
                service.table.name, service.table.generation, within.as_millis()
            ))),
            () = stop.cancelled() => Err("the switch was aborted".to_owned()),
        };
        self.preparing().remove(&deployment);
        let (checked, ()) = made?;
        let readiness = Readiness { checked, warmed: 0, took_us: micros(began) };
        let mut state = self.state.lock().await;
        if stop.is_cancelled() {
            return Err("the switch was aborted".to_owned());
        }
        // A service has one switch at a time: whoever prepared the older one has given it up.
        state.prepared.retain(|_, other| other.service.table.name != service.table.name);
        state.prepared.insert(deployment, Prepared { service, readiness });
        launcher_fault::point("edge.prepared");
        Ok(readiness)
    }

    pub(super) async fn commit(self: &Arc<Self>, deployment: DeploymentId) -> Result<Flip, String> {
        let began = Instant::now();
        let mut reloader = self.reloader.lock().await;
        let (service, readiness, tried, mut services) = {
            let state = self.state.lock().await;
            if let Some(before) = state.committed.values().find(|c| c.deployment == deployment) {
                return Ok(before.flip.clone());
            }
            let Some(prepared) = state.prepared.get(&deployment) else {
                return Err(format!("deployment {deployment} is not prepared on this edge"));
            };
            let (service, tried) = self.merged(&state, prepared)?;
            (service, prepared.readiness, tried, state.in_force.clone())
        };
        let name = service.table.name.clone();
        let before = services.insert(name.clone(), service.clone());
        // First the table: an edge that dies in between goes on with the switch when it comes back.
        self.keep_table(&service.table).await?;
        launcher_fault::point("edge.commit_kept");
        let how = match reloader.put(&self.rendered(&services), tried).await {
            Ok(how) => how,
            Err(why) => {
                self.keep_as_it_was(&name, before).await;
                return Err(why);
            }
        };
        let generation = service.table.generation;
        {
            let mut state = self.state.lock().await;
            state.prepared.remove(&deployment);
            let newer = |s: &Service| s.table.revision > service.table.revision;
            if !state.services.get(&name).is_some_and(newer) {
                state.services.insert(name.clone(), service);
            }
        }
        let in_flight = self.is_in_force(services, &how, Some((deployment, &name))).await;
        let flip = Flip { generation, took_us: micros(began), in_flight };
        launcher_fault::point("edge.committed");
        let committed = Committed { deployment, readiness, flip: flip.clone() };
        self.state.lock().await.committed.insert(name, committed);
        Ok(flip)
    }

    /// What a commit puts in force, and whether nginx has tried it. It is what was prepared, but where
    /// the service has changed otherwise since, the new weights with that change.
    fn merged(&self, state: &State, prepared: &Prepared) -> Result<(Service, bool), String> {
        let table = &prepared.service.table;
        let newer = state.services.get(&table.name);
        let newer = newer.filter(|service| service.table.revision > table.revision);
        let merged = match newer {
            None => prepared.service.clone(),
            Some(newer) => {
                let table = ServiceTable {
                    weights: table.weights.clone(),
                    generation: table.generation,
                    ..newer.table.clone()
                };
                Service { text: self.render(&table, &state.preview_domain)?, table }
            }
        };
        match state.obstacle(&merged.table) {
            Some(obstacle) => Err(obstacle),
            None => {
                let tried = merged.text == prepared.service.text;
                Ok((merged, tried))
            }
        }
    }

    async fn keep_table(self: &Arc<Self>, table: &ServiceTable) -> Result<(), String> {
        let (table, order) = (table.clone(), self.keep.order());
        let written = self.on_disk(move |keep| keep.write(&table, order)).await;
        written.map_err(|error| format!("this edge cannot keep the route on disk: {error}"))
    }

    async fn keep_as_it_was(
        self: &Arc<Self>,
        name: &launcher_model::ServiceName,
        before: Option<Service>,
    ) {
        let (name, order) = (name.clone(), self.keep.order());
        let kept = self.on_disk(move |keep| match before {
            Some(before) => keep.write(&before.table, order),
            None => keep.remove(&name, order),
        });
        if let Err(error) = kept.await {
            tracing::error!(%error, "cannot keep the route on disk as it was before the switch");
        }
    }

    pub(super) async fn abort(&self, deployment: DeploymentId) {
        if let Some(stop) = self.preparing().remove(&deployment) {
            stop.cancel();
        }
        self.state.lock().await.prepared.remove(&deployment);
    }

    pub(super) async fn abandon(&self) {
        self.preparing().drain().for_each(|(_, stop)| stop.cancel());
        self.state.lock().await.prepared.clear();
    }

    fn preparing(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::HashMap<DeploymentId, CancellationToken>> {
        self.preparing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Checks every endpoint of every version that is to be live. Says how many there are, or what the
/// first one answered that did not pass.
async fn check_all(table: &ServiceTable) -> Result<u32, String> {
    let weighted = table.weights.iter().filter(|(_, weight)| weight.percent() > 0);
    let pools = weighted.filter_map(|(version, _)| Some((version, table.pools.get(version)?)));
    let checks = pools.flat_map(|(version, pool)| {
        pool.endpoints.iter().map(move |(container, address)| async move {
            check(*address, &pool.health).await.map_err(|why| {
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

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
