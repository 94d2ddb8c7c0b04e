//! Launching: an image becomes a numbered version with an environment of its own.

use std::collections::BTreeMap;

use launcher_model::environment::Environment;
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::secret::{SecretName, SecretVersion};
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{BuildId, ServiceName};
use launcher_store::NewVersion;

use crate::{Control, Error, Inner, Result};

/// What is to be launched.
#[derive(Debug, Clone)]
pub struct LaunchRequest {
    /// Which service.
    pub service: ServiceName,
    /// The image; `:TAG` is completed with the service's repository, nothing is its `latest`.
    pub image: Option<String>,
    /// The image, when it is known already what its name stands for; `image` does not count then.
    pub pinned: Option<PinnedImage>,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// The branch that it was built from.
    pub branch: Option<String>,
    /// What the author of that commit said of it; its first line is kept.
    pub subject: Option<String>,
    /// Who that is.
    pub author: Option<String>,
    /// The settings that are frozen with it; those that the service has now when it is none.
    pub spec: Option<ServiceSpec>,
    /// How many containers its environment begins with; as many as the settings say when it is none.
    pub replicas: Option<u16>,
    /// The build that it comes out of.
    pub build: Option<BuildId>,
    /// The tag under which it was found in the repository that the service follows: one version at the
    /// most comes of it.
    pub followed: Option<String>,
    /// Who launches it.
    pub by: String,
    /// The idempotency key that the call has claimed: what is made is kept with it.
    pub key: Option<String>,
}

impl LaunchRequest {
    /// The newest image of a service, with the settings that it has.
    #[must_use]
    pub fn new(service: ServiceName, by: impl Into<String>) -> Self {
        Self {
            service,
            image: None,
            pinned: None,
            commit: None,
            branch: None,
            subject: None,
            author: None,
            spec: None,
            replicas: None,
            build: None,
            followed: None,
            by: by.into(),
            key: None,
        }
    }
}

impl Control {
    /// Pins the image, freezes the configuration with it and numbers it. The environment comes to be by
    /// itself from then on.
    ///
    /// # Errors
    /// When there is no such service or image, a secret that it needs is not set, or the engine cannot keep
    /// its volumes. Nothing is created then.
    pub async fn launch(&self, request: LaunchRequest) -> Result<(Version, Environment)> {
        let inner = &self.inner;
        let service = inner.store.service(&request.service).await?;
        let known = service.ok_or_else(|| Error::NoService(request.service.clone()))?.spec;
        let spec = request.spec.unwrap_or(known);
        if let Some(branch) = given(request.branch.clone()) {
            must_be_branch(&branch)?;
        }
        if let Some(why) = inner.scheduler.capabilities().volumes.refusal(&spec) {
            return Err(Error::Refused(why.to_owned()));
        }
        if let Some(why) = inner.scheduler.capabilities().refuses_logs(&spec) {
            return Err(Error::Refused(why));
        }
        let secrets = freeze_secrets(inner, &spec).await?;
        let named = match &request.pinned {
            Some(pinned) => pinned.reference.clone(),
            None => image_of(&spec, request.image.as_deref())?,
        };
        // From its look at the registry until the version has it.
        let _using = self.use_image(&named).await?;
        let image = match request.pinned {
            Some(image) => image,
            None => inner.scheduler.resolve(&named, inner.login(&named)).await?,
        };
        launcher_fault::point("launch.resolved");
        let LaunchRequest { commit, branch, replicas, build, followed, by, key, .. } = request;
        let (commit, branch) = (given(commit), given(branch));
        let (subject, author) = (said(request.subject), said(request.author));
        let own = branch.as_deref().filter(|branch| spec.branches.has_environment(branch));
        let follows_branch = own.is_some();
        let (mut replicas, mut taken_labels) = (replicas, Vec::new());
        if follows_branch {
            replicas = replicas.or(Some(spec.branches.replicas));
            taken_labels = inner.labels_of_hosts(&request.service).await?;
        }
        let new = NewVersion {
            image,
            spec,
            secrets,
            commit,
            branch,
            subject,
            author,
            follows_branch,
            taken_labels,
            replicas,
            build,
            followed,
            by,
            key,
        };
        let launched = inner.store.create_version(new, inner.now()).await?;
        launcher_fault::point("launch.stored");
        inner.begin(&request.service).wake();
        Ok(launched)
    }
}

fn must_be_branch(name: &str) -> Result<()> {
    if launcher_model::branch::is_branch(name) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{name:?} is no name of a branch: give at most 250 characters without spaces"
    )))
}

/// What is empty was not given: scripts pass on variables that are not set.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// As much is kept of what was said of a commit, and of its author's name, in characters.
const SAID: usize = 200;

/// The first line, as a list shows it.
fn said(text: Option<String>) -> Option<String> {
    let text = text?;
    let line = text.trim().lines().next().unwrap_or_default();
    given(Some(line.chars().filter(|one| !one.is_control()).take(SAID).collect()))
}

fn image_of(spec: &ServiceSpec, asked: Option<&str>) -> Result<ImageRef> {
    let name = &spec.service.name;
    let repository = || {
        spec.service.image.as_deref().ok_or_else(|| {
            Error::Invalid(format!(
                "{name} names no image repository; give a whole image, or set [service] image"
            ))
        })
    };
    let text = match asked {
        None => repository()?.to_owned(),
        Some(tag) if tag.starts_with(':') => format!("{}{tag}", repository()?),
        Some(image) => image.to_owned(),
    };
    text.parse()
        .map_err(|error: launcher_model::image::InvalidImage| Error::Invalid(error.to_string()))
}

/// The newest value of each secret that the settings name, by variable.
async fn freeze_secrets(
    inner: &Inner,
    spec: &ServiceSpec,
) -> Result<BTreeMap<String, SecretVersion>> {
    let mut names = BTreeMap::new();
    for (variable, name) in &spec.secrets {
        let name = SecretName::new(name.as_str());
        names.insert(variable, name.map_err(|error| Error::Invalid(error.to_string()))?);
    }
    let distinct: Vec<SecretName> = names.values().cloned().collect();
    let newest = inner.store.newest_secrets(&distinct).await?;
    let frozen = names.into_iter().map(|(variable, name)| match newest.get(&name) {
        Some(version) => Ok((variable.clone(), version.clone())),
        None => Err(Error::Refused(format!(
            "the secret {name} (for {variable}) is not set; set it with `launcher secret set {name}`"
        ))),
    });
    frozen.collect()
}
