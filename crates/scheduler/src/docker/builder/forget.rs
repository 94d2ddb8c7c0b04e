//! Removing images that nobody needs any more.

use bollard::models::ImageInspect;
use bollard::query_parameters::RemoveImageOptionsBuilder;
use launcher_model::image::{ImageRef, ImageRepository, PinnedImage};

use super::super::Engine;
use super::super::connection::{Call, is_missing, refusal};
use super::super::image::{inspect, is_same_repository};
use crate::{Result, labels};

impl Engine {
    pub(super) async fn forget_image(&self, image: &PinnedImage) -> Result<()> {
        let call = self.connection.call("removing an image").await?;
        let Some(told) = inspect(&call, &image.reference).await? else { return Ok(()) };
        if self.is_used(&call, &told).await? {
            return Ok(());
        }
        for name in self.names_to_remove(image, &told) {
            remove(&call, &name).await?;
        }
        launcher_fault::point("docker.image_removed");
        Ok(())
    }

    /// The names by which we have the image, so that it goes with the last of them: the one that it was built
    /// under, and those in the repository that it went to. By its id when it has none. Names that others gave
    /// stay, and the image with them.
    fn names_to_remove(&self, image: &PinnedImage, told: &ImageInspect) -> Vec<String> {
        let names: Vec<&String> =
            told.repo_tags.iter().flatten().chain(told.repo_digests.iter().flatten()).collect();
        let built_here = told
            .config
            .as_ref()
            .and_then(|config| config.labels.as_ref()?.get(labels::IMAGE_INSTALLATION))
            .is_some_and(|installation| installation == self.installation.as_str());
        if names.is_empty() {
            return Vec::from_iter(told.id.clone());
        }
        if !built_here {
            let by_name = !matches!(image.reference, ImageRef::Id(_));
            return Vec::from_iter(by_name.then(|| image.reference.to_string()));
        }
        let repository = repository(image);
        let is_pushed = |name: &str| {
            let known = name_of(name).zip(repository);
            known.is_some_and(|(known, repository)| is_same_repository(known, repository))
        };
        let ours = |name: &&String| self.installation.has_named(name) || is_pushed(name);
        names.into_iter().filter(ours).cloned().collect()
    }

    /// Whether a container is there that was created from the image, running or not.
    async fn is_used(&self, call: &Call, told: &ImageInspect) -> Result<bool> {
        let Some(id) = &told.id else { return Ok(false) };
        let filters = std::collections::HashMap::from([("ancestor", vec![id.clone()])]);
        let options = bollard::query_parameters::ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let found = call.api.list_containers(Some(options)).await;
        let found = found.map_err(|error| call.fail(error))?;
        // Those of images that were made of this one are among them.
        Ok(found.iter().any(|container| container.image_id.as_ref() == Some(id)))
    }
}

/// Where the image is, or was to be, pushed to.
fn repository(image: &PinnedImage) -> Option<&ImageRepository> {
    [&image.reference, &image.requested].into_iter().find_map(|name| match name {
        ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _) => Some(repository),
        ImageRef::Id(_) => None,
    })
}

/// The repository of `repository:tag` or `repository@digest`.
fn name_of(name: &str) -> Option<&str> {
    if let Some((repository, _digest)) = name.split_once('@') {
        return Some(repository);
    }
    name.rsplit_once(':').map(|(repository, _tag)| repository)
}

async fn remove(call: &Call, name: &str) -> Result<()> {
    let options = RemoveImageOptionsBuilder::new().build();
    match call.api.remove_image(name, Some(options), None).await {
        Ok(_) => Ok(()),
        // The last tag takes the digests of its repository with it.
        Err(error) if is_missing(&error) => Ok(()),
        // In use after all.
        Err(error) if refusal(&error).is_some_and(|(status, _)| status == 409) => Ok(()),
        Err(error) => Err(call.fail(error)),
    }
}
