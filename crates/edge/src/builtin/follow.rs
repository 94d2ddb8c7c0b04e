//! Switches of an edge that has been taken over from: the one that took over has made them already.

use std::sync::Arc;
use std::time::Duration;

use launcher_model::DeploymentId;

use super::change::Plan;
use super::{Builtin, Service};
use crate::compiled::Site;
use crate::protocol::InFlight;
use crate::table::ServiceTable;

impl Builtin {
    /// Makes a switch without having prepared it. Returns what is under way on the versions that left;
    /// how that ends is told as after a commit.
    pub(crate) async fn switch(&self, deployment: DeploymentId, table: ServiceTable) -> InFlight {
        let shared = &self.0;
        let mut state = shared.state.lock().await;
        if !state.is_news(&table) {
            // It has been told of otherwise, and whoever asks waits for an outcome.
            let is_draining = state.drains.values().any(|of| of.deployment == Some(deployment));
            if !is_draining {
                state.outcomes.entry(deployment).or_default();
                shared.drain_ended.notify_one();
            }
            return InFlight::default();
        }
        let in_force = state.services.get(&table.name).map(|service| &*service.site);
        let site = Site::compile(&table, in_force.as_slice(), shared.engine.threads());
        let mut plan = Plan::default();
        plan.put(&mut state, Service { table, site: Arc::new(site) });
        shared.carry_out(&mut state, plan, Some(deployment)).await
    }

    /// What a deployment that has been committed here has put in force.
    pub(crate) async fn committed(&self, deployment: DeploymentId) -> Option<ServiceTable> {
        let state = self.0.state.lock().await;
        let mut all = state.committed.iter();
        let (service, _) = all.find(|(_, committed)| committed.deployment == deployment)?;
        Some(state.services.get(service)?.table.clone())
    }

    /// Deployments that drain, or whose outcome has not been seen, with what was in flight.
    pub(crate) async fn left(&self) -> Vec<(DeploymentId, u64)> {
        let state = self.0.state.lock().await;
        let running = state.drains.values();
        let running = running.filter_map(|drain| Some((drain.deployment?, drain.in_flight)));
        running.chain(state.outcomes.keys().map(|id| (*id, 0))).collect()
    }

    /// Cuts off whatever drains.
    pub(crate) async fn cut_drains(&self) {
        self.0.cut_all().await;
    }

    /// The longest time that any service's connections may take to end.
    pub(crate) async fn longest_drain(&self) -> Duration {
        let state = self.0.state.lock().await;
        let all = state.services.values().map(|service| service.site.traffic.drain.duration());
        all.max().unwrap_or_default()
    }
}
