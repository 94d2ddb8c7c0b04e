//! Versions that left a short while ago, and whose files are still asked for.

use std::collections::BTreeSet;

use launcher_model::VersionNumber;
use launcher_model::environment::Environment;
use launcher_model::plan::assets::{Lately, MOST, lately};
use launcher_model::route::{Route, Weights};
use launcher_model::service::ServiceSpec;

use crate::{Inner, Result};

impl Inner {
    /// The versions that were live lately before `live`, as long as `[assets]` has them asked for files.
    pub(crate) async fn lately(
        &self,
        spec: &ServiceSpec,
        environments: &[Environment],
        live: &Weights,
    ) -> Result<Lately> {
        let Some(assets) = &spec.assets else { return Ok(Lately::default()) };
        let (keep, now) = (assets.keep, self.now());
        // Mostly there is none, and nothing to be read.
        if !environments.iter().any(|one| Lately::may_have(one, live, keep, now)) {
            return Ok(Lately::default());
        }
        let history = crate::switch::history(self, &spec.service.name).await?;
        Ok(lately(&history, environments, live, keep, now))
    }

    /// The same once the `next` route is in force: those that leave with it come first.
    pub(crate) async fn lately_after(
        &self,
        spec: &ServiceSpec,
        environments: &[Environment],
        route: &Route,
        next: &Route,
    ) -> Result<Vec<VersionNumber>> {
        if spec.assets.is_none() {
            return Ok(Vec::new());
        }
        let mut all: Vec<VersionNumber> =
            route.live().filter(|version| !next.is_live(*version)).collect();
        all.reverse();
        all.extend(self.lately(spec, environments, &next.weights).await?.versions);
        let mut known = BTreeSet::new();
        all.retain(|version| known.insert(*version));
        all.truncate(MOST);
        Ok(all)
    }
}
