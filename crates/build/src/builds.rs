//! What others ask of builds.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use launcher_control::{Clock, Control};
use launcher_model::branch::Branch;
use launcher_model::build::{Build, BuildState, Origin};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::{BuildId, ServiceName, VersionNumber};
use launcher_registry::Registry;
use launcher_scheduler::{Builder, RegistryLogin};
use launcher_store::vault::Vault;
use launcher_store::{BuildChange, BuildFilter, NewBuild, Page, Queued, Store};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::git::{Repositories, Repository};
use crate::gone;
use crate::journal::{self};
use crate::log::{Entries, Logs, Placed, SoFar};
use crate::place::Files;
use crate::queue::Queue;
use crate::{Error, Result};

/// Where one environment can be looked at.
pub type PreviewUrl = Arc<dyn Fn(&ServiceName, VersionNumber) -> String + Send + Sync>;

/// Where the environment of a branch is reached.
pub type BranchUrl = Arc<dyn Fn(&Branch) -> String + Send + Sync>;

/// The page of a build.
pub type BuildUrl = Arc<dyn Fn(BuildId) -> String + Send + Sync>;

/// What builds work with.
pub struct Parts {
    /// Where what is wanted is kept.
    pub store: Arc<dyn Store>,
    /// What launches versions.
    pub control: Control,
    /// What makes images.
    pub builder: Arc<dyn Builder>,
    /// What keeps them.
    pub registry: Arc<dyn Registry>,
    /// What opens secrets.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Clock,
}

/// What a team may set.
#[derive(Clone)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// How many builds run at once.
    pub at_once: usize,
    /// Logins by registry.
    pub logins: HashMap<String, RegistryLogin>,
    /// Where environments can be looked at.
    pub preview_url: PreviewUrl,
    /// Where environments of branches are reached.
    pub branch_url: BranchUrl,
    /// Where people look at a build; none where nobody has said how they reach this server.
    pub build_url: Option<BuildUrl>,
}

/// The builds of all services. Clones are the same ones.
#[derive(Clone)]
pub struct Builds {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) control: Control,
    pub(crate) builder: Arc<dyn Builder>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) repositories: Repositories,
    pub(crate) logs: Logs,
    pub(crate) turns: Semaphore,
    /// Held while a build gets its place in the queue.
    pub(crate) placing: tokio::sync::Mutex<()>,
    pub(crate) stop: CancellationToken,
    /// What ends each build that runs.
    pub(crate) running: Mutex<HashMap<BuildId, CancellationToken>>,
    pub(crate) queues: Mutex<BTreeMap<ServiceName, Arc<Queue>>>,
}

impl Builds {
    /// Goes on with what a server before this one has left.
    ///
    /// # Errors
    /// When the store or a file cannot be read.
    pub async fn start(parts: Parts, config: Config) -> Result<Self> {
        let inner = Arc::new(Inner {
            store: parts.store,
            control: parts.control,
            builder: parts.builder,
            registry: parts.registry,
            vault: parts.vault,
            clock: parts.clock,
            repositories: Repositories::new(config.data.join("git")),
            logs: Logs::new(config.data.join("builds")),
            turns: Semaphore::new(config.at_once.max(1)),
            placing: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            running: Mutex::default(),
            queues: Mutex::default(),
            config,
        });
        let builds = Self { inner };
        builds.take_up().await?;
        builds.report()?;
        builds.follow_deletions();
        Ok(builds)
    }

    /// Pushes that were taken in, and builds that were under way, when the server before this one ended.
    async fn take_up(&self) -> Result<()> {
        let inner = &self.inner;
        for service in inner.store.services().await? {
            let repository = inner.repositories.of(&service.spec.service.name);
            for (path, entry) in journal::read(&repository).await? {
                self.replay(&repository, &entry).await?;
                journal::forget(&path).await?;
            }
        }
        self.sweep_uploads().await;
        inner.repositories.sweep().await;
        gone::sweep(inner).await;
        for build in inner.store.unfinished_builds(None).await? {
            inner.logs.expect(build.id);
            inner.queue(&build.service).wake();
        }
        let builder = Arc::clone(&inner.builder);
        tokio::spawn(async move {
            if let Err(error) = builder.sweep_builds(&[]).await {
                tracing::warn!(%error, "what builds have left on the engine could not be removed");
            }
        });
        Ok(())
    }

    /// Ends builds where they are. They are taken up at the next start.
    pub fn shut_down(&self) {
        self.inner.stop.cancel();
    }

    /// The repository of a service that exists.
    ///
    /// # Errors
    /// When there is none, or its repository cannot be made.
    pub async fn repository(&self, service: &ServiceName) -> Result<Repository> {
        // What removes the repositories of services that are gone waits.
        let _placing = self.inner.placing.lock().await;
        let known = self.inner.store.service(service).await?;
        if known.is_none_or(|known| known.deletion.is_some()) {
            return Err(Error::NoService(service.clone()));
        }
        self.inner.repositories.open(service).await
    }

