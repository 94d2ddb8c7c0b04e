//! Tags that others have put on images of builds: those images are theirs too.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use launcher_model::image::{Digest, ImageRef, ImageRepository};
use launcher_registry::Error as RegistryError;
use launcher_store::LeftImage;

use crate::{Error, Inner, Result};

/// So many questions to a registry are under way at once.
const AT_ONCE: usize = 4;
/// As much of a commit's id as is a tag.
const COMMIT: usize = 12;

/// What the tags of repositories meant, when they were first asked for in a sweep.
#[derive(Default)]
pub(super) struct Strangers {
    tags: HashMap<String, BTreeMap<String, Digest>>,
}

impl Strangers {
    /// Whether an image has a tag that its builds did not give it.
    pub(super) async fn name(
        &mut self,
        inner: &Inner,
        repository: &ImageRepository,
        left: &[LeftImage],
    ) -> Result<bool> {
        let known = repository.as_str();
        if !self.tags.contains_key(known) {
            self.tags.insert(known.to_owned(), read(inner, repository).await?);
        }
        let tags = self.tags.get(known);
        let is_strange = |tag: &str| !left.iter().any(|image| gave(image, tag));
        let digest = left.first().map(|image| &image.image.digest);
        Ok(tags.into_iter().flatten().any(|(tag, of)| Some(of) == digest && is_strange(tag)))
    }
}

/// Whether a build gave its image this tag: that of its push, its number, its commit, or its version's.
fn gave(image: &LeftImage, tag: &str) -> bool {
    let pushed = match &image.image.requested {
        ImageRef::Tag(_, pushed) => pushed == tag,
        ImageRef::Id(_) | ImageRef::Digest(..) => false,
    };
    pushed
        || tag == format!("build-{}", image.build)
        || image.version.is_some_and(|version| tag == version.to_string())
        || image.commit.as_deref().is_some_and(|id| id == tag || id.get(..COMMIT) == Some(tag))
}

async fn read(inner: &Inner, repository: &ImageRepository) -> Result<BTreeMap<String, Digest>> {
    let tags = match inner.registry.tags(repository).await {
        Ok(tags) => tags,
        Err(RegistryError::Missing { .. }) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let asking = tags.into_iter().map(|tag| async move {
        match inner.registry.digest(&ImageRef::Tag(repository.clone(), tag.clone())).await {
            Ok(digest) => Ok(Some((tag, digest))),
            Err(RegistryError::Missing { .. }) => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    });
    let read: Vec<Option<(String, Digest)>> =
        stream::iter(asking).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}
