//! Builds that come in: each has its place in the queue, and its files, before it can have its turn.

use std::path::PathBuf;

use launcher_model::BuildId;
use launcher_model::build::{Build, BuildState, LogEntry};
use launcher_model::event::{EventKind, NewEvent};
use launcher_store::{BuildChange, NewBuild, Queued};

use crate::builds::Inner;
use crate::{Builds, Error, Result};

/// Where the files of a new build are.
pub(crate) enum Files {
    /// In the service's repository.
    Committed,
    /// In this folder, which becomes the build's.
    SentIn(PathBuf),
    /// With another build, which keeps them too.
    With(BuildId),
    /// None: somebody else has made this image of them.
    Elsewhere(String),
}

/// What is kept of a build whose image somebody else has made begins with this.
const IMAGE: &str = "image ";

/// What is kept of it.
fn made(image: &str) -> String {
    format!("{IMAGE}{image}")
}

impl Inner {
    /// The image that somebody else has made for a build; none of one that is made here.
    pub(crate) async fn made_elsewhere(&self, build: BuildId) -> Result<Option<String>> {
        let job = self.store.build_job(build).await?;
        Ok(job.and_then(|job| job.strip_prefix(IMAGE).map(str::to_owned)))
    }
}

impl Builds {
    /// Queues a build, with its files.
    pub(crate) async fn place(&self, new: NewBuild, files: Files) -> Result<Queued> {
        let inner = &self.inner;
        // Whoever looks for the next build waits until this one has what it is made of.
        let placing = inner.placing.lock().await;
        let queued = inner.store.queue_build(new, inner.now()).await?;
        self.settle(&queued, files).await?;
        drop(placing);
        inner.queue(&queued.build.service).wake();
        Ok(queued)
    }

    /// Queues the build that a delivery asks for, of an image that somebody else has made when one is
    /// given. None when the same delivery came before.
    pub(crate) async fn place_delivered(
        &self,
        new: NewBuild,
        delivery: &str,
        image: Option<&str>,
    ) -> Result<Option<Queued>> {
        let inner = &self.inner;
        let placing = inner.placing.lock().await;
        let (job, now) = (image.map(made), inner.now());
        let queued = inner.store.queue_delivered_build(new, delivery, job.as_deref(), now).await?;
        let Some(queued) = queued else { return Ok(None) };
        self.settle(&queued, Files::Committed).await?;
        drop(placing);
        inner.queue(&queued.build.service).wake();
        Ok(Some(queued))
    }

    /// What is done with a build that was queued, before anybody looks for it.
    async fn settle(&self, queued: &Queued, files: Files) -> Result<()> {
        let inner = &self.inner;
        launcher_fault::point("build.queued");
        for old in &queued.superseded {
            let text =
                format!("build {} of the same branch is newer and took its place", queued.build.id);
            inner.tell(*old, text).await;
            inner.logs.over(*old);
        }
        if let Err(error) = self.give(queued.build.id, files).await {
            self.fail(&queued.build, &error).await?;
            return Err(error);
        }
        inner.logs.expect(queued.build.id);
        self.tell_whom_it_waits_for(&queued.build).await
    }

    async fn give(&self, id: BuildId, files: Files) -> Result<()> {
        match files {
            Files::Committed => Ok(()),
            Files::SentIn(from) => {
                let to = self.inner.logs.folder(id);
                tokio::fs::rename(&from, &to)
                    .await
                    .map_err(Error::file("cannot make the folder", &to))
            }
            Files::With(other) => self.hand_on(other, id).await,
            Files::Elsewhere(image) => {
                Ok(self.inner.store.set_build_job(id, &made(&image)).await?)
            }
        }
    }

    async fn fail(&self, build: &Build, error: &Error) -> Result<()> {
        let text = format!("build {} failed: {error}", build.id);
        let event = NewEvent::new(EventKind::BuildFailed, text).service(&build.service);
        let change = BuildChange {
            state: Some(BuildState::Failed),
            reason: Some(error.to_string()),
            ..BuildChange::default()
        };
        let inner = &self.inner;
        inner.store.change_build(build.id, change, &[event], inner.now()).await?;
        Ok(())
    }

    /// The builds of a service run one after the other: whoever waits is told for which one.
    async fn tell_whom_it_waits_for(&self, build: &Build) -> Result<()> {
        let unfinished = self.inner.store.unfinished_builds(Some(&build.service)).await?;
        let before = unfinished.iter().filter(|other| other.id < build.id);
        if let Some(last) = before.max_by_key(|other| other.id) {
            self.inner.tell(build.id, format!("waits for build {}", last.id)).await;
        }
        Ok(())
    }
}

impl Inner {
    /// Writes a sentence into the log of a build that does not run.
    pub(crate) async fn tell(&self, id: BuildId, text: String) {
        match self.logs.write(id).await {
            Ok(log) => {
                log.put(LogEntry::Note { at: self.now(), text }).await;
                log.close().await;
            }
            // A full disk is no reason to fail a build.
            Err(error) => tracing::warn!(build = %id, %error, "its log could not be written"),
        }
    }
}
