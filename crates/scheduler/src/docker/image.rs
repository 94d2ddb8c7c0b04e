//! Pinning images to their content, and having them on the engine.

use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::TryStreamExt;
use launcher_model::image::{Digest, ImageRef, ImageRepository, PinnedImage};
use launcher_registry::{Access, Error as Trouble, Place};
use secrecy::ExposeSecret;

use super::Engine;
use super::connection::{Call, is_missing};
use super::trust::is_insecure;
use crate::identity::is_built_here;
use crate::{Error, RegistryLogin, Result};

impl Engine {
    pub(super) async fn resolve(
        &self,
        image: &ImageRef,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        match image {
            ImageRef::Id(digest) => self.resolve_id(image, digest).await,
            // The content is named already: where it comes from does not matter.
            ImageRef::Digest(_, digest) if self.has(image).await? => {
                Ok(pinned(image, image.clone(), digest))
            }
            ImageRef::Digest(repository, _) | ImageRef::Tag(repository, _)
                if is_built_here(repository) =>
            {
                self.resolve_built_here(image).await
            }
            ImageRef::Digest(repository, _) => self.resolve_name(image, repository, login).await,
            ImageRef::Tag(repository, _) => match self.known_by(repository).await? {
                Some(id) => Ok(pinned_by_id(&ImageRef::Id(id.clone()), id)),
                None => self.resolve_name(image, repository, login).await,
            },
        }
    }

    async fn resolve_id(&self, image: &ImageRef, digest: &Digest) -> Result<PinnedImage> {
        if self.has(image).await? {
            return Ok(pinned(image, image.clone(), digest));
        }
        let why = "the engine has no image with this id: build it there first, or push it to a \
            registry and name it by its repository";
        Err(Error::Image { image: image.to_string(), why: why.to_owned() })
    }

    /// The image whose id begins so, as `docker images` prints it; engines read a name first.
    async fn known_by(&self, repository: &ImageRepository) -> Result<Option<Digest>> {
        let start = repository.as_str();
        if !may_be_id(start) {
            return Ok(None);
        }
        let call = self.connection.call("looking for an image").await?;
        let id = inspect_by(&call, start).await?.and_then(id_of);
        Ok(id.filter(|id| {
            id.as_str().strip_prefix("sha256:").is_some_and(|id| id.starts_with(start))
        }))
    }

    async fn resolve_built_here(&self, image: &ImageRef) -> Result<PinnedImage> {
        let call = self.connection.call("looking for an image").await?;
        if let Some(id) = inspect(&call, image).await?.and_then(id_of) {
            return Ok(pinned_by_id(image, id));
        }
        let why = "it is the name of what was built here and pushed nowhere, and the engine has none of that \
            name: build it again, or name an image of a registry";
        Err(Error::Image { image: image.to_string(), why: why.to_owned() })
    }

    async fn resolve_name(
        &self,
        image: &ImageRef,
        repository: &ImageRepository,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        let place = Place::of(repository);
        let access = Access {
            login: login.cloned(),
            authority: self.authorities.get(place.registry()).cloned(),
        };
        let insecure = access.authority.is_none() && is_insecure(&self.connection, &place).await;
        let trouble = match launcher_registry::digest_of(image, access, insecure).await {
            Ok(digest) => {
                let reference = ImageRef::Digest(repository.clone(), digest.clone());
                return Ok(pinned(image, reference, &digest));
            }
            Err(trouble) => trouble,
        };
        let source = Source { place, login };
        if source.may_be_local(&trouble)
            && let Some(found) = self.local(image, repository).await?
        {
            return Ok(found);
        }
        Err(Error::Image { image: image.to_string(), why: source.advice(&trouble) })
    }

    /// The engine's image of that name: by the digest that it was pulled with or pushed with, else by
    /// its id.
    async fn local(
        &self,
        image: &ImageRef,
        repository: &ImageRepository,
    ) -> Result<Option<PinnedImage>> {
        let call = self.connection.call("looking for an image").await?;
        let Some(told) = inspect(&call, image).await? else { return Ok(None) };
        let remote = told.repo_digests.iter().flatten().find_map(|known| {
            let (name, digest) = known.split_once('@')?;
            if is_same_repository(name, repository) { Digest::new(digest).ok() } else { None }
        });
        if let Some(digest) = remote {
            let reference = ImageRef::Digest(repository.clone(), digest.clone());
            return Ok(Some(pinned(image, reference, &digest)));
        }
        Ok(id_of(told).map(|id| pinned_by_id(image, id)))
    }

    pub(super) async fn fetch(
        &self,
        image: &PinnedImage,
        login: Option<&RegistryLogin>,
    ) -> Result<()> {
        if self.has(&image.reference).await? {
            return Ok(());
        }
        let (ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _)) = &image.reference
        else {
            let why = "the engine has it no more, and it was never in a registry: build and launch it again";
            return Err(Error::Image { image: image.requested.to_string(), why: why.to_owned() });
        };
        let call = self.connection.call("pulling an image").await?;
        let from = image.reference.to_string();
        let options = CreateImageOptionsBuilder::new().from_image(&from).build();
        let credentials = login.map(|login| credentials(login, repository));
        let pulled = call.api.create_image(Some(options), None, credentials);
        let outcome = pulled.try_for_each(async |_progress| Ok(())).await;
        outcome.map_err(|error| match call.fail(error) {
            Error::Refused { why, .. } => {
                let why = Source { place: Place::of(repository), login }.pull_advice(why);
                Error::Image { image: image.requested.to_string(), why }
            }
            other => other,
        })?;
        launcher_fault::point("docker.image_pulled");
        Ok(())
    }

    async fn has(&self, image: &ImageRef) -> Result<bool> {
        let call = self.connection.call("looking for an image").await?;
        Ok(inspect(&call, image).await?.is_some())
    }
}

