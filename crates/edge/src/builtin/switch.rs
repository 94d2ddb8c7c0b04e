//! The second half of a switch, and every other change of what is in force.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use launcher_model::{DeploymentId, ServiceName};

use super::change::Plan;
use super::prepare::Prepared;
use super::{Service, Shared, State};
use crate::compiled::Site;
use crate::driver::switch::{Committed, may_follow, micros};
use crate::keep::{Common, Keep};
use crate::protocol::Flip;
use crate::table::{RouteTable, ServiceTable};

/// How long after a change the disk is forced: as long as file systems take to do it by themselves.
const FORCE_AFTER: Duration = Duration::from_secs(5);

impl Shared {
    pub(super) async fn commit(self: &Arc<Self>, deployment: DeploymentId) -> Result<Flip, String> {
        let began = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(before) = state.committed.values().find(|c| c.deployment == deployment) {
            return Ok(before.flip.clone());
        }
        let Some(prepared) = state.prepared.remove(&deployment) else {
            return Err(format!("deployment {deployment} is not prepared on this edge"));
        };
        let table = match self.keep_committed(&state, deployment, &prepared).await {
            Ok(table) => table,
            Err(why) => {
                state.prepared.insert(deployment, prepared);
                return Err(why);
            }
        };
        launcher_fault::point("edge.commit_kept");
        let in_force = state.services.get(&table.name).map(|service| &*service.site);
        let before: Vec<&Site> = in_force.into_iter().chain([&*prepared.site]).collect();
        let site = Arc::new(Site::compile(&table, &before, self.engine.threads()));
        let (name, generation) = (table.name.clone(), table.generation);
        self.engine.coming().forget(&name);
        let mut plan = Plan::default();
        plan.leave_behind(&prepared.site, &site);
        plan.put(&mut state, Service { table, site });
        let in_flight = self.carry_out(&mut state, plan, Some(deployment)).await;
        let flip = Flip { generation, took_us: micros(began), in_flight };
        launcher_fault::point("edge.committed");
        let committed = Committed { deployment, readiness: prepared.readiness, flip: flip.clone() };
        state.committed.insert(name, committed);
        self.force_later();
        Ok(flip)
    }

    /// Makes the disk say what the commit will put in force, and returns that. It is what was prepared,
    /// but where the service has changed otherwise since, the new weights with that change.
    async fn keep_committed(
        self: &Arc<Self>,
        state: &State,
        deployment: DeploymentId,
        prepared: &Prepared,
    ) -> Result<ServiceTable, String> {
        let failed = |error: io::Error| super::not_kept(&error);
        let name = prepared.table.name.clone();
        let in_force = state.services.get(&name).map(|service| &service.table);
        let newer = in_force.filter(|table| table.revision > prepared.table.revision);
        let Some(newer) = newer else {
            may_follow(in_force, &prepared.table)?;
            // Not on another thread: a rename is done before that thread would have woken up.
            let order = self.order();
            self.kept(|keep| keep.commit(&name, deployment, order)).map_err(failed)?;
            return Ok(prepared.table.clone());
        };
        let merged = ServiceTable {
            weights: prepared.table.weights.clone(),
            generation: prepared.table.generation,
            ..newer.clone()
        };
        may_follow(in_force, &merged)?;
        let order = self.order();
        let written = self.on_disk({
            let merged = merged.clone();
            move |keep| {
                keep.write(&merged, order)?;
                keep.abort(&name, deployment);
                Ok(())
            }
        });
        written.await.map_err(failed)?;
        Ok(merged)
    }

    pub(super) async fn welcome(self: &Arc<Self>, table: RouteTable) -> Vec<(ServiceName, u64)> {
        let mut state = self.state.lock().await;
        let mut plan = Plan::default();
        let common = Common::of(&table);
        let gone: Vec<_> =
            state.services.keys().filter(|n| !table.services.contains_key(n)).cloned().collect();
        for name in &gone {
            plan.remove(&mut state, name);
        }
        let new: Vec<ServiceTable> =
            table.services.into_values().filter(|service| state.is_news(service)).collect();
        for table in new.iter().cloned() {
            self.take_over(&mut state, &mut plan, table);
        }
        let new_common = (state.common != common).then_some(common);
        if let Some(common) = &new_common {
            state.common.clone_from(common);
        }
        if new_common.is_some() || !new.is_empty() || !gone.is_empty() {
            self.carry_out(&mut state, plan, None).await;
        }
        let (order, revisions) = (self.order(), state.revisions());
        drop(state);
        launcher_fault::point("edge.welcomed");
        self.keep_or_warn(move |keep| {
            gone.iter().try_for_each(|name| keep.remove(name, order))?;
            new.iter().try_for_each(|service| keep.write(service, order))?;
            new_common.map_or(Ok(()), |common| keep.write_common(&common))
        })
        .await;
        revisions
    }

