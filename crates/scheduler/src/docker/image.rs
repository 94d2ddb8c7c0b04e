//! Pinning images to their content, and having them on the engine.

use std::net::IpAddr;

use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::TryStreamExt;
use launcher_model::image::{Digest, ImageRef, ImageRepository, PinnedImage};
use oci_client::Reference;
use secrecy::ExposeSecret;

use super::Engine;
use super::connection::{Call, is_missing};
use super::registry::{self, Trouble};
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
            ImageRef::Digest(repository, _) | ImageRef::Tag(repository, _) => {
                self.resolve_name(image, repository, login).await
            }
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

    async fn resolve_name(
        &self,
        image: &ImageRef,
        repository: &ImageRepository,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        let insecure = self.is_insecure(repository).await;
        let trouble = match registry::digest(image, login, insecure).await {
            Ok(digest) => {
                let reference = ImageRef::Digest(repository.clone(), digest.clone());
                return Ok(pinned(image, reference, &digest));
            }
            Err(trouble) => trouble,
        };
        let source = Source { repository, login };
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
        let id = told.id.and_then(|id| Digest::new(id).ok());
        Ok(id.map(|id| pinned(image, ImageRef::Id(id.clone()), &id)))
    }

    /// Whether the engine takes a registry without TLS or with any certificate. The engine pulls in the
    /// end, so its own settings are the ones that count.
    async fn is_insecure(&self, repository: &ImageRepository) -> bool {
        let Some(registry) = repository.registry() else { return false };
        if registry::is_loopback(registry) {
            return true;
        }
        let told = self.connection.open("asking the engine about registries").await;
        let Some(settings) = told.ok().and_then(|(_, info)| info.registry_config) else {
            return false;
        };
        let index = settings.index_configs.unwrap_or_default().remove(registry);
        if let Some(secure) = index.and_then(|index| index.secure) {
            return !secure;
        }
        let networks = settings.insecure_registry_cidrs.unwrap_or_default();
        let addresses = addresses(registry::host(registry)).await;
        addresses.iter().any(|ip| networks.iter().any(|network| registry::contains(network, *ip)))
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
                let why = Source { repository, login }.pull_advice(why);
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
    match call.api.inspect_image(&image.to_string()).await {
        Ok(told) => Ok(Some(told)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(call.fail(error)),
    }
}

fn pinned(requested: &ImageRef, reference: ImageRef, digest: &Digest) -> PinnedImage {
    PinnedImage { requested: requested.clone(), reference, digest: digest.clone() }
}

/// Engines leave out what is Docker Hub's anyway.
pub(super) fn is_same_repository(known: &str, repository: &ImageRepository) -> bool {
    let whole = |name: &str| {
        let reference = Reference::try_from(name.to_owned()).ok()?;
        Some((reference.registry().to_owned(), reference.repository().to_owned()))
    };
    whole(known).is_some_and(|known| whole(repository.as_str()) == Some(known))
}

async fn addresses(host: &str) -> Vec<IpAddr> {
    let found = tokio::net::lookup_host((host, 0)).await;
    found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
}

pub(super) fn credentials(
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
    pub(super) repository: &'a ImageRepository,
    pub(super) login: Option<&'a RegistryLogin>,
}

impl Source<'_> {
    fn is_hub(&self) -> bool {
        matches!(self.repository.registry(), None | Some("docker.io" | "index.docker.io"))
    }

    pub(super) fn registry(&self) -> &str {
        if self.is_hub() { "Docker Hub" } else { self.repository.registry().unwrap_or_default() }
    }

    /// Whether the engine's own image of that name may be meant. A name without a registry is, more often
    /// than Docker Hub's, that of something built here; and Docker Hub asks for a login also where there
    /// is nothing.
    fn may_be_local(&self, trouble: &Trouble) -> bool {
        match trouble {
            Trouble::Missing(_) => true,
            Trouble::Unreachable(_) => self.is_hub(),
            Trouble::Login(_) => self.is_hub() && self.login.is_none(),
            Trouble::Other(_) => false,
        }
    }

    fn advice(&self, trouble: &Trouble) -> String {
        let registry = self.registry();
        let also =
            if self.may_be_local(trouble) { ", and the engine has none of that name" } else { "" };
        match trouble {
            Trouble::Unreachable(why) if self.is_hub() => format!(
                "{registry} cannot be reached ({why}){also}: build it on the engine first, or name an \
                 image of a registry that can be reached"
            ),
            Trouble::Unreachable(why) => format!(
                "the registry {registry} cannot be reached ({why}): see that it runs, and that it can be \
                 reached from here"
            ),
            Trouble::Missing(words) => {
                format!(
                    "{registry} has none ({words}){also}: push it first, or build it on the engine"
                )
            }
            Trouble::Login(words) if self.is_hub() && self.login.is_none() => format!(
                "{registry} has none that is public ({words}){also}: push it first, build it on the \
                 engine, or set a login for {registry}"
            ),
            Trouble::Login(words) => self.login_advice(words),
            Trouble::Other(words) => format!("{registry} answered: {words}"),
        }
    }

    fn login_advice(&self, words: &str) -> String {
        let registry = self.registry();
        match self.login {
            None => format!(
                "{registry} shows it to nobody without a login ({words}): set one for {registry}"
            ),
            Some(login) => format!(
                "{registry} refused the login of {:?} ({words}): check its password and its rights",
                login.username
            ),
        }
    }

    fn pull_advice(&self, words: String) -> String {
        let lower = words.to_ascii_lowercase();
        let for_login = ["unauthorized", "authentication", "denied", "no basic auth"];
        if for_login.iter().any(|sign| lower.contains(sign)) {
            self.login_advice(&words)
        } else {
            words
        }
    }

    /// What to do about a push that failed with these words of the engine.
    pub(super) fn push_advice(&self, words: &str) -> String {
        let registry = self.registry();
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
                self.repository
            );
        }
        format!("{registry} answered: {words}")
    }
}