    /// Queues a build.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn queue(&self, new: NewBuild) -> Result<Queued> {
        self.place(new, Files::Committed).await
    }

    /// Cancels a build that waits or runs.
    ///
    /// # Errors
    /// When there is none, or it is over.
    pub async fn cancel(&self, id: BuildId, by: &str) -> Result<Build> {
        let inner = &self.inner;
        let build = self.find(id).await?;
        let change = BuildChange {
            state: Some(BuildState::Cancelled),
            reason: Some(format!("cancelled by {by}")),
            ..BuildChange::default()
        };
        let event = NewEvent::new(EventKind::BuildCancelled, format!("build {id} was cancelled"));
        let event = event.service(&build.service).by(by);
        let build = inner.store.change_build(id, change, &[event], inner.now()).await?;
        let running =
            inner.running.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        match running {
            Some(running) => running.cancel(),
            None => inner.logs.over(id),
        }
        Ok(build)
    }

    /// Runs a build that is over again, as a new one.
    ///
    /// # Errors
    /// When there is none, it is not over, or its source is gone.
    pub async fn retry(&self, id: BuildId, by: &str) -> Result<Queued> {
        let build = self.find(id).await?;
        if !build.state.is_over() {
            return Err(Error::Refused(format!(
                "build {id} is {}; cancel it first, with `launcher builds cancel {id}`",
                build.state.as_str()
            )));
        }
        if self.inner.store.service(&build.service).await?.is_none() {
            return Err(Error::Refused(format!(
                "the service {0} is gone, and the source of build {id} with it: create {0} with `launcher apply` \
                 in the folder of its launcher.toml, and push or build it again",
                build.service
            )));
        }
        let (origin, old) = (build.origin, build.id);
        if origin == Origin::Upload && !self.has_context(old).await {
            return Err(Error::Refused(format!(
                "what was sent in for build {old} is not kept any more; send it again, with `launcher build`"
            )));
        }
        let branch = match &build.branch {
            Some(branch) if !self.is_newest(&build, branch).await? => None,
            branch => branch.clone(),
        };
        let passed = build.branch.clone().filter(|_| branch.is_none());
        let new = NewBuild {
            service: build.service,
            origin: build.origin,
            branch,
            commit: build.commit,
            subject: build.subject,
            author: build.author,
            by: by.to_owned(),
        };
        let files = match self.inner.made_elsewhere(old).await? {
            Some(image) => Files::Elsewhere(image),
            None if origin == Origin::Upload => Files::With(old),
            None => Files::Committed,
        };
        let queued = self.place(new, files).await?;
        if let Some(branch) = passed {
            let text = format!(
                "{branch} has moved on since: this counts as no branch, changes no settings of the service, and \
                 goes live by nothing but a deployment"
            );
            self.inner.tell(queued.build.id, text).await;
        }
        Ok(queued)
    }

    /// Whether nothing else of its branch was asked for after a build. What a code host asked for is
    /// compared with its branch when it is fetched.
    async fn is_newest(&self, build: &Build, branch: &str) -> Result<bool> {
        if build.origin == Origin::Hook {
            return Ok(true);
        }
        let filter = BuildFilter {
            service: Some(build.service.clone()),
            among: None,
            branch: Some(branch.to_owned()),
            page: Page { before: None, limit: 1 },
        };
        let newest = self.inner.store.builds(&filter).await?;
        let same = |newest: &Build| {
            newest.id == build.id || (newest.commit.is_some() && newest.commit == build.commit)
        };
        Ok(newest.first().is_none_or(same))
    }

    /// A build's log so far, and what comes until it is over.
    ///
    /// # Errors
    /// When there is no such build.
    pub async fn log(&self, id: BuildId) -> Result<Entries> {
        // Looked up first: a build that ends in between has its whole log in the file.
        let entries = self.inner.logs.read(id);
        self.find(id).await?;
        Ok(entries)
    }

    /// At most so many of the newest entries of a build's log.
    ///
    /// # Errors
    /// When there is no such build.
    pub async fn log_so_far(&self, id: BuildId, most: usize) -> Result<SoFar> {
        self.find(id).await?;
        Ok(self.inner.logs.so_far(id, most).await)
    }

    /// A build's log from a place on, which [`Builds::log_so_far`] has told, and what comes until it is
    /// over.
    ///
    /// # Errors
    /// When there is no such build.
    pub async fn log_from(&self, id: BuildId, place: u64) -> Result<Placed> {
        // Looked up first, as for the whole log.
        let entries = self.inner.logs.read_from(id, place);
        self.find(id).await?;
        Ok(entries)
    }

    /// One build.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, id: BuildId) -> Result<Build> {
        self.inner.store.build(id).await?.ok_or(Error::NoBuild(id))
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
