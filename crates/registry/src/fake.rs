//! A registry in memory, which does as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use launcher_model::image::{Digest, ImageRef, ImageRepository};

use crate::{About, Error, Place, Registry, Result};

/// A registry in memory. A clone is the same one.
#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    repositories: BTreeMap<String, Repository>,
    trouble: Option<Error>,
    deleted: Vec<Digest>,
    hangs: bool,
}

#[derive(Default)]
struct Repository {
    manifests: BTreeMap<Digest, About>,
    tags: BTreeMap<String, Digest>,
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an image with this tag from now on.
    pub fn push(&self, repository: &ImageRepository, tag: &str, digest: &Digest, about: About) {
        let mut state = self.state();
        let kept = state.repositories.entry(key(repository)).or_default();
        kept.manifests.insert(digest.clone(), about);
        kept.tags.insert(tag.to_owned(), digest.clone());
    }

    /// Fails so from now on, or not any more.
    pub fn fails(&self, trouble: Option<Error>) {
        self.state().trouble = trouble;
    }

    /// Does not answer in time when it is to delete, or does again.
    pub fn hangs_at_deleting(&self, hangs: bool) {
        self.state().hangs = hangs;
    }

    /// Whether it has a manifest.
    #[must_use]
    pub fn has(&self, repository: &ImageRepository, digest: &Digest) -> bool {
        let state = self.state();
        let kept = state.repositories.get(&key(repository));
        kept.is_some_and(|kept| kept.manifests.contains_key(digest))
    }

    /// Every manifest that it has.
    #[must_use]
    pub fn all(&self) -> BTreeSet<Digest> {
        let state = self.state();
        state.repositories.values().flat_map(|kept| kept.manifests.keys().cloned()).collect()
    }

    /// What was deleted, in this order.
    #[must_use]
    pub fn deleted(&self) -> Vec<Digest> {
        self.state().deleted.clone()
    }

    fn ask(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        match &state.trouble {
            None => Ok(state),
            Some(trouble) => Err(trouble.clone()),
        }
    }
}

fn key(repository: &ImageRepository) -> String {
    Place::of(repository).path().to_owned()
}

fn missing(repository: &ImageRepository, what: &impl ToString) -> Error {
    let registry = Place::of(repository).registry().to_owned();
    Error::Missing { registry, what: what.to_string(), why: "unknown".to_owned() }
}

#[async_trait]
impl Registry for Fake {
    async fn digest(&self, image: &ImageRef) -> Result<Digest> {
        let state = self.ask()?;
        let (ImageRef::Tag(repository, _) | ImageRef::Digest(repository, _)) = image else {
            return Err(Error::Setting {
                what: "an image without a registry",
                why: image.to_string(),
            });
        };
        let kept = state.repositories.get(&key(repository));
        let found = kept.and_then(|kept| match image {
            ImageRef::Tag(_, tag) => kept.tags.get(tag),
            ImageRef::Digest(_, digest) => kept.manifests.get_key_value(digest).map(|(d, _)| d),
            ImageRef::Id(_) => None,
        });
        found.cloned().ok_or_else(|| missing(repository, image))
    }

    async fn tags(&self, repository: &ImageRepository) -> Result<Vec<String>> {
        let state = self.ask()?;
        let kept = state.repositories.get(&key(repository));
        let kept = kept.ok_or_else(|| missing(repository, repository))?;
        Ok(kept.tags.keys().cloned().collect())
    }

    async fn about(&self, repository: &ImageRepository, digest: &Digest) -> Result<About> {
        let state = self.ask()?;
        let kept = state.repositories.get(&key(repository));
        let about = kept.and_then(|kept| kept.manifests.get(digest));
        about.cloned().ok_or_else(|| missing(repository, digest))
    }

    async fn tag(&self, repository: &ImageRepository, digest: &Digest, tag: &str) -> Result<()> {
        let mut state = self.ask()?;
        let kept = state.repositories.entry(key(repository)).or_default();
        if !kept.manifests.contains_key(digest) {
            return Err(missing(repository, digest));
        }
        kept.tags.insert(tag.to_owned(), digest.clone());
        Ok(())
    }

    async fn delete(&self, repository: &ImageRepository, digest: &Digest) -> Result<bool> {
        let mut state = self.ask()?;
        if state.hangs {
            let registry = Place::of(repository).registry().to_owned();
            return Err(Error::Overdue { registry, within: std::time::Duration::from_secs(1) });
        }
        let kept = state.repositories.entry(key(repository)).or_default();
        kept.tags.retain(|_, tagged| tagged != digest);
        let there = kept.manifests.remove(digest).is_some();
        state.deleted.push(digest.clone());
        Ok(there)
    }
}
