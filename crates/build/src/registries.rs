//! Whether the registries that services use can be used.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use launcher_model::ServiceName;
use launcher_model::image::{ImageRef, ImageRepository};
use launcher_registry::{Error as RegistryError, Place};
use tokio::time::timeout;

use crate::{Builds, Result};

/// So many registries are asked at once.
const AT_ONCE: usize = 8;
/// A registry that has not answered by then is told of as one that does not.
const WITHIN: Duration = Duration::from_secs(10);
/// What is asked for. Whether there is such an image does not matter: who says that there is none has let us in.
const TAG: &str = "latest";

/// A registry that services use.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Its name: `host[:port]`, or `docker.io`.
    pub registry: String,
    /// The services whose images it has.
    pub services: Vec<ServiceName>,
    /// Why it cannot be used; none when it can.
    pub trouble: Option<RegistryError>,
}

impl Builds {
    /// Asks each registry that services use for an image of one of them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_at_registries(&self) -> Result<Vec<Looked>> {
        let mut used: BTreeMap<String, (ImageRepository, Vec<ServiceName>)> = BTreeMap::new();
        for service in self.inner.store.services().await? {
            let name = service.spec.service.name;
            let Some(repository) = self.images_of(&name, service.spec.service.image).await? else {
                continue;
            };
            let registry = Place::of(&repository).registry().to_owned();
            used.entry(registry).or_insert_with(|| (repository, Vec::new())).1.push(name);
        }
        let looked = stream::iter(used).map(|(registry, (repository, services))| async move {
            let trouble = self.ask_registry(&registry, repository).await.err();
            Looked { registry, services, trouble }
        });
        Ok(looked.buffered(AT_ONCE).collect().await)
    }

    /// Where a service's images are: what its settings say, or where its newest version came from. None where
    /// that one is known to the engine alone.
    async fn images_of(
        &self,
        service: &ServiceName,
        set: Option<String>,
    ) -> Result<Option<ImageRepository>> {
        let set = set.and_then(|set| ImageRepository::new(set).ok());
        let newest = self.inner.store.versions(service, None, 1).await?.into_iter().next();
        Ok(match newest.map(|version| version.image.reference) {
            None => set,
            Some(ImageRef::Id(_)) => None,
            Some(ImageRef::Tag(from, _) | ImageRef::Digest(from, _)) => Some(set.unwrap_or(from)),
        })
    }

    async fn ask_registry(
        &self,
        registry: &str,
        repository: ImageRepository,
    ) -> std::result::Result<(), RegistryError> {
        let image = ImageRef::Tag(repository, TAG.to_owned());
        match timeout(WITHIN, self.inner.registry.digest(&image)).await {
            Ok(Ok(_) | Err(RegistryError::Missing { .. })) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => {
                Err(RegistryError::Overdue { registry: registry.to_owned(), within: WITHIN })
            }
        }
    }
}
