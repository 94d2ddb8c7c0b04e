//! The two halves of a switch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use launcher_model::DeploymentId;
use tokio_util::sync::CancellationToken;

use super::process::Master;
use super::trial::trial;
use super::{Service, Shared, State};
use crate::driver::switch::{Committed, answered_before, check_all, may_follow, micros};
use crate::protocol::{Flip, Readiness};
use crate::table::ServiceTable;

/// A switch that can be committed.
pub(super) struct Prepared {
    service: Service,
    readiness: Readiness,
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
            let committed = state.committed.get(&table.name);
            let prepared = state.prepared.get(&deployment);
            let prepared = prepared.map(|prepared| (&prepared.service.table, prepared.readiness));
            if let Some(readiness) = answered_before(deployment, &table, committed, prepared) {
                return Ok(readiness);
            }
            let in_force = state.services.get(&table.name);
            may_follow(in_force.map(|service| &service.table), &table)?;
            let text = self.render(&table, &state.common.preview_domain)?;
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
        let in_force = state.services.get(&table.name);
        let newer = in_force.filter(|service| service.table.revision > table.revision);
        let merged = match newer {
            None => prepared.service.clone(),
            Some(newer) => {
                let table = ServiceTable {
                    weights: table.weights.clone(),
                    generation: table.generation,
                    ..newer.table.clone()
                };
                Service { text: self.render(&table, &state.common.preview_domain)?, table }
            }
        };
        may_follow(in_force.map(|service| &service.table), &merged.table)?;
        let tried = merged.text == prepared.service.text;
        Ok((merged, tried))
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
