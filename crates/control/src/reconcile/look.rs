//! Taking in what is: containers as the engine tells them, and what their checks say.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use launcher_model::VersionNumber;
use launcher_model::container::{Container, Health};
use launcher_model::environment::{Environment, EnvironmentState};
use launcher_model::event::NewEvent;
use launcher_model::plan::environment::Checked;

use super::{Reconciler, Wish, told};
use crate::Result;

/// Whether it is a branch's environment that was ready before, and for which requests may wait.
fn is_woken(environment: &Environment) -> bool {
    environment.branch.is_some() && environment.state == EnvironmentState::Stopped
}

/// What was found, to be kept and told when edges have it: the store may take its time.
#[derive(Default)]
pub(super) struct News {
    /// All containers, when some of them have changed.
    containers: Vec<Container>,
    /// What there is to tell, and when it was found.
    events: Vec<(Timestamp, Vec<NewEvent>)>,
}

impl Reconciler {
    /// Looks at the engine, where something may have changed there.
    pub(super) async fn look(&mut self, wish: &Wish, news: &mut News) -> Result<()> {
        if !self.slot.take_dirty() {
            return Ok(());
        }
        let ended = self.slot.ended();
        let containers = match self.observe(wish, news).await {
            Ok(containers) => containers,
            Err(error) => {
                self.slot.set_dirty();
                return Err(error.into());
            }
        };
        self.slot.looked_at(&ended);
        self.slot.ended_but(|version| self.jobs.is_busy(version));
        let settings = containers.iter().filter_map(|container| {
            let contact = wish.versions.get(&container.version)?.spec.contact();
            let woken = wish.environment(container.version).is_some_and(is_woken);
            Some((container, contact, woken))
        });
        self.inner.checks.follow(&self.slot.name, settings);
        let before = self.slot.observed();
        let unchanged = before.as_ref().is_some_and(|before| {
            before.len() == containers.len()
                && before.iter().zip(&containers).all(|(old, new)| old.container == *new)
        });
        if !unchanged {
            self.jobs.observed_change();
            crate::logs::collect_ended(&self.inner, &containers);
            let health = |container: &Container| {
                let known = before.iter().flat_map(|all| all.iter());
                let known = known.into_iter().find(|old| old.container.id == container.id);
                known.map_or(Health::Unknown { last: None }, |old| old.health.clone())
            };
            let carried = containers.iter().map(|container| Checked {
                container: container.clone(),
                health: health(container),
            });
            let carried: Vec<_> = carried.collect();
            let lost = told::of_containers(&self.slot.name, before.as_deref(), &carried, wish);
            news.events.push((self.inner.now(), lost));
            news.containers = containers;
            self.slot.set_observed(carried);
            self.inner.hosts.have_changed();
        }
        Ok(())
    }

    /// Asks the engine. It may take its time, such as while it starts one of the containers; edges have
    /// what is told meanwhile without waiting for that.
    async fn observe(
        &self,
        wish: &Wish,
        news: &mut News,
    ) -> launcher_scheduler::Result<Vec<Container>> {
        let mut observing = self.inner.scheduler.observe(Some(&self.slot.name));
        let mut woken = !self.slot.ended().is_empty();
        loop {
            if woken && let Some(observed) = self.slot.observed() {
                let observed = self.refresh(wish, &observed, news);
                if let Err(error) = self.publish(wish, &observed).await {
                    tracing::warn!(service = %self.slot.name, %error, "what was told of containers is not in the routes yet");
                }
            }
            tokio::select! {
                observed = &mut observing => {
                    // What woke this loop is to be decided on, too.
                    if woken {
                        self.slot.wake();
                    }
                    return observed;
                }
                () = self.slot.woken() => woken = true,
            }
        }
    }

    /// Takes in what the health checks have said since, and which containers have ended.
    pub(super) fn refresh(
        &self,
        wish: &Wish,
        observed: &Arc<Vec<Checked>>,
        news: &mut News,
    ) -> Arc<Vec<Checked>> {
        let ended = self.slot.ended();
        let fresh: Vec<Checked> = observed
            .iter()
            .map(|checked| {
                let settings = wish.versions.get(&checked.container.version);
                let health = match settings {
                    _ if ended.contains(&checked.container.id) => {
                        Health::Unhealthy { why: "it has ended".to_owned() }
                    }
                    Some(version) => {
                        self.inner.checks.health(&checked.container, &version.spec.health)
                    }
                    None => checked.health.clone(),
                };
                Checked { container: checked.container.clone(), health }
            })
            .collect();
        if fresh == **observed {
            return Arc::clone(observed);
        }
        // Of those that have ended the next look tells.
        let lasting: Vec<Checked> =
            fresh.iter().filter(|one| !ended.contains(&one.container.id)).cloned().collect();
        let turned = told::of_health(&self.slot.name, observed, &lasting, wish);
        news.events.push((self.inner.now(), turned));
        self.slot.set_observed(fresh)
    }

    /// Keeps and tells what was found. Nothing depends on it.
    pub(super) async fn spread(&self, news: News) {
        let service = &self.slot.name;
        let mut by_version: BTreeMap<VersionNumber, Vec<_>> = BTreeMap::new();
        for container in news.containers {
            by_version.entry(container.version).or_default().push(container);
        }
        for (version, containers) in by_version {
            // For those who ask while the engine is away.
            let now = self.inner.now();
            let kept = self.inner.store.record_containers(service, version, &containers, now);
            if let Err(error) = kept.await {
                tracing::warn!(%service, %error, "containers could not be recorded");
            }
        }
        for (at, events) in news.events.into_iter().filter(|(_, events)| !events.is_empty()) {
            if let Err(error) = self.inner.store.record(&events, at).await {
                tracing::error!(%service, %error, "events of containers could not be recorded");
            }
        }
    }
}
