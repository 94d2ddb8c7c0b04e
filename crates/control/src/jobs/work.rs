//! What each job does. All of it is safe to repeat, and to be killed at any point.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt;
use launcher_model::environment::{Failure, Release};
use launcher_model::image::ImageRef;
use launcher_model::plan::environment::Job;
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::{LogOptions, OneOff, OneOffRole, Output, Placement, RegistryLogin};
use launcher_store::EnvironmentChange;

use super::{Asked, LOG_LINES, LOG_WAIT, Outcome};
use crate::logs::Ending;
use crate::slot::Slot;
use crate::{Error, Inner, Result, variables};

pub(super) async fn perform(
    inner: &Arc<Inner>,
    slot: &Slot,
    job: Job,
    asked: Asked,
    version: &Arc<Version>,
) -> Outcome {
    let done = match job {
        Job::Fetch => fetch(inner, slot, version).await,
        Job::Release => return release(inner, slot, version).await.unwrap_or_else(judge),
        Job::Ensure => return ensure(inner, slot, asked, version).await.unwrap_or_else(judge),
        Job::Stop => stop(inner, slot, version.number).await,
        Job::Remove => return remove(inner, slot, version.number).await,
    };
    done.map_or_else(judge, |()| Outcome::Well(None))
}

/// An image that cannot be had, or that the engine refuses, will not be better a second later.
fn judge(error: Error) -> Outcome {
    let fatal = match &error {
        Error::Scheduler(error) => !error.is_passing(),
        Error::Refused(_) => true,
        Error::Store(error) => matches!(error, launcher_store::Error::Vault(_)),
        _ => false,
    };
    if fatal {
        Outcome::Final(Failure { reason: error.to_string(), log: Vec::new() })
    } else {
        Outcome::Passing(error)
    }
}

async fn fetch(inner: &Inner, slot: &Slot, version: &Version) -> Result<()> {
    inner.scheduler.fetch(&version.image, inner.login(&version.image.reference)).await?;
    launcher_fault::point("environment.fetched");
    let change = EnvironmentChange {
        starting_since: Some(Some(inner.now())),
        ..EnvironmentChange::default()
    };
    inner.store.change_environment(&slot.name, version.number, change, &[], inner.now()).await?;
    Ok(())
}

async fn release(inner: &Inner, slot: &Slot, version: &Arc<Version>) -> Result<Outcome> {
    let hooks = &version.spec.hooks;
    if let Some(command) = &hooks.release {
        inner.scheduler.fetch(&version.image, inner.login(&version.image.reference)).await?;
        let one_off = OneOff {
            version: Arc::clone(version),
            variables: variables::of(inner, version).await?,
            command: command.clone(),
            role: OneOffRole::Release,
            timeout: hooks.release_timeout.duration(),
        };
        let (code, log) = run_to_end(inner, &one_off).await?;
        if code != 0 {
            let reason = format!("the release command exited with status {code}");
            return Ok(Outcome::Final(Failure { reason, log }));
        }
    }
    launcher_fault::point("environment.released");
    let change = EnvironmentChange { release: Some(Release::Passed), ..Default::default() };
    inner.store.change_environment(&slot.name, version.number, change, &[], inner.now()).await?;
    Ok(Outcome::Well(None))
}

async fn run_to_end(inner: &Inner, one_off: &OneOff) -> Result<(i64, Vec<String>)> {
    let mut output = inner.scheduler.run_once(one_off).await?;
    let mut log = VecDeque::with_capacity(LOG_LINES);
    while let Some(item) = output.next().await {
        match item? {
            Output::Line(line) => {
                if log.len() == LOG_LINES {
                    log.pop_front();
                }
                log.push_back(line.text);
            }
            Output::Exit { code } => return Ok((code, log.into())),
        }
    }
    Err(Error::Refused("the engine did not say how the release command ended".to_owned()))
}

async fn ensure(
    inner: &Arc<Inner>,
    slot: &Slot,
    asked: Asked,
    version: &Arc<Version>,
) -> Result<Outcome> {
    let Asked { replicas, since, avoid, released } = asked;
    if avoid.iter().any(|host| inner.scheduler.leaves(host)) {
        // It was fetched for the engine that is left.
        inner.scheduler.fetch(&version.image, inner.login(&version.image.reference)).await?;
    }
    let variables = variables::of(inner, version).await?;
    let ending = Ending::begin(inner, slot, version.number, Some(&released)).await;
    let version = Arc::clone(version);
    let placement = Placement { version, replicas, since, variables, avoid, released };
    let ensured = inner.scheduler.ensure(&placement).await;
    ending.finish().await;
    let ensured = ensured?;
    Ok(Outcome::Well(ensured.again_at))
}

async fn stop(inner: &Arc<Inner>, slot: &Slot, number: VersionNumber) -> Result<()> {
    launcher_fault::point("environment.before_stop");
    let ending = Ending::begin(inner, slot, number, None).await;
    let stopped = inner.scheduler.stop(&slot.name, number, inner.config.stop_grace).await;
    ending.finish().await;
    stopped?;
    launcher_fault::point("environment.stopped");
    Ok(())
}

pub(super) async fn remove(inner: &Inner, slot: &Slot, number: VersionNumber) -> Outcome {
    launcher_fault::point("environment.before_remove");
    match inner.remove(&slot.name, number).await {
        Ok(()) => {
            launcher_fault::point("environment.removed");
            Outcome::Well(None)
        }
        // Nothing is gained by giving a removal up.
        Err(error) => Outcome::Passing(error),
    }
}

/// The last lines of a container's log; none when they cannot be had soon.
pub(crate) async fn last_lines(inner: &Inner, container: &str) -> Vec<String> {
    let tail = u32::try_from(LOG_LINES).ok();
    let read = async {
        let options = LogOptions { tail, ..LogOptions::default() };
        let lines = inner.scheduler.logs(container, options).await.ok()?;
        let texts = lines.filter_map(|line| async { line.ok().map(|line| line.text) });
        Some(texts.collect::<Vec<_>>().await)
    };
    tokio::time::timeout(LOG_WAIT, read).await.ok().flatten().unwrap_or_default()
}

impl Inner {
    /// Removes an environment's containers, and what is kept of their logs.
    pub(crate) async fn remove(&self, service: &ServiceName, number: VersionNumber) -> Result<()> {
        self.scheduler.remove(service, number, self.config.stop_grace).await?;
        self.logs.forget(service, number).await?;
        Ok(())
    }

    /// The login for the registry that an image is in.
    pub(crate) fn login(&self, image: &ImageRef) -> Option<&RegistryLogin> {
        let repository = match image {
            ImageRef::Id(_) => return None,
            ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _) => repository,
        };
        self.config.logins.get(repository.registry().unwrap_or("docker.io"))
    }
}
