//! The first half of a switch: everything that can fail or take time, done ahead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use launcher_model::{DeploymentId, Generation};
use tokio_util::sync::CancellationToken;

use super::{Shared, State};
use crate::check::check;
use crate::compiled::{Pool, Site};
use crate::engine::Change;
use crate::protocol::Readiness;
use crate::table::ServiceTable;

/// Health checks that run at one time.
const CHECKS: usize = 256;

/// A switch that can be committed.
pub(super) struct Prepared {
    pub(super) table: ServiceTable,
    pub(super) site: Arc<Site>,
    pub(super) readiness: Readiness,
}

impl State {
    /// Why a switch to `wanted` cannot be made from here, whatever its containers are like.
    pub(super) fn obstacle(&self, wanted: &ServiceTable) -> Option<String> {
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

    fn take_prepared(
        &mut self,
        which: impl Fn(&Prepared) -> bool,
    ) -> Vec<(DeploymentId, Prepared)> {
        self.prepared.extract_if(.., |_, prepared| which(prepared)).collect()
    }

    /// The answer to a switch that was prepared or committed before.
    fn prepared_before(&self, id: DeploymentId, wanted: &ServiceTable) -> Option<Readiness> {
        let committed = self.committed.get(&wanted.name).filter(|c| c.deployment == id);
        let prepared = self.prepared.get(&id).filter(|p| p.table == *wanted);
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
        let site = {
            let state = self.state.lock().await;
            if let Some(readiness) = state.prepared_before(deployment, &table) {
                return Ok(readiness);
            }
            if let Some(obstacle) = state.obstacle(&table) {
                return Err(obstacle);
            }
            let before = state.services.get(&table.name).map(|service| &*service.site);
            Arc::new(Site::compile(&table, before.as_slice(), self.engine.threads()))
        };
        let stop = CancellationToken::new();
        self.preparing().insert(deployment, stop.clone());
        let work = tokio::time::timeout(within, self.make_ready(deployment, &table, &site));
        let made = tokio::select! {
            made = work => made.unwrap_or_else(|_| Err(format!(
                "service {} was not ready for generation {} within {} ms",
                table.name, table.generation, within.as_millis()
            ))),
            () = stop.cancelled() => Err("the switch was aborted".to_owned()),
        };
        self.preparing().remove(&deployment);
        let (checked, warmed) = match made {
            Ok(counts) => counts,
            Err(why) => {
                self.forget(deployment, &table, &site).await;
                return Err(why);
            }
        };
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let readiness = Readiness { checked, warmed, took_us };
        let mut state = self.state.lock().await;
        if stop.is_cancelled() {
            drop(state);
            self.forget(deployment, &table, &site).await;
            return Err("the switch was aborted".to_owned());
        }
        let older = state.take_prepared(|prepared| prepared.table.name == table.name);
        state.prepared.insert(deployment, Prepared { table, site, readiness });
        drop(state);
        launcher_fault::point("edge.prepared");
        // A service has one switch at a time: whoever prepared the older one has given it up.
        for (deployment, prepared) in older {
            self.forget(deployment, &prepared.table, &prepared.site).await;
        }
        Ok(readiness)
    }

    /// Checks all that is to be live, connects to it, and writes the table to disk. Returns how many
    /// endpoints passed and how many connections are open.
    async fn make_ready(
        self: &Arc<Self>,
        deployment: DeploymentId,
        table: &ServiceTable,
        site: &Site,
    ) -> Result<(u32, u32), String> {
        self.expect(deployment);
        let written = self.on_disk({
            let table = table.clone();
            move |keep| keep.prepare(&table, deployment)
        });
        let written = async {
            let written = written.await;
            written.map_err(|error| super::not_kept(&error))
        };
        let timeout = site.traffic.connect_timeout.duration();
        let warming = join_all(site.live().map(|pool| self.engine.warm(pool, timeout)));
        let warmed = async { Ok(warming.await.iter().sum()) };
        let (checked, warmed, ()) = tokio::try_join!(check_all(site), warmed, written)?;
        launcher_fault::point("edge.prepare_ready");
        Ok((checked, warmed))
    }

    pub(super) async fn abort(self: &Arc<Self>, deployment: DeploymentId) {
        if let Some(stop) = self.preparing().remove(&deployment) {
            stop.cancel();
        }
        let prepared = self.state.lock().await.prepared.remove(&deployment);
        if let Some(prepared) = prepared {
            self.forget(deployment, &prepared.table, &prepared.site).await;
        }
    }

    pub(super) async fn abandon(self: &Arc<Self>) {
        let mut all: Vec<DeploymentId> = self.preparing().keys().copied().collect();
        all.extend(self.state.lock().await.prepared.keys());
        for deployment in all {
            self.abort(deployment).await;
        }
    }

    /// Removes what a preparation has left, on disk and in the threads.
    async fn forget(self: &Arc<Self>, deployment: DeploymentId, table: &ServiceTable, site: &Site) {
        let name = table.name.clone();
        let removed = self.on_disk(move |keep| {
            keep.abort(&name, deployment);
            Ok(())
        });
        let _ = removed.await;
        let state = self.state.lock().await;
        let in_force = state.services.get(&table.name);
        let gone = (site.pools.values())
            .filter(|pool| in_force.is_none_or(|service| !service.site.has(pool.id)))
            .map(|pool| pool.id)
            .collect();
        self.engine.tell(&Change { gone, ..Change::default() });
    }

    pub(super) fn preparing(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::HashMap<DeploymentId, CancellationToken>> {
        self.preparing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Checks every endpoint of every version that is to be live. Says how many there are, or what the
/// first one answered that did not pass.
async fn check_all(site: &Site) -> Result<u32, String> {
    let checks = site.live().flat_map(|pool| {
        pool.endpoints.iter().map(move |endpoint| async move {
            check(endpoint.address, &pool.health)
                .await
                .map_err(|why| refusal(pool, &endpoint.container, &why))
        })
    });
    let checks: Vec<_> = checks.collect();
    stream::iter(checks)
        .buffer_unordered(CHECKS)
        .try_fold(0, |passed, ()| async move { Ok(passed + 1) })
        .await
}

fn refusal(pool: &Pool, container: &str, why: &str) -> String {
    let id: String = container.chars().take(12).collect();
    format!("container {id} of {} {} is not ready for this edge: {why}", pool.service, pool.version)
}
