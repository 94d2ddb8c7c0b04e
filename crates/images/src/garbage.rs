//! Images of builds whose versions are all destroyed are removed from their registry and from the engine.
//!
//! What is left is a question to the store, so that a removal which is interrupted is found again. What is
//! launched or pushed meanwhile is kept from it by the lock of its repository
//! ([`Control::try_remove_images`](launcher_control::Control::try_remove_images)): under it the store is
//! asked again, and only then the registry.

mod tags;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use launcher_control::Removing;
use launcher_model::BuildId;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::image::{Digest, ImageRef, ImageRepository};
use launcher_registry::{Error as RegistryError, Place};
use launcher_store::LeftImage;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::{Error, Inner, Result, backoff};
use tags::Strangers;

/// A registry that fails is asked again after that at the latest.
const LONGEST_RETRY: Duration = Duration::from_secs(600);
/// One that does not allow deleting, after that.
const DISABLED_RETRY: Duration = Duration::from_secs(3600);
/// What is in use is looked at again after that, when no event tells before.
const BUSY_RETRY: Duration = Duration::from_secs(5);
/// What never left the engine fails by this name.
const ENGINE: &str = "the engine";

/// Runs until it is dropped.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut events = inner.store.watch();
    let mut sweeper = Sweeper::default();
    loop {
        let again = sweeper.sweep(&inner).await;
        let again = async {
            match again {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = &mut again => break,
                event = events.recv() => match event {
                    Ok(event) if may_leave_images(event.kind) => break,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

fn may_leave_images(kind: EventKind) -> bool {
    use EventKind as K;
    matches!(
        kind,
        K::EnvironmentDestroyed
            | K::ServiceDeleted
            | K::BuildPassed
            | K::BuildFailed
            | K::BuildCancelled
            | K::VersionLaunched
    )
}

/// An image that may go: where it is, and its content.
type Key = (Option<String>, Digest);

#[derive(Default)]
struct Sweeper {
    /// Registries that failed, and when they are asked again.
    failed: HashMap<String, Failed>,
    /// Repositories in which a removal may be done or not: they stay locked until that is known.
    unsure: HashMap<String, Removing>,
}

struct Failed {
    times: u32,
    until: Instant,
}

/// What came of an attempt.
enum Outcome {
    /// It is gone, or needed again, or somebody else's too.
    Settled,
    /// Something is launched from its repository, or pushed there.
    Busy,
}

impl Sweeper {
    /// Removes what is left, and says when to look again, if nothing happens before.
    async fn sweep(&mut self, inner: &Inner) -> Option<Instant> {
        let left = match inner.store.left_images(None).await {
            Ok(left) => left,
            Err(error) => {
                tracing::warn!(%error, "the images that are left could not be read");
                return Some(Instant::now() + BUSY_RETRY);
            }
        };
        let mut by_image: BTreeMap<Key, LeftImage> = BTreeMap::new();
        for image in left {
            by_image.entry(key(&image)).or_insert(image);
        }
        let mut strangers = Strangers::default();
        let mut again = None;
        for image in by_image.into_values() {
            let at = self.attempt(inner, &image, &mut strangers).await;
            again = [again, at].into_iter().flatten().min();
        }
        again
    }

    /// Tries one, unless its registry is to be left alone for now.
    async fn attempt(
        &mut self,
        inner: &Inner,
        image: &LeftImage,
        strangers: &mut Strangers,
    ) -> Option<Instant> {
        let repository = repository(image);
        let name = repository
            .map_or(ENGINE.to_owned(), |repository| Place::of(repository).registry().to_owned());
        if let Some(failed) = self.failed.get(&name)
            && failed.until > Instant::now()
        {
            return Some(failed.until);
        }
        let trouble = format!("images of {name}");
        let outcome = match repository {
            Some(repository) => self.remove(inner, repository, image, strangers).await,
            None => self.forget(inner, image).await,
        };
        match outcome {
            Ok(outcome) => {
                self.failed.remove(&name);
                inner.is_well(&trouble);
                matches!(outcome, Outcome::Busy).then(|| Instant::now() + BUSY_RETRY)
            }
            Err(error) => {
                let text = format!(
                    "the image {}, which no version has any more, cannot be removed: {error}",
                    image.image.requested
                );
                inner.is_troubled(&trouble, None, text).await;
                let times = self.failed.get(&name).map_or(0, |failed| failed.times) + 1;
                let wait = match &error {
                    Error::Registry(RegistryError::DeletingDisabled { .. }) => DISABLED_RETRY,
                    _ => backoff::after(times, LONGEST_RETRY),
                };
                let until = Instant::now() + wait;
                self.failed.insert(name, Failed { times, until });
                Some(until)
            }
        }
    }

    /// Removes one from its registry, and from the engine.
    async fn remove(
        &mut self,
        inner: &Inner,
        repository: &ImageRepository,
        image: &LeftImage,
        strangers: &mut Strangers,
    ) -> Result<Outcome> {
        let locked = self.unsure.remove(repository.as_str());
        let Some(lock) = locked.or_else(|| inner.control.try_remove_images(repository)) else {
            return Ok(Outcome::Busy);
        };
        let left = still_left(inner, image).await?;
        if left.is_empty() || strangers.name(inner, repository, &left).await? {
            return Ok(Outcome::Settled);
        }
        match inner.registry.delete(repository, &image.image.digest).await {
            Ok(_) => {}
            Err(error @ RegistryError::Overdue { .. }) => {
                self.unsure.insert(repository.to_string(), lock);
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
        launcher_fault::point("image.removed_from_registry");
        self.is_gone(inner, &left).await?;
        Ok(Outcome::Settled)
    }

    /// Removes one that never left the engine.
    async fn forget(&self, inner: &Inner, image: &LeftImage) -> Result<Outcome> {
        let left = still_left(inner, image).await?;
        if !left.is_empty() {
            self.is_gone(inner, &left).await?;
        }
        Ok(Outcome::Settled)
    }

    async fn is_gone(&self, inner: &Inner, left: &[LeftImage]) -> Result<()> {
        if let Some(builder) = &inner.builder {
            for image in left {
                builder.forget_image(&image.image).await?;
            }
        }
        launcher_fault::point("image.forgotten");
        let builds: Vec<BuildId> = left.iter().map(|image| image.build).collect();
        let events: Vec<NewEvent> = left.iter().map(told).collect();
        inner.store.images_gone(&builds, &events, inner.now()).await?;
        Ok(())
    }
}

/// Every build that has left this very image, as it is now.
async fn still_left(inner: &Inner, image: &LeftImage) -> Result<Vec<LeftImage>> {
    let left = inner.store.left_images(Some(&image.image.digest)).await?;
    Ok(left.into_iter().filter(|other| key(other) == key(image)).collect())
}

fn told(image: &LeftImage) -> NewEvent {
    let whose = match image.version {
        Some(version) => format!("{version} of {}", image.service),
        None => format!("build {} of {}", image.build, image.service),
    };
    let text = format!("the image {} of {whose} was removed", image.image.requested);
    let event = NewEvent::new(EventKind::ImageRemoved, text).service(&image.service);
    match image.version {
        Some(version) => event.version(version),
        None => event,
    }
}

fn repository(image: &LeftImage) -> Option<&ImageRepository> {
    match &image.image.reference {
        ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _) => Some(repository),
        ImageRef::Id(_) => None,
    }
}

fn key(image: &LeftImage) -> Key {
    (repository(image).map(ToString::to_string), image.image.digest.clone())
}
