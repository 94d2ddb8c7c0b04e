//! What others ask of builds.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use launcher_control::{Clock, Control};
use launcher_model::build::{Build, BuildState, Origin};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::{BuildId, ServiceName, VersionNumber};
use launcher_scheduler::{Builder, RegistryLogin};
use launcher_store::{BuildChange, NewBuild, Queued, Store};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::git::{self, Push, Received, Repositories, Repository};
use crate::journal::{self, Entry};
use crate::log::{Entries, Logs};
use crate::queue::Queue;
use crate::{Error, Result, narrate};

/// Where one environment can be looked at.
pub type PreviewUrl = Arc<dyn Fn(&ServiceName, VersionNumber) -> String + Send + Sync>;

/// What builds work with.
pub struct Parts {
    /// Where what is wanted is kept.
    pub store: Arc<dyn Store>,
    /// What launches versions.
    pub control: Control,
    /// What makes images.
    pub builder: Arc<dyn Builder>,
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
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) repositories: Repositories,
    pub(crate) logs: Logs,
    pub(crate) turns: Semaphore,
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
            clock: parts.clock,
            repositories: Repositories::new(config.data.join("git")),
            logs: Logs::new(config.data.join("builds")),
            turns: Semaphore::new(config.at_once.max(1)),
            stop: CancellationToken::new(),
            running: Mutex::default(),
            queues: Mutex::default(),
            config,
        });
        let builds = Self { inner };
        builds.take_up().await?;
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

    /// Does what was to follow from a push, as far as git had changed its branches.
    async fn replay(&self, repository: &Repository, entry: &Entry) -> Result<()> {
        for (branch, new) in &entry.branches {
            let at = git::head_of(repository, branch).await?;
            if at != *new {
                continue;
            }
            if let Some(commit) = new
                && !self.newest_is(&repository.service, branch, commit).await?
            {
                self.branch_moved(&repository.service, branch, commit, &entry.by).await?;
            }
        }
        Ok(())
    }

    /// Whether the newest build of a branch is of this commit.
    async fn newest_is(&self, service: &ServiceName, branch: &str, commit: &str) -> Result<bool> {
        let filter = launcher_store::BuildFilter {
            service: Some(service.clone()),
            branch: Some(branch.to_owned()),
            page: launcher_store::Page { before: None, limit: 1 },
        };
        let newest = self.inner.store.builds(&filter).await?;
        Ok(newest.first().is_some_and(|build| build.commit.as_deref() == Some(commit)))
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
        let known = self.inner.store.service(service).await?;
        if known.is_none_or(|known| known.deletion.is_some()) {
            return Err(Error::NoService(service.clone()));
        }
        self.inner.repositories.open(service).await
    }

    /// What is done with a push to a repository.
    #[must_use]
    pub fn received(&self, repository: Repository, by: &str) -> impl Received + use<> {
        PushOf { builds: self.clone(), repository, by: by.to_owned(), journal: None }
    }

    /// Queues a build.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn queue(&self, new: NewBuild) -> Result<Queued> {
        let inner = &self.inner;
        let queued = inner.store.queue_build(new, inner.now()).await?;
        launcher_fault::point("build.queued");
        for superseded in &queued.superseded {
            inner.logs.over(*superseded);
        }
        inner.logs.expect(queued.build.id);
        inner.queue(&queued.build.service).wake();
        Ok(queued)
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
        self.queue(NewBuild {
            service: build.service,
            origin: build.origin,
            branch: build.branch,
            commit: build.commit,
            subject: build.subject,
            by: by.to_owned(),
        })
        .await
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

    /// One build.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, id: BuildId) -> Result<Build> {
        self.inner.store.build(id).await?.ok_or(Error::NoBuild(id))
    }

    /// A branch is at another commit now: what is to be built of it is.
    async fn branch_moved(
        &self,
        service: &ServiceName,
        branch: &str,
        commit: &str,
        by: &str,
    ) -> Result<Option<Build>> {
        let known = self.inner.store.service(service).await?;
        let branches = known.ok_or_else(|| Error::NoService(service.clone()))?.spec.branches;
        if !branches.is_production(branch) && !branches.has_environment(branch) {
            return Ok(None);
        }
        let repository = self.inner.repositories.of(service);
        let told = git::read(&repository, commit).await?;
        let new = NewBuild {
            service: service.clone(),
            origin: Origin::Push,
            branch: Some(branch.to_owned()),
            commit: Some(told.id),
            subject: Some(told.subject),
            by: by.to_owned(),
        };
        Ok(Some(self.queue(new).await?.build))
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// What is done with one push.
struct PushOf {
    builds: Builds,
    repository: Repository,
    by: String,
    journal: Option<PathBuf>,
}

impl Received for PushOf {
    async fn before(&mut self, push: &Push) -> std::result::Result<(), String> {
        let entry = Entry::of(push, &self.by);
        let written = journal::write(&self.repository, &entry).await;
        self.journal = Some(written.map_err(|error| error.to_string())?);
        launcher_fault::point("push.written_down");
        Ok(())
    }

    async fn after(self, push: Push) -> BoxStream<'static, String> {
        launcher_fault::point("push.taken_in");
        let mut begun = Vec::new();
        let mut told = Vec::new();
        for update in &push.updates {
            let Some(branch) = update.branch() else { continue };
            if update.deletes() {
                continue;
            }
            let service = &self.repository.service;
            match self.builds.branch_moved(service, branch, &update.new, &self.by).await {
                Ok(Some(build)) => begun.push(build),
                Ok(None) => told.push(format!(
                    "{branch} is kept, and not built: {service} builds {}",
                    self.builds.built(service).await
                )),
                Err(error) => told.push(format!("{branch} is kept, but cannot be built: {error}")),
            }
        }
        if let Some(journal) = &self.journal
            && let Err(error) = journal::forget(journal).await
        {
            tracing::warn!(%error, "a push stays written down");
        }
        let builds = self.builds.clone();
        let wait = !push.options.iter().any(|option| option == "nowait");
        let lines = async_stream::stream! {
            for line in told {
                yield line;
            }
            for build in begun {
                yield format!("build {} of {} begins", build.id, build.branch.as_deref().unwrap_or(""));
                if !wait {
                    continue;
                }
                if let Ok(mut entries) = builds.log(build.id).await {
                    while let Some(entry) = entries.next().await {
                        yield narrate(&entry);
                    }
                }
            }
        };
        lines.boxed()
    }
}

impl Builds {
    /// Which branches of a service are built, in words.
    async fn built(&self, service: &ServiceName) -> String {
        let known = self.inner.store.service(service).await.ok().flatten();
        let branches = known.map(|known| known.spec.branches).unwrap_or_default();
        match branches.matching.as_slice() {
            [] => {
                format!("{} alone; others too with [branches] match = [\"*\"]", branches.production)
            }
            patterns => format!("{} and {}", branches.production, patterns.join(", ")),
        }
    }
}
