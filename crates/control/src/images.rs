//! Images in registries: nothing is removed from a repository while something is put in or launched from
//! it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use launcher_model::image::{Digest, ImageRef, ImageRepository};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, broadcast};

use crate::{Control, Error, Result};

/// A removal is a call or two, each with a deadline of its own.
const REMOVAL_TAKES: Duration = Duration::from_secs(60);
/// So many pushes may wait for whoever follows them; who misses one looks at everything.
const PUSHES: usize = 256;

/// What is known of repositories while the server runs. A removal cannot outlive its process, so that this
/// need not either.
pub(crate) struct Images {
    /// By path, without the registry: one has more names than one.
    repositories: Mutex<HashMap<String, Arc<RwLock<()>>>>,
    pushes: broadcast::Sender<Pushed>,
}

impl Default for Images {
    fn default() -> Self {
        Self { repositories: Mutex::default(), pushes: broadcast::channel(PUSHES).0 }
    }
}

/// Somebody pushed a manifest, as a registry tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The repository's name in its registry.
    pub path: String,
    /// The tag.
    pub tag: String,
    /// The content that was pushed, which the tag may come to mean a moment later.
    pub digest: Option<Digest>,
}

/// As long as it is there, nothing is removed from a repository.
#[must_use]
pub struct Using {
    _guard: Option<OwnedRwLockReadGuard<()>>,
}

/// As long as it is there, nothing is launched from a repository, or pushed to it by a build.
#[must_use]
pub struct Removing {
    _guard: OwnedRwLockWriteGuard<()>,
}

impl Control {
    /// Keeps a repository's images from being removed: to be held from before an image is pushed or looked
    /// for until the store says what has it.
    ///
    /// # Errors
    /// When something is being removed from it, and its registry does not answer.
    pub async fn use_images(&self, repository: &ImageRepository) -> Result<Using> {
        let lock = self.inner.images.repository(repository);
        let waited = tokio::time::timeout(REMOVAL_TAKES, lock.read_owned()).await;
        waited.map(|guard| Using { _guard: Some(guard) }).map_err(|_| {
            Error::Refused(format!(
                "an image is being removed from {repository}, and its registry does not say whether it is \
                 gone; see that the registry answers, then try again"
            ))
        })
    }

    /// The same, for the repository of an image.
    pub(crate) async fn use_image(&self, image: &ImageRef) -> Result<Using> {
        match image {
            ImageRef::Id(_) => Ok(Using { _guard: None }),
            ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _) => {
                self.use_images(repository).await
            }
        }
    }

    /// Keeps a repository's images from being launched, and builds from pushing there. None while that is
    /// what happens.
    #[must_use]
    pub fn try_remove_images(&self, repository: &ImageRepository) -> Option<Removing> {
        self.inner
            .images
            .repository(repository)
            .try_write_owned()
            .ok()
            .map(|_guard| Removing { _guard })
    }

    /// Passes on that somebody pushed an image.
    pub fn image_was_pushed(&self, pushed: Pushed) {
        // Nobody may be following.
        let _ = self.inner.images.pushes.send(pushed);
    }

    /// What is pushed from now on, as far as registries tell.
    #[must_use]
    pub fn pushes(&self) -> broadcast::Receiver<Pushed> {
        self.inner.images.pushes.subscribe()
    }
}

impl Images {
    fn repository(&self, repository: &ImageRepository) -> Arc<RwLock<()>> {
        let name = repository.as_str();
        let path = repository.registry().and_then(|registry| name.get(registry.len() + 1..));
        let mut known = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(path.unwrap_or(name).to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, ImageRepository, Images};

    #[test]
    fn a_repository_is_the_same_by_every_name_of_its_registry() {
        let images = Images::default();
        let lock = |name: &str| images.repository(&ImageRepository::new(name).unwrap());
        assert!(Arc::ptr_eq(&lock("localhost:5000/team/shop"), &lock("127.0.0.1:5000/team/shop")));
        assert!(!Arc::ptr_eq(&lock("localhost:5000/team/shop"), &lock("localhost:5000/shop")));
    }
}