    pub(super) async fn replace(self: &Arc<Self>, table: ServiceTable) -> (ServiceName, u64) {
        let mut state = self.state.lock().await;
        let (name, revision) = (table.name.clone(), table.revision);
        if !state.is_news(&table) {
            let in_force = state.services.get(&name);
            return (name, in_force.map_or(0, |service| service.table.revision));
        }
        let mut plan = Plan::default();
        self.take_over(&mut state, &mut plan, table.clone());
        self.carry_out(&mut state, plan, None).await;
        let order = self.order();
        drop(state);
        launcher_fault::point("edge.replaced");
        self.keep_or_warn(move |keep| keep.write(&table, order)).await;
        (name, revision)
    }

    pub(super) async fn remove(self: &Arc<Self>, name: ServiceName) {
        let mut state = self.state.lock().await;
        let mut plan = Plan::default();
        plan.remove(&mut state, &name);
        self.carry_out(&mut state, plan, None).await;
        let order = self.order();
        drop(state);
        self.keep_or_warn(move |keep| keep.remove(&name, order)).await;
    }

    pub(super) fn take_over(&self, state: &mut State, plan: &mut Plan, table: ServiceTable) {
        let before = state.services.get(&table.name).map(|service| &*service.site);
        // A pool that a switch has been prepared for keeps what was made ready for it.
        let prepared = state.prepared.values().filter(|p| p.table.name == table.name);
        let before: Vec<&Site> = before.into_iter().chain(prepared.map(|p| &*p.site)).collect();
        let site = Arc::new(Site::compile(&table, &before, self.engine.threads()));
        plan.put(state, Service { table, site });
    }

    /// Has the disk follow what is in force. A disk that does not is no reason to serve less.
    async fn keep_or_warn(
        self: &Arc<Self>,
        work: impl FnOnce(&Keep) -> io::Result<()> + Send + 'static,
    ) {
        if let Err(error) = self.on_disk(work).await {
            tracing::error!(%error, "cannot keep the route table on disk; a restart would serve an older one");
        }
        launcher_fault::point("edge.kept");
        self.force_later();
    }

    /// Makes what has been kept outlive a loss of power too, a moment later: forcing the disk holds up
    /// every other change of a file, and a switch is to be quick. An edge that comes up with the route
    /// before hears of the newer one as it connects.
    fn force_later(self: &Arc<Self>) {
        if self.force_is_due.swap(true, Ordering::Relaxed) {
            return;
        }
        let shared = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(FORCE_AFTER).await;
            shared.force_is_due.store(false, Ordering::Relaxed);
            if let Err(error) = shared.on_disk(Keep::force).await {
                tracing::error!(%error, "cannot force the route table to disk");
            }
        });
    }

    /// Keeps all that is in force once more: its files were lost.
    pub(super) fn keep_all_soon(self: &Arc<Self>) {
        let shared = self.clone();
        tokio::spawn(async move {
            let state = shared.state.lock().await;
            let order = shared.order();
            let common = state.common.clone();
            let tables = state.services.values().map(|service| service.table.clone());
            let tables: Vec<ServiceTable> = tables.collect();
            drop(state);
            let again = move |keep: &Keep| {
                tables.iter().try_for_each(|table| keep.write(table, order))?;
                keep.write_common(&common)
            };
            shared.keep_or_warn(again).await;
        });
    }
}

impl State {
    /// Whether a table is newer than the one in force.
    pub(super) fn is_news(&self, table: &ServiceTable) -> bool {
        let in_force = self.services.get(&table.name);
        in_force.is_none_or(|service| service.table.revision < table.revision)
    }
}
