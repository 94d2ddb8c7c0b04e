//! What follows from what a code host tells.
//!
//! It is answered before anything of it is done: the build that it asks for fetches the branch when its
//! turn comes. What is built then is what the host has, not what the message says: a message that comes
//! late, twice, or from somebody who kept an old one, cannot bring an old state back.

use launcher_model::build::Origin;
use launcher_model::service::{CodeHost, Upstream};
use launcher_model::{BuildId, ServiceName};
use launcher_store::NewBuild;
use launcher_upstream::hook::{Moved, Told, What};
use launcher_upstream::jenkins::notification::{Finished, Notified};
use secrecy::SecretString;

use crate::git::{self, Elsewhere};
use crate::push::is_built;
use crate::{Builds, Error, Result};

/// What was done with what a code host told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// A build waits for its turn.
    Queued(BuildId),
    /// It was done when it came before.
    Repeated,
    /// A branch is gone.
    Gone(String),
    /// Nothing was to be done, and why not.
    Nothing(String),
}

impl Builds {
    /// The code host that may tell of a service, and the secret with which it signs. None when there is
    /// no such service, when its source is on no host of this kind, or when the secret is not set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn upstream(
        &self,
        service: &ServiceName,
        host: CodeHost,
    ) -> Result<Option<(Upstream, SecretString)>> {
        let known = self.inner.store.service(service).await?;
        let known = known.filter(|known| known.deletion.is_none());
        let source = known.and_then(|known| known.spec.source);
        let Some(source) = source.filter(|source| source.host == host) else { return Ok(None) };
        let Some(name) = &source.hook_secret else { return Ok(None) };
        let secret = self.inner.secret(name).await?;
        Ok(secret.map(|secret| (*source, secret)))
    }

    /// Does what follows from what a code host has told.
    ///
    /// # Errors
    /// When the store does not take it, or a deletion cannot be checked with the host: it may be sent
    /// again.
    pub async fn delivered(
        &self,
        service: &ServiceName,
        upstream: &Upstream,
        told: Told,
    ) -> Result<Delivered> {
        match told.what {
            What::Nothing(why) => Ok(Delivered::Nothing(why)),
            What::Moved(moved) => self.moved_elsewhere(service, moved, &told.delivery).await,
            What::Gone { branch, by } => {
                self.gone_elsewhere(service, upstream, branch, &by, &told.delivery).await
            }
        }
    }

    /// Does what follows from what Jenkins has told of a run: an image that it has pushed is launched.
    ///
    /// # Errors
    /// When there is no such service, it has no repository of images, or the store does not take it.
    pub async fn notified(
        &self,
        service: &ServiceName,
        told: Notified,
        by: &str,
    ) -> Result<Delivered> {
        let inner = &self.inner;
        let known = inner.store.service(service).await?;
        let spec = known.ok_or_else(|| Error::NoService(service.clone()))?.spec;
        let Finished { delivery, branch, commit, image } = match told {
            Notified::Nothing(why) => return Ok(Delivered::Nothing(why)),
            Notified::Finished(finished) => finished,
        };
        if spec.jenkins.is_some() {
            let why = "this server has started the job, and asks Jenkins itself how it went";
            return Ok(Delivered::Nothing(why.to_owned()));
        }
        if let Some(branch) = branch.as_deref().filter(|branch| !is_built(&spec.branches, branch)) {
            let built = self.built(service).await;
            return Ok(Delivered::Nothing(format!(
                "{branch} is not built: {service} builds {built}"
            )));
        }
        let image = match (image, &spec.service.image, &commit) {
            (Some(image), ..) => image,
            (None, Some(repository), Some(commit)) => format!("{repository}:{commit}"),
            (None, ..) => {
                let why = "nothing says which image: give the job a parameter LAUNCHER_IMAGE, or the service \
                    an image, which is expected under the commit's id";
                return Err(Error::Source(why.to_owned()));
            }
        };
        let new = NewBuild {
            service: service.clone(),
            origin: Origin::Hook,
            branch,
            commit,
            subject: None,
            author: None,
            by: by.to_owned(),
        };
        let queued = self.place_delivered(new, &delivery, Some(&image)).await?;
        Ok(queued.map_or(Delivered::Repeated, |queued| Delivered::Queued(queued.build.id)))
    }

    async fn moved_elsewhere(
        &self,
        service: &ServiceName,
        moved: Moved,
        delivery: &str,
    ) -> Result<Delivered> {
        let inner = &self.inner;
        let known = inner.store.service(service).await?;
        let spec = known.ok_or_else(|| Error::NoService(service.clone()))?.spec;
        if !is_built(&spec.branches, &moved.branch) {
            let built = self.built(service).await;
            let why = format!("{} is not built: {service} builds {built}", moved.branch);
            return Ok(Delivered::Nothing(why));
        }
        let new = NewBuild {
            service: service.clone(),
            origin: Origin::Hook,
            branch: Some(moved.branch),
            commit: Some(moved.commit),
            subject: moved.subject,
            author: None,
            by: moved.by,
        };
        let queued = self.place_delivered(new, delivery, None).await?;
        Ok(queued.map_or(Delivered::Repeated, |queued| Delivered::Queued(queued.build.id)))
    }

    /// A deletion is asked for again, since it is done at once.
    async fn gone_elsewhere(
        &self,
        service: &ServiceName,
        upstream: &Upstream,
        branch: String,
        by: &str,
        delivery: &str,
    ) -> Result<Delivered> {
        let inner = &self.inner;
        let repository = self.repository(service).await?;
        let from = inner.elsewhere(upstream).await?;
        if git::head_elsewhere(&repository, &from, &branch).await?.is_some() {
            let why = format!("{branch} is still there");
            return Ok(Delivered::Nothing(why));
        }
        self.branch_gone(service, &branch, by).await?;
        git::remove_branch(&repository, &branch).await?;
        // Last: what was done half is done again.
        match inner.store.remember_delivery(service, delivery, inner.now()).await? {
            true => Ok(Delivered::Gone(branch)),
            false => Ok(Delivered::Repeated),
        }
    }
}

impl crate::builds::Inner {
    /// A service's repository on its code host, and what opens it.
    pub(crate) async fn elsewhere<'a>(&self, upstream: &'a Upstream) -> Result<Elsewhere<'a>> {
        let token = match &upstream.token {
            Some(name) => Some(self.needed_secret(name).await?),
            None => None,
        };
        Ok(Elsewhere { upstream, token })
    }
}
