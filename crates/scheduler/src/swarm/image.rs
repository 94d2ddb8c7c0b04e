//! Images: a registry must have them, for each host pulls by itself.

use bollard::auth::DockerCredentials;
use launcher_model::image::{ImageRef, ImageRepository, PinnedImage};
use launcher_registry::{Access, Place};

use super::Swarm;
use crate::docker::connection::Call;
use crate::docker::image::{credentials, pinned};
use crate::docker::trust::settings_allow;
use crate::identity::is_built_here;
use crate::{Error, RegistryLogin, Result};

/// Refuses an image that only the engine has that built it.
pub(super) fn must_be_in_a_registry(image: &PinnedImage) -> Result<()> {
    repository_of(&image.reference).map(|_| ())
}

fn repository_of(image: &ImageRef) -> Result<&ImageRepository> {
    match image {
        ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _)
            if !is_built_here(repository) =>
        {
            Ok(repository)
        }
        _ => {
            let why = "it is in no registry, and the hosts of a Swarm pull from one: give the service `image = \"REGISTRY/NAME\"`, and push it there";
            Err(Error::Image { image: image.to_string(), why: why.to_owned() })
        }
    }
}

impl Swarm {
    pub(super) async fn resolve(
        &self,
        image: &ImageRef,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        let repository = repository_of(image)?;
        let place = Place::of(repository);
        let known = self.0.registries.get(place.registry());
        let access = Access {
            login: login.cloned().or_else(|| known.and_then(|access| access.login.clone())),
            authority: known.and_then(|access| access.authority.clone()),
        };
        let insecure = access.authority.is_none() && self.is_insecure(&place).await?;
        match launcher_registry::digest_of(image, access, insecure).await {
            Ok(digest) => {
                let reference = ImageRef::Digest(repository.clone(), digest.clone());
                Ok(pinned(image, reference, &digest))
            }
            Err(trouble) => {
                Err(Error::Image { image: image.to_string(), why: trouble.to_string() })
            }
        }
    }

    /// Sees whether the registry has an image. Nothing is pulled: which hosts will need it is not known.
    pub(super) async fn fetch(
        &self,
        image: &PinnedImage,
        login: Option<&RegistryLogin>,
    ) -> Result<()> {
        self.resolve(&image.reference, login).await.map(|_| ())
    }

    /// Whether the manager's engine takes a registry without TLS or with any certificate. Each host has its
    /// own settings; they should be alike.
    async fn is_insecure(&self, place: &Place) -> Result<bool> {
        let ask = async |call: Call| call.api.info().await.map_err(|error| call.fail(error));
        let info = self.0.managers.ask("asking a manager about registries", ask).await?;
        Ok(settings_allow(info.registry_config, place).await)
    }

    /// With what each host pulls an image.
    pub(super) fn credentials(&self, image: &ImageRef) -> Option<DockerCredentials> {
        let repository = repository_of(image).ok()?;
        let access = self.0.registries.get(Place::of(repository).registry())?;
        access.login.as_ref().map(|login| credentials(login, repository))
    }
}
