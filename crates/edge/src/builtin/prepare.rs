//! The first half of a switch: everything that can fail or take time, done ahead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use launcher_model::DeploymentId;
use tokio_util::sync::CancellationToken;

use super::{Shared, State};
use crate::compiled::Site;
use crate::driver::switch::{answered_before, check_all, may_follow, micros};
use crate::engine::Change;
use crate::protocol::Readiness;
use crate::table::ServiceTable;

/// A switch that can be committed.
pub(super) struct Prepared {
    pub(super) table: ServiceTable,
    pub(super) site: Arc<Site>,
    pub(super) readiness: Readiness,
}

impl State {
    fn take_prepared(
        &mut self,
        which: impl Fn(&Prepared) -> bool,
    ) -> Vec<(DeploymentId, Prepared)> {
        self.prepared.extract_if(.., |_, prepared| which(prepared)).collect()
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
            let committed = state.committed.get(&table.name);
            let prepared = state.prepared.get(&deployment);
            let prepared = prepared.map(|prepared| (&prepared.table, prepared.readiness));
            if let Some(readiness) = answered_before(deployment, &table, committed, prepared) {
                return Ok(readiness);
            }
            let in_force = state.services.get(&table.name);
            may_follow(in_force.map(|service| &service.table), &table)?;
            let before = in_force.map(|service| &*service.site);
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
        let readiness = Readiness { checked, warmed, took_us: micros(began) };
        let mut state = self.state.lock().await;
        if stop.is_cancelled() {
            drop(state);
            self.forget(deployment, &table, &site).await;
            return Err("the switch was aborted".to_owned());
        }
        let older = state.take_prepared(|prepared| prepared.table.name == table.name);
        if site.assets.is_some() {
            self.engine.coming().expect(&table.name, site.live().cloned().collect());
        }
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
        let (checked, warmed, ()) = tokio::try_join!(check_all(table), warmed, written)?;
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
        if !state.prepared.values().any(|prepared| prepared.table.name == table.name) {
            self.engine.coming().forget(&table.name);
        }
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
