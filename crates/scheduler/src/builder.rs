//! Makes images: the trait, beside the one that runs them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use launcher_model::image::{Digest, ImageRef, PinnedImage};
use launcher_model::service::{Build, Resources};
use launcher_model::{BuildId, ServiceName};

use crate::{Output, RegistryLogin, Result};

/// The files that an image is built of, as a tar archive in pieces.
pub type Context = BoxStream<'static, std::io::Result<Bytes>>;

/// Builds images, tries them, and pushes them to a registry.
///
/// Every verb may be repeated, and killed at any point. Dropping a stream ends what it tells of, and
/// removes what that has left.
#[async_trait]
pub trait Builder: Send + Sync + 'static {
    /// Builds an image; the last item of the stream is [`Building::Built`].
    async fn build(
        &self,
        order: &BuildOrder,
        context: Context,
    ) -> Result<BoxStream<'static, Result<Building>>>;

    /// Runs a command in a container of an image that was built, in a network of its own, and streams what
    /// it prints; the last item is its exit status. The container is removed then.
    async fn test(&self, test: &TestRun) -> Result<BoxStream<'static, Result<Output>>>;

    /// Pushes an image that was built; the last item of the stream is [`Pushing::Pushed`].
    async fn push(
        &self,
        push: &Push,
        login: Option<&RegistryLogin>,
    ) -> Result<BoxStream<'static, Result<Pushing>>>;

    /// Removes what builds of this installation have left, containers and networks, but for those that
    /// are `running`, or under way in this process. Images stay, as the cache of the builds that come.
    async fn sweep_builds(&self, running: &[BuildId]) -> Result<()>;

    /// Removes an image from where images are built and containers run, with its names in the repository
    /// that it was pushed to (or was to be: `requested` counts when it is known by its id), unless a
    /// container uses it or it has other names. None is no error.
    async fn forget_image(&self, image: &PinnedImage) -> Result<()>;
}

/// What is to be built.
#[derive(Debug, Clone)]
pub struct BuildOrder {
    /// For which service.
    pub service: ServiceName,
    /// In which build.
    pub id: BuildId,
    /// How.
    pub settings: Arc<Build>,
    /// Labels that the image gets, such as the commit, beside those of [`labels`](crate::labels).
    pub labels: BTreeMap<String, String>,
    /// Logins by registry, for base images that not everyone may pull.
    pub logins: HashMap<String, RegistryLogin>,
}

/// What a build tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Building {
    /// A line of its output.
    Line(String),
    /// It is done.
    Built {
        /// The image's id on the engine.
        image: Digest,
    },
}

/// A command that an image must pass.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// For which service.
    pub service: ServiceName,
    /// In which build.
    pub id: BuildId,
    /// The image's id on the engine.
    pub image: Digest,
    /// What runs in it, program first; the image's own entry point does not.
    pub command: Vec<String>,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// What it may use.
    pub resources: Resources,
    /// It is killed so long after its start, and the stream ends with
    /// [`Error::Overdue`](crate::Error::Overdue).
    pub timeout: Duration,
}

/// An image that is to go to a registry.
#[derive(Debug, Clone)]
pub struct Push {
    /// The image's id on the engine.
    pub image: Digest,
    /// Where to: repository and tag.
    pub to: ImageRef,
}

/// What a push tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushing {
    /// A line of its progress.
    Line(String),
    /// It is done.
    Pushed {
        /// The digest of the manifest in the registry.
        digest: Digest,
    },
}