/// An image as the engine has it.
pub(super) async fn inspect(call: &Call, image: &ImageRef) -> Result<Option<ImageInspect>> {
    inspect_by(call, &image.to_string()).await
}

async fn inspect_by(call: &Call, name: &str) -> Result<Option<ImageInspect>> {
    match call.api.inspect_image(name).await {
        Ok(told) => Ok(Some(told)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(call.fail(error)),
    }
}

fn id_of(told: ImageInspect) -> Option<Digest> {
    told.id.and_then(|id| Digest::new(id).ok())
}

/// Whether this may be the beginning of an id: no shorter than engines print it.
fn may_be_id(name: &str) -> bool {
    (12..=64).contains(&name.len()) && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn pinned_by_id(requested: &ImageRef, id: Digest) -> PinnedImage {
    PinnedImage { requested: requested.clone(), reference: ImageRef::Id(id.clone()), digest: id }
}

pub(crate) fn pinned(requested: &ImageRef, reference: ImageRef, digest: &Digest) -> PinnedImage {
    PinnedImage { requested: requested.clone(), reference, digest: digest.clone() }
}

/// Engines leave out what is Docker Hub's anyway.
pub(super) fn is_same_repository(known: &str, repository: &ImageRepository) -> bool {
    ImageRepository::new(known).is_ok_and(|known| Place::of(&known) == Place::of(repository))
}

pub(crate) fn credentials(
    login: &RegistryLogin,
    repository: &ImageRepository,
) -> DockerCredentials {
    DockerCredentials {
        username: Some(login.username.clone()),
        password: Some(login.password.expose_secret().to_owned()),
        serveraddress: repository.registry().map(str::to_owned),
        ..DockerCredentials::default()
    }
}

/// Where an image was looked for, and as whom.
pub(super) struct Source<'a> {
    pub(super) place: Place,
    pub(super) login: Option<&'a RegistryLogin>,
}

impl Source<'_> {
    /// Whether the engine's own image of that name may be meant. A name without a registry is, more often
    /// than Docker Hub's, that of something built here; and Docker Hub asks for a login also where there
    /// is nothing.
    fn may_be_local(&self, trouble: &Trouble) -> bool {
        match trouble {
            Trouble::Missing { .. } => true,
            Trouble::Unreachable { .. } => self.place.is_hub(),
            Trouble::LoginNeeded { .. } => self.place.is_hub(),
            _ => false,
        }
    }

    fn advice(&self, trouble: &Trouble) -> String {
        let registry = self.place.shown();
        let words = trouble.why();
        let also =
            if self.may_be_local(trouble) { ", and the engine has none of that name" } else { "" };
        match trouble {
            Trouble::Unreachable { .. } if self.place.is_hub() => format!(
                "{registry} cannot be reached ({words}){also}: build it on the engine first, or name an \
                 image of a registry that can be reached"
            ),
            Trouble::Missing { .. } => {
                format!(
                    "{registry} has none ({words}){also}: push it first, or build it on the engine"
                )
            }
            Trouble::LoginNeeded { .. } if self.place.is_hub() => format!(
                "{registry} has none that is public ({words}){also}: push it first, build it on the \
                 engine, or set a login for {registry}"
            ),
            trouble => trouble.to_string(),
        }
    }

    fn pull_advice(&self, words: String) -> String {
        let lower = words.to_ascii_lowercase();
        let for_login = ["unauthorized", "authentication", "denied", "no basic auth"];
        if !for_login.iter().any(|sign| lower.contains(sign)) {
            return words;
        }
        let registry = self.place.shown().to_owned();
        let trouble = match self.login {
            None => Trouble::LoginNeeded { registry, why: words },
            Some(login) => {
                Trouble::LoginRefused { registry, user: login.username.clone(), why: words }
            }
        };
        trouble.to_string()
    }

    /// What to do about a push that failed with these words of the engine.
    pub(super) fn push_advice(&self, words: &str) -> String {
        let registry = self.place.shown();
        let lower = words.to_ascii_lowercase();
        let has = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
        if has(&["unauthorized", "authentication", "denied", "no basic auth", "forbidden"]) {
            return match self.login {
                None => format!(
                    "{registry} takes it from nobody without a login ({words}): set one for {registry}"
                ),
                Some(login) => format!(
                    "{registry} refused the login of {:?} ({words}): check its password, and its right to \
                     push there",
                    login.username
                ),
            };
        }
        if has(&[
            "dial tcp",
            "no such host",
            "connection refused",
            "timeout",
            "eof",
            "reset by peer",
        ]) {
            return format!(
                "the registry {registry} cannot be reached ({words}): see that it runs, and that the \
                 engine's machine reaches it"
            );
        }
        if has(&["x509", "server gave http response to https client"]) {
            return format!(
                "the engine does not trust {registry} ({words}): give the engine its certificate, or list \
                 it among the engine's insecure registries"
            );
        }
        if has(&["name unknown", "not found", "does not exist", "name invalid"]) {
            return format!(
                "{registry} has no repository {} ({words}): create it there first, or correct the name",
                self.place.path()
            );
        }
        format!("{registry} answered: {words}")
    }
}
