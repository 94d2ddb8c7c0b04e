//! What falls out of `[keep]`.

use std::collections::BTreeSet;
use std::sync::Arc;

use launcher_model::VersionNumber;
use launcher_model::environment::Wanted;
use launcher_model::plan::retention::{Retired, retire};
use launcher_model::route::Route;
use launcher_store::EnvironmentChange;

use super::{Reconciler, Wish};
use crate::{Result, away};

impl Reconciler {
    /// Stops and destroys what falls out of `[keep]`.
    pub(super) async fn retire(&mut self, wish: &Wish) -> Result<bool> {
        // While a switch is under way, which versions must stay is not decided yet.
        let slot = Arc::clone(&self.slot);
        let Some(_turn) = slot.try_turn() else { return Ok(false) };
        if self.slot.active().is_some() {
            return Ok(false);
        }
        // A switch that was made since the wish was read has left versions that drain now.
        let route = self.inner.store.route(&self.slot.name).await?;
        if route != wish.route {
            return Ok(true);
        }
        let mut untouchable: BTreeSet<VersionNumber> = route.live().collect();
        for deployment in &wish.unfinished {
            untouchable.extend(deployment.from.keys().chain(deployment.to.keys()));
        }
        // Their files are still asked for.
        let lately = self.inner.lately(&wish.spec, &wish.environments, &route.weights).await?;
        untouchable.extend(lately.versions);
        let before = self.live_before(&route).await?;
        let mut retired = retire(&wish.spec.keep, &wish.environments, &untouchable, before);
        if retired != Retired::default() {
            let served = away::still_served(&self.inner, &self.slot.name).await?;
            untouchable.extend(served.keys());
            retired = retire(&wish.spec.keep, &wish.environments, &untouchable, before);
        }
        let moves = [(Wanted::Stopped, &retired.stop), (Wanted::Gone, &retired.destroy)];
        for (wanted, versions) in moves {
            for number in versions {
                let change = EnvironmentChange { wanted: Some(wanted), ..Default::default() };
                self.change(*number, change, &[]).await?;
            }
        }
        Ok(!retired.stop.is_empty() || !retired.destroy.is_empty())
    }

    /// The version to go back to. It changes with the route alone, and is read once for each.
    async fn live_before(&mut self, route: &Route) -> Result<Option<VersionNumber>> {
        if let Some((generation, before)) = self.before
            && generation == route.generation
        {
            return Ok(before);
        }
        let before = crate::switch::live_before(&self.inner, &self.slot.name, route).await?;
        self.before = Some((route.generation, before));
        Ok(before)
    }
}
