//! From one engine to another, without a gap: what the old one has placed serves on until the new one's
//! containers serve in the same places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use launcher_model::container::{Container, ContainerPhase, Host};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::{ServiceName, VersionNumber};

use crate::{
    Capabilities, Change, Ensured, Error, ExecRequest, Input, InteractRequest, LogLine, LogOptions,
    OneOff, Output, Piece, Placement, RegistryLogin, Result, Scheduler,
};

/// Two engines, of which one is moved away from. New containers are placed on the other. Those of the old one
/// are told as if they were on hosts that are [left](Scheduler::leaves), and older than those that take
/// their places; they end when they are released. So a move is nothing but a drain.
///
/// When the old engine goes away, what it had is told as it was last: as far as anybody knows it serves on.
pub struct Moving {
    to: Arc<dyn Scheduler>,
    from: Arc<dyn Scheduler>,
    /// What the old engine had at the last look at all of it.
    seen: Mutex<Option<Vec<Container>>>,
    /// It was said that nothing is left.
    told: AtomicBool,
}

impl Moving {
    /// Moves what `from` has placed to `to`.
    #[must_use]
    pub fn new(from: Arc<dyn Scheduler>, to: Arc<dyn Scheduler>) -> Self {
        Self { to, from, seen: Mutex::default(), told: AtomicBool::new(false) }
    }

    /// What stands behind the names of the old engine's hosts, so that they are told apart from the new
    /// one's, which may be the same machines.
    fn mark(&self) -> String {
        format!(" ({})", self.from.capabilities().name)
    }

    /// What the old engine still has.
    async fn left(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        let mut left = match self.from.observe(service).await {
            Ok(left) => left,
            Err(error @ Error::Unreachable { .. }) => {
                self.seen_of(service).ok_or_else(|| named(error))?
            }
            Err(error) => return Err(error),
        };
        if service.is_none() {
            *self.seen() = Some(left.clone());
        }
        let mark = self.mark();
        left.iter_mut().for_each(|container| container.host.push_str(&mark));
        Ok(left)
    }

    fn seen(&self) -> MutexGuard<'_, Option<Vec<Container>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen_of(&self, service: Option<&ServiceName>) -> Option<Vec<Container>> {
        let mut seen = self.seen().clone()?;
        seen.retain(|container| service.is_none_or(|service| container.service == *service));
        Some(seen)
    }

    /// The engine that has a container.
    async fn having(&self, container: &str) -> Result<&Arc<dyn Scheduler>> {
        let is_left = self.left(None).await?.iter().any(|left| left.id == container);
        Ok(if is_left { &self.from } else { &self.to })
    }
}

/// Says which of the two engines is away.
fn named(error: Error) -> Error {
    let Error::Unreachable { engine, doing, why } = error else { return error };
    let why = format!("{why}; {GONE}");
    Error::Unreachable { engine: format!("the engine in moving_from, {engine},"), doing, why }
}

/// What to do when the old engine is away for good.
const GONE: &str =
    "if it is gone for good, take moving_from out of the configuration and restart the server";

#[async_trait]
impl Scheduler for Moving {
    fn capabilities(&self) -> Capabilities {
        self.to.capabilities()
    }

    fn leaves(&self, host: &str) -> bool {
        host.ends_with(&self.mark())
    }

    async fn hosts(&self) -> Result<Vec<Host>> {
        self.to.hosts().await
    }

    async fn resolve(
        &self,
        image: &ImageRef,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        self.to.resolve(image, login).await
    }

    async fn fetch(&self, image: &PinnedImage, login: Option<&RegistryLogin>) -> Result<()> {
        self.to.fetch(image, login).await
    }

    async fn set_closed(&self, host: &str, closed: bool) -> Result<()> {
        self.to.set_closed(host, closed).await
    }

