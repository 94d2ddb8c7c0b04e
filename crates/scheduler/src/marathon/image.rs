//! Pinning images to their content. Having them is the agents' business: each pulls what it runs.

use launcher_model::image::{ImageRef, ImageRepository, PinnedImage};
use launcher_registry::{Access, Error as Trouble, Place};

use super::Engine;
use crate::identity::is_built_here;
use crate::{Error, RegistryLogin, Result};

impl Engine {
    pub(super) async fn resolve(
        &self,
        image: &ImageRef,
        login: Option<&RegistryLogin>,
    ) -> Result<PinnedImage> {
        let repository = repository_of(image)?;
        match self.digest(image, repository, login).await {
            Ok(digest) => {
                let reference = ImageRef::Digest(repository.clone(), digest.clone());
                Ok(PinnedImage { requested: image.clone(), reference, digest })
            }
            Err(trouble) => Err(unusable(image, &trouble)),
        }
    }

    /// Asks the registry whether it still has the image. Agents that have it need no registry, so one that
    /// does not answer is no reason not to go on.
    pub(super) async fn fetch(
        &self,
        image: &PinnedImage,
        login: Option<&RegistryLogin>,
    ) -> Result<()> {
        // What is remembered of Marathon would not tell that it is away.
        self.renew_info().await?;
        let reference = &image.reference;
        let repository = repository_of(reference)?;
        match self.digest(reference, repository, login).await {
            Ok(_) => Ok(()),
            Err(trouble @ Trouble::Missing { .. }) => Err(unusable(reference, &trouble)),
            Err(trouble) => {
                tracing::warn!(image = %reference, %trouble, "whether agents can pull it is not known");
                Ok(())
            }
        }
    }

    async fn digest(
        &self,
        image: &ImageRef,
        repository: &ImageRepository,
        login: Option<&RegistryLogin>,
    ) -> std::result::Result<launcher_model::image::Digest, Trouble> {
        let place = Place::of(repository);
        let authority = self.authorities.get(place.registry()).cloned();
        let is_named = || self.insecure_registries.iter().any(|named| named == place.registry());
        let insecure = authority.is_none() && (place.is_loopback() || is_named());
        let access = Access { login: login.cloned(), authority };
        launcher_registry::digest_of(image, access, insecure).await
    }
}

fn repository_of(image: &ImageRef) -> Result<&ImageRepository> {
    match image {
        ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _)
            if !is_built_here(repository) =>
        {
            Ok(repository)
        }
        _ => {
            let why = "agents pull images from a registry, and this is one that a single engine has: push it, and \
                name it by its repository";
            Err(Error::Image { image: image.to_string(), why: why.to_owned() })
        }
    }
}

fn unusable(image: &ImageRef, trouble: &Trouble) -> Error {
    let why = match trouble {
        Trouble::Missing { registry, why, .. } => {
            format!("{registry} has none ({why}): push it first")
        }
        trouble => trouble.to_string(),
    };
    Error::Image { image: image.to_string(), why }
}
