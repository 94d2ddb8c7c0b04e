//! What a person may do to services and environments, besides deploying.

use jiff::Timestamp;
use launcher_model::environment::{self, Environment, EnvironmentState, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::service::ServiceSpec;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::{EnvironmentChange, PutOutcome};

use crate::{Control, Error, Result, away};

/// What asking an environment to start did.
#[derive(Debug, Clone, PartialEq)]
pub enum Started {
    /// It runs already.
    Runs(Environment),
    /// Its containers are being started.
    Starts(Environment),
}

impl Control {
    /// Creates a service. One that is there with the same settings is left as it is.
    ///
    /// # Errors
    /// When there is one with other settings, the settings make no sense, a hostname belongs to another
    /// service, or a path leads to none.
    pub async fn create_service(&self, spec: &ServiceSpec, by: &str) -> Result<PutOutcome> {
        let _turn = self.inner.settings.lock().await;
        let name = &spec.service.name;
        let before = self.inner.store.service(name).await?;
        if before.is_some_and(|service| service.spec != *spec) {
            return Err(Error::Refused(format!(
                "there is a service {name} already, with other settings; \
                 a PUT changes them, and `launcher apply`"
            )));
        }
        self.write_service(spec, by).await
    }

    /// Creates a service or replaces its settings. Versions that exist keep theirs.
    ///
    /// # Errors
    /// When the settings make no sense, a hostname belongs to another service, or a path leads to none.
    pub async fn put_service(&self, spec: &ServiceSpec, by: &str) -> Result<PutOutcome> {
        let _turn = self.inner.settings.lock().await;
        self.write_service(spec, by).await
    }

    /// Replaces the settings of a service, when they are still those that were seen: the ones that it has had
    /// since `seen`.
    ///
    /// # Errors
    /// The same, and when there is no such service, or it has had other settings since then.
    pub async fn change_service(
        &self,
        spec: &ServiceSpec,
        seen: Timestamp,
        by: &str,
    ) -> Result<PutOutcome> {
        let _turn = self.inner.settings.lock().await;
        let name = &spec.service.name;
        let before = self.inner.store.service(name).await?;
        let before = before.ok_or_else(|| Error::NoService(name.clone()))?;
        if before.changed_at != seen && before.spec != *spec {
            return Err(Error::Changed(name.clone()));
        }
        self.write_service(spec, by).await
    }

    /// What [`Control::put_service`] would do, without doing it.
    ///
    /// # Errors
    /// The same.
    pub async fn preview_service(&self, spec: &ServiceSpec) -> Result<PutOutcome> {
        must_make_sense(spec)?;
        self.inner.paths_must_lead_somewhere(spec).await?;
        let (own, others): (Vec<_>, Vec<_>) = (self.inner.store.services().await?.into_iter())
            .partition(|service| service.spec.service.name == spec.service.name);
        for host in &spec.service.hosts {
            let owner = others.iter().find(|other| other.spec.service.hosts.contains(host));
            if let Some(owner) = owner {
                let service = owner.spec.service.name.to_string();
                return Err(launcher_store::Error::HostTaken { host: host.clone(), service }.into());
            }
        }
        Ok(match own.into_iter().next() {
            None => PutOutcome::Created,
            Some(service) if service.spec == *spec => PutOutcome::Unchanged,
            Some(service) => PutOutcome::Changed(Box::new(service.spec)),
        })
    }

    async fn write_service(&self, spec: &ServiceSpec, by: &str) -> Result<PutOutcome> {
        must_make_sense(spec)?;
        self.inner.paths_must_lead_somewhere(spec).await?;
        let outcome = self.inner.store.put_service(spec, by, self.inner.now()).await?;
        self.inner.begin(&spec.service.name).wake();
        Ok(outcome)
    }

    /// Deletes a service that has no environments left.
    ///
    /// # Errors
    /// When there is none, an environment is left, or a path of another service leads to it.
    pub async fn delete_service(&self, service: &ServiceName, by: &str) -> Result<()> {
        let _turn = self.inner.settings.lock().await;
        self.inner.no_path_may_lead_to(service).await?;
        let deleted = self.inner.store.delete_service(service, by, self.inner.now()).await;
        let deleted = deleted.map_err(|error| match error {
            launcher_store::Error::StillInUse { .. } => Error::Refused(format!(
                "{error}; `launcher delete {service}` takes the service offline and destroys all of it"
            )),
            error => error.into(),
        })?;
        if !deleted {
            return Err(Error::NoService(service.clone()));
        }
        if let Some(slot) = self.inner.slot(service) {
            slot.wake();
        }
        Ok(())
    }

    /// Has a service deleted with everything that it has: it is taken offline, its environments are
    /// destroyed once nothing is in flight on them, and it is deleted; its records stay. Returns when the
    /// wish is written down.
    ///
    /// # Errors
    /// When there is none, or a path of another service leads to it.
    pub async fn destroy_service(&self, service: &ServiceName, by: &str) -> Result<()> {
        let _turn = self.inner.settings.lock().await;
        self.inner.no_path_may_lead_to(service).await?;
        if !self.inner.store.begin_deletion(service, by, self.inner.now()).await? {
            return Err(Error::NoService(service.clone()));
        }
        self.inner.begin(service).wake();
        Ok(())
    }

    /// Stops an environment's containers, and keeps them.
    ///
    /// # Errors
    /// When production traffic goes to it.
    pub async fn stop(
        &self,
        service: &ServiceName,
        number: VersionNumber,
        by: &str,
    ) -> Result<Environment> {
        self.change(service, number, by, |environment, live| {
            if live {
                return Err(Error::Refused(format!(
                    "{number} is live; deploy another version before you stop it \
                     (`launcher delete {service}` takes the whole service away)"
                )));
            }
            match environment.state {
                EnvironmentState::Destroyed => Err(destroyed(number)),
                _ if environment.wanted == Wanted::Gone => Err(destroyed(number)),
                _ if environment.wanted == Wanted::Stopped && !environment.asleep => Ok(None),
                _ => Ok(Some(Change { wanted: Some(Wanted::Stopped), ..Change::default() })),
            }
        })
        .await
    }

    /// Starts a stopped environment again.
    ///
    /// # Errors
    /// When it has failed or is destroyed.
    pub async fn start_environment(
        &self,
        service: &ServiceName,
        number: VersionNumber,
        by: &str,
    ) -> Result<Started> {
        let mut runs = false;
        let environment = self
            .change(service, number, by, |environment, _| match environment.state {
                EnvironmentState::Destroyed => Err(destroyed(number)),
                _ if environment.wanted == Wanted::Gone => Err(destroyed(number)),
                EnvironmentState::Failed => Err(Error::Refused(format!(
                    "{number} has failed; launch its image again once the reason is mended"
                ))),
                _ if environment.wanted == Wanted::Running => {
                    runs = environment.state == EnvironmentState::Ready;
                    Ok(None)
                }
                _ => Ok(Some(Change {
                    wanted: Some(Wanted::Running),
                    starts: true,
                    told: Some((
                        EventKind::EnvironmentStarted,
                        format!("{number} is started again"),
                    )),
                    ..Change::default()
                })),
            })
            .await?;
        Ok(if runs { Started::Runs(environment) } else { Started::Starts(environment) })
    }

    /// Changes how many containers an environment has.
    ///
    /// # Errors
    /// When no environment may have that many, or the environment has failed or is destroyed.
    pub async fn scale(
        &self,
        service: &ServiceName,
        number: VersionNumber,
        replicas: u16,
        by: &str,
    ) -> Result<Environment> {
        let replicas =
            environment::replicas(replicas).map_err(|error| Error::Invalid(error.to_string()))?;
        self.change(service, number, by, |environment, _| {
            if environment.wanted == Wanted::Gone {
                return Err(destroyed(number));
            }
            if environment.state == EnvironmentState::Failed {
                return Err(Error::Refused(format!(
                    "{number} has failed and runs no containers to scale; \
                     launch its image again once the reason is mended"
                )));
            }
            if environment.replicas == replicas {
                return Ok(None);
            }
            let before = environment.replicas;
            let text = format!("{number} is scaled from {before} to {replicas}");
            let told = Some((EventKind::EnvironmentScaled, text));
            Ok(Some(Change { replicas: Some(replicas), told, ..Change::default() }))
        })
        .await
    }

    /// Removes an environment's containers; its record stays.
    ///
    /// # Errors
    /// When production traffic goes to it, or it is pinned.
    pub async fn destroy(
        &self,
        service: &ServiceName,
        number: VersionNumber,
        by: &str,
    ) -> Result<Environment> {
        self.change(service, number, by, |environment, live| {
            if live {
                return Err(Error::Refused(format!(
                    "{number} is live; deploy another version before you destroy it \
                     (`launcher delete {service}` takes the whole service away)"
                )));
            }
            if environment.pinned {
                return Err(Error::Refused(format!(
                    "{number} is pinned; unpin it first (`launcher unpin {service} {number}`)"
                )));
            }
            if environment.wanted == Wanted::Gone {
                return Ok(None);
            }
            Ok(Some(Change { wanted: Some(Wanted::Gone), ..Change::default() }))
        })
        .await
    }

    /// Has retention leave an environment alone, or not any more.
    ///
    /// # Errors
    /// When it is destroyed.
    pub async fn pin(
        &self,
        service: &ServiceName,
        number: VersionNumber,
        pinned: bool,
        by: &str,
    ) -> Result<Environment> {
        self.change(service, number, by, |environment, _| {
            if environment.wanted == Wanted::Gone {
                return Err(destroyed(number));
            }
            if environment.pinned == pinned {
                return Ok(None);
            }
            let told = if pinned {
                (EventKind::EnvironmentPinned, format!("{number} is pinned"))
            } else {
                (EventKind::EnvironmentUnpinned, format!("{number} is not pinned any more"))
            };
            Ok(Some(Change { pinned: Some(pinned), told: Some(told), ..Change::default() }))
        })
        .await
    }

    /// Reads an environment, decides what changes, and writes that, while no switch can come between.
    async fn change(
        &self,
        service: &ServiceName,
        number: VersionNumber,
        by: &str,
        decide: impl FnOnce(&Environment, bool) -> Result<Option<Change>>,
    ) -> Result<Environment> {
        let inner = &self.inner;
        let slot = inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
        let _turn = slot.turn().await;
        let environment = inner.store.environment(service, number).await?;
        let environment = environment.ok_or_else(|| Error::NoVersion(service.clone(), number))?;
        let live = inner.store.route(service).await?.is_live(number);
        let wanted_live = self.is_target(&slot, number).await?;
        let Some(change) = decide(&environment, live || wanted_live)? else {
            return Ok(environment);
        };
        if change.wanted.is_some_and(|wanted| wanted != Wanted::Running)
            && let Some(edge) = away::still_served(inner, service).await?.get(&number)
        {
            return Err(Error::Refused(format!(
                "the edge {edge} is away, and may still send requests to {number}; wait until it is back, or revoke it with `launcher edges revoke {edge}`"
            )));
        }
        let events: Vec<NewEvent> = change
            .told
            .into_iter()
            .map(|(kind, text)| {
                NewEvent::new(kind, format!("{text} by {by}"))
                    .service(service)
                    .version(number)
                    .by(by)
            })
            .collect();
        let change = EnvironmentChange {
            wanted: change.wanted,
            replicas: change.replicas,
            pinned: change.pinned,
            ..if change.starts { starting_again() } else { EnvironmentChange::default() }
        };
        let changed =
            inner.store.change_environment(service, number, change, &events, inner.now()).await?;
        Ok(changed)
    }

    /// Whether a deployment that is under way goes to a version.
    async fn is_target(&self, slot: &crate::slot::Slot, number: VersionNumber) -> Result<bool> {
        let Some(active) = slot.active() else { return Ok(false) };
        let deployment = self.inner.store.deployment(active).await?;
        Ok(deployment.is_some_and(|deployment| {
            deployment.state.blocks_others() && deployment.to.contains_key(&number)
        }))
    }
}

fn must_make_sense(spec: &ServiceSpec) -> Result<()> {
    let faults = spec.faults();
    if faults.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Err(Error::Invalid(told.join("; ")))
}

#[derive(Default)]
struct Change {
    wanted: Option<Wanted>,
    replicas: Option<u16>,
    pinned: Option<bool>,
    starts: bool,
    told: Option<(EventKind, String)>,
}

/// What makes an environment begin to start. It is not ready from now on, even if it was not stopped
/// completely: its containers may be told to stop at this moment.
pub(crate) fn starting_again() -> EnvironmentChange {
    EnvironmentChange {
        wanted: Some(Wanted::Running),
        state: Some(EnvironmentState::Stopped),
        starting_since: Some(None),
        ..EnvironmentChange::default()
    }
}

fn destroyed(number: VersionNumber) -> Error {
    Error::Refused(format!("{number} is destroyed; launch its image again"))
}