    /// On the new engine. On the old one nothing is wanted: what is released ends.
    async fn ensure(&self, placement: &Placement) -> Result<Ensured> {
        let version = &placement.version;
        let left = self.left(Some(&version.service)).await?;
        let mut there = placement.clone();
        let avoid = placement.avoid.iter().filter(|host| !self.leaves(host));
        there.avoid = Arc::new(avoid.cloned().collect::<BTreeSet<String>>());
        let ensured = self.to.ensure(&there).await?;
        if left.iter().any(|container| container.version == version.number) {
            let nothing = Placement { replicas: 0, ..there };
            self.from.ensure(&nothing).await?;
        }
        Ok(ensured)
    }

    async fn observe(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        let (there, left) = tokio::try_join!(self.to.observe(service), self.left(service))?;
        Ok(one_after_the_other(left, there))
    }

    /// The new engine's: what the old one has is tidied away whoever explains it.
    async fn unseen(&self) -> Result<BTreeSet<(ServiceName, VersionNumber)>> {
        self.to.unseen().await
    }

    /// What does not run on the old engine never will again: it is removed there, and what is wanted of it
    /// gets containers on the new one.
    async fn tidy(&self, grace: Duration) -> Result<()> {
        self.to.tidy(grace).await?;
        let left = self.from.observe(None).await?;
        let of = |container: &Container| (container.service.clone(), container.version);
        // What cannot be seen may run.
        let may_run =
            |one: &&Container| one.is_running() || matches!(one.phase, ContainerPhase::Lost { .. });
        let runs: BTreeSet<_> = left.iter().filter(may_run).map(of).collect();
        let mut over: BTreeSet<_> = left.iter().map(of).collect();
        over.extend(self.from.unseen().await?);
        for (service, version) in over.difference(&runs) {
            self.from.remove(service, *version, grace).await?;
        }
        if runs.is_empty() && !self.told.swap(true, Ordering::Relaxed) {
            let name = self.from.capabilities().name;
            tracing::info!(
                "nothing is left on {name}: moving_from can go out of the configuration"
            );
        }
        Ok(())
    }

    /// The new engine's word is what counts: the old one may be away.
    fn watch(&self) -> BoxStream<'static, Change> {
        let from = self.from.watch().filter(|change| {
            let lost = matches!(change, Change::Lost { .. });
            std::future::ready(!lost)
        });
        stream::select(self.to.watch(), from).boxed()
    }

    /// What the old engine has is removed: it is not started again.
    async fn stop(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        self.to.stop(service, version, grace).await?;
        self.from.remove(service, version, grace).await
    }

    async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: Duration,
    ) -> Result<()> {
        self.to.remove(service, version, grace).await?;
        self.from.remove(service, version, grace).await
    }

    async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        self.having(container).await?.logs(container, options).await
    }

    async fn exec(
        &self,
        container: &str,
        request: ExecRequest,
    ) -> Result<BoxStream<'static, Result<Output>>> {
        self.having(container).await?.exec(container, request).await
    }

    async fn interact(
        &self,
        container: &str,
        request: InteractRequest,
        input: BoxStream<'static, Input>,
    ) -> Result<BoxStream<'static, Result<Piece>>> {
        self.having(container).await?.interact(container, request, input).await
    }

    async fn run_once(&self, one_off: &OneOff) -> Result<BoxStream<'static, Result<Output>>> {
        self.to.run_once(one_off).await
    }
}

/// All of them, with those of the new engine as later ones in their places.
fn one_after_the_other(left: Vec<Container>, mut there: Vec<Container>) -> Vec<Container> {
    let mut before: BTreeMap<(ServiceName, VersionNumber), u32> = BTreeMap::new();
    for container in &left {
        let attempts = before.entry((container.service.clone(), container.version)).or_default();
        *attempts = (*attempts).max(container.attempt.saturating_add(1));
    }
    for container in &mut there {
        let attempts = before.get(&(container.service.clone(), container.version));
        container.attempt = container.attempt.saturating_add(attempts.copied().unwrap_or(0));
    }
    left.into_iter().chain(there).collect()
}
