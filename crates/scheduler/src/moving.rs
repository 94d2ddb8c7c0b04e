//! From one engine to another, without a gap: what the old one has placed serves on until the new one's
//! containers serve in the same places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use launcher_model::container::{Container, Host};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::{ServiceName, VersionNumber};

use crate::{
    Capabilities, Change, Ensured, ExecRequest, LogLine, LogOptions, OneOff, Output, Placement,
    RegistryLogin, Result, Scheduler,
};

/// Two engines, of which one is moved away from. New containers are placed on the other. Those of the old one
/// are told as if they were on hosts that are [left](Scheduler::leaves), and older than those that take
/// their places; they end when they are released. So a move is nothing but a drain.
pub struct Moving {
    to: Arc<dyn Scheduler>,
    from: Arc<dyn Scheduler>,
    /// It was said that nothing is left.
    told: AtomicBool,
}

impl Moving {
    /// Moves what `from` has placed to `to`.
    #[must_use]
    pub fn new(from: Arc<dyn Scheduler>, to: Arc<dyn Scheduler>) -> Self {
        Self { to, from, told: AtomicBool::new(false) }
    }

    /// What stands behind the names of the old engine's hosts, so that they are told apart from the new
    /// one's, which may be the same machines.
    fn mark(&self) -> String {
        format!(" ({})", self.from.capabilities().name)
    }

    /// What the old engine still has.
    async fn left(&self, service: Option<&ServiceName>) -> Result<Vec<Container>> {
        let mut left = self.from.observe(service).await?;
        if service.is_none() && left.is_empty() && !self.told.swap(true, Ordering::Relaxed) {
            let name = self.from.capabilities().name;
            tracing::info!(
                "nothing is left on {name}: moving_from can go out of the configuration"
            );
        }
        let mark = self.mark();
        left.iter_mut().for_each(|container| container.host.push_str(&mark));
        Ok(left)
    }

    /// The engine that has a container.
    async fn having(&self, container: &str) -> Result<&Arc<dyn Scheduler>> {
        let is_left = self.left(None).await?.iter().any(|left| left.id == container);
        Ok(if is_left { &self.from } else { &self.to })
    }
}

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
        let left = self.from.observe(Some(&version.service)).await?;
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

    async fn unseen(&self) -> Result<BTreeSet<(ServiceName, VersionNumber)>> {
        let (mut there, left) = tokio::try_join!(self.to.unseen(), self.from.unseen())?;
        there.extend(left);
        Ok(there)
    }

    fn watch(&self) -> BoxStream<'static, Change> {
        stream::select(self.to.watch(), self.from.watch()).boxed()
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
