//! What follows from a push: branches that moved are built, those that are gone are not any more.

use std::path::PathBuf;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_model::ServiceName;
use launcher_model::build::{Build, Origin};
use launcher_model::service::Branches;
use launcher_store::NewBuild;

use crate::git::{self, Push, Received, Repository};
use crate::journal::{self, Entry};
use crate::{Builds, Error, Result, narrate};

impl Builds {
    /// What is done with a push to a repository.
    #[must_use]
    pub fn received(&self, repository: Repository, by: &str) -> impl Received + use<> {
        PushOf { builds: self.clone(), repository, by: by.to_owned(), journal: None }
    }

    /// Does what was to follow from a push, as far as git had changed its branches.
    pub(crate) async fn replay(&self, repository: &Repository, entry: &Entry) -> Result<()> {
        for (branch, new) in &entry.branches {
            let at = git::head_of(repository, branch).await?;
            if at != *new {
                continue;
            }
            let service = &repository.service;
            match new {
                None => self.branch_gone(service, branch, &entry.by).await?,
                Some(commit) if self.newest_is(service, branch, commit).await? => {}
                Some(commit) => {
                    self.branch_moved(service, branch, commit, &entry.by).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether the newest build of a branch is of this commit.
    async fn newest_is(&self, service: &ServiceName, branch: &str, commit: &str) -> Result<bool> {
        let filter = launcher_store::BuildFilter {
            service: Some(service.clone()),
            among: None,
            branch: Some(branch.to_owned()),
            page: launcher_store::Page { before: None, limit: 1 },
        };
        let newest = self.inner.store.builds(&filter).await?;
        Ok(newest.first().is_some_and(|build| build.commit.as_deref() == Some(commit)))
    }

    /// A branch is gone: nothing of it is built any more, and it has no environment any more.
    pub(crate) async fn branch_gone(
        &self,
        service: &ServiceName,
        branch: &str,
        by: &str,
    ) -> Result<()> {
        for build in self.inner.store.unfinished_builds(Some(service)).await? {
            if build.branch.as_deref() == Some(branch) {
                match self.cancel(build.id, by).await {
                    // It has just ended by itself.
                    Ok(_) | Err(Error::Store(launcher_store::Error::BuildOver { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.inner.control.delete_branch(service, branch, by).await?;
        Ok(())
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
        if !is_built(&branches, branch) {
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
            author: told.author,
            by: by.to_owned(),
        };
        Ok(Some(self.queue(new).await?.build))
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
            let service = &self.repository.service;
            if update.deletes() {
                match self.builds.branch_gone(service, branch, &self.by).await {
                    Ok(()) => told.push(format!("{branch} is gone")),
                    Err(error) => told.push(format!("{branch} is gone, but {error}")),
                }
                continue;
            }
            match self.builds.branch_moved(service, branch, &update.new, &self.by).await {
                Ok(Some(build)) => begun.push(build),
                Ok(None) => told.push(format!(
                    "{branch} is kept, and not built: {service} builds {}",
                    self.builds.built(service).await
                )),
                Err(error) => told.push(format!(
                    "{branch} is kept, but cannot be built: {}",
                    error.in_one_line()
                )),
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

/// Whether anything is built of a branch.
pub(crate) fn is_built(branches: &Branches, branch: &str) -> bool {
    branches.is_production(branch) || branches.has_environment(branch)
}

impl Builds {
    /// Which branches of a service are built, in words.
    pub(crate) async fn built(&self, service: &ServiceName) -> String {
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
