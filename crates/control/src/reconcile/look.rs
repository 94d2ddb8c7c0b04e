//! Taking in what is: containers as the engine tells them, and what their checks say.

use std::collections::BTreeMap;
use std::sync::Arc;

use launcher_model::VersionNumber;
use launcher_model::container::Health;
use launcher_model::plan::environment::Checked;

use super::{Reconciler, Wish, told};
use crate::Result;

impl Reconciler {
    /// Looks at the engine, where something may have changed there.
    pub(super) async fn look(&mut self, wish: &Wish) -> Result<()> {
        if !self.slot.take_dirty() {
            return Ok(());
        }
        let containers = match self.inner.scheduler.observe(Some(&self.slot.name)).await {
            Ok(containers) => containers,
            Err(error) => {
                self.slot.set_dirty();
                return Err(error.into());
            }
        };
        let settings = containers.iter().filter_map(|container| {
            Some((container, &wish.versions.get(&container.version)?.spec.health))
        });
        self.inner.checks.follow(&self.slot.name, settings);
        let checked: Vec<Checked> = containers
            .into_iter()
            .map(|container| Checked { container, health: Health::Unknown { last: None } })
            .collect();
        let unchanged = self.slot.observed().is_some_and(|before| {
            before.len() == checked.len()
                && before.iter().zip(&checked).all(|(a, b)| a.container == b.container)
        });
        if !unchanged {
            self.jobs.observed_change();
            self.record(&checked).await;
            let before = self.slot.observed();
            let keep = |one: &Checked| {
                let known = before.iter().flat_map(|all| all.iter());
                known.into_iter().find(|old| old.container.id == one.container.id)
            };
            let carried = checked.iter().map(|one| Checked {
                container: one.container.clone(),
                health: keep(one).map_or_else(|| one.health.clone(), |old| old.health.clone()),
            });
            let carried: Vec<_> = carried.collect();
            told::of_containers(&self.inner, &self.slot.name, before.as_deref(), &carried, wish)
                .await;
            self.slot.set_observed(carried);
        }
        Ok(())
    }

    /// Keeps what was observed for those who ask while the engine is away. Nothing depends on it.
    async fn record(&self, checked: &[Checked]) {
        let mut by_version: BTreeMap<VersionNumber, Vec<_>> = BTreeMap::new();
        for one in checked {
            by_version.entry(one.container.version).or_default().push(one.container.clone());
        }
        for (version, containers) in by_version {
            let kept = self.inner.store.record_containers(
                &self.slot.name,
                version,
                &containers,
                self.inner.now(),
            );
            if let Err(error) = kept.await {
                tracing::warn!(service = %self.slot.name, %error, "containers could not be recorded");
            }
        }
    }

    /// Takes in what the health checks have said since.
    pub(super) async fn refresh(
        &self,
        wish: &Wish,
        observed: &Arc<Vec<Checked>>,
    ) -> Arc<Vec<Checked>> {
        let fresh: Vec<Checked> = observed
            .iter()
            .map(|checked| {
                let settings = wish.versions.get(&checked.container.version);
                let health = settings.map_or(checked.health.clone(), |version| {
                    self.inner.checks.health(&checked.container, &version.spec.health)
                });
                Checked { container: checked.container.clone(), health }
            })
            .collect();
        if fresh == **observed {
            return Arc::clone(observed);
        }
        told::of_health(&self.inner, &self.slot.name, observed, &fresh, wish).await;
        self.slot.set_observed(fresh)
    }
}
