//! One look at a repository: what is new there becomes versions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use launcher_control::LaunchRequest;
use launcher_model::image::{Digest, ImageRef, PinnedImage};
use launcher_model::service::matches_pattern;
use launcher_registry::{About, Error as RegistryError};
use launcher_store::{Following, SeenImage};

use super::{Asked, Left, Rule};
use crate::{Error, Inner, Result};

/// So many questions to a registry are under way at once.
const AT_ONCE: usize = 4;
/// Where images say what they were built from
/// (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>).
const COMMIT: &str = "org.opencontainers.image.revision";
const BRANCH: &str = "org.opencontainers.image.ref.name";
/// A label is cut there, in characters.
const LONGEST_LABEL: usize = 200;
/// Who launches what was pushed.
const BY: &str = "registry";

/// Looks at what is asked for, and launches what is new. Gives back what must be looked at again: all of it,
/// when a build of the service may be pushing it, else tags that do not mean yet what was pushed.
pub(super) async fn look(inner: &Inner, rule: &Rule, asked: &Asked) -> Result<Left> {
    let following =
        Following { repository: rule.repository.to_string(), pattern: rule.pattern.clone() };
    let begins = inner.store.following(&rule.service).await? != Some(following.clone());
    if begins {
        inner.store.end_following(&rule.service).await?;
    }
    let tags = if asked.all || begins {
        fitting(inner, rule).await?
    } else {
        asked.tags.keys().cloned().collect()
    };
    if tags.is_empty() && !begins {
        return Ok(Left::default());
    }
    let found = digests(inner, rule, &tags).await?;
    // Asked for after the registry was: what a build has pushed by then, it has kept, or is still at it.
    let Some(new) = inner.store.new_images(&rule.service, &found).await? else {
        let asked = Asked { all: asked.all || begins, tags: asked.tags.clone() };
        return Ok(Left { asked, settles: false });
    };
    let left = unsettled(asked, &found);
    let mut new = described(inner, rule, new).await?;
    new.sort_by(|(a, one), (b, other)| (one.created, &a.tag).cmp(&(other.created, &b.tag)));
    if begins {
        let newest = new.pop();
        let is_newest =
            |image: &SeenImage| newest.as_ref().is_some_and(|(new, _)| new.digest == image.digest);
        let seen: Vec<SeenImage> = found.into_iter().filter(|image| !is_newest(image)).collect();
        inner.store.begin_following(&rule.service, &following, &seen, inner.now()).await?;
        launcher_fault::point("follow.begun");
        new = newest.into_iter().collect();
    }
    for (image, about) in new {
        launch(inner, rule, &image, &about).await?;
    }
    Ok(left)
}

/// What was told to be pushed under tags that do not mean it yet.
fn unsettled(asked: &Asked, found: &[SeenImage]) -> Left {
    let waits = |tag: &str, digest: &Digest| {
        !found.iter().any(|image| image.tag == tag && image.digest == *digest)
    };
    let tags = asked
        .tags
        .iter()
        .filter(|(tag, pushed)| pushed.as_ref().is_some_and(|digest| waits(tag, digest)));
    let tags: BTreeMap<_, _> = tags.map(|(tag, pushed)| (tag.clone(), pushed.clone())).collect();
    let settles = !tags.is_empty();
    Left { asked: Asked { all: false, tags }, settles }
}

/// The tags that fit. A repository that is not there yet has none.
async fn fitting(inner: &Inner, rule: &Rule) -> Result<BTreeSet<String>> {
    match inner.registry.tags(&rule.repository).await {
        Ok(tags) => {
            Ok(tags.into_iter().filter(|tag| matches_pattern(&rule.pattern, tag)).collect())
        }
        Err(RegistryError::Missing { .. }) => Ok(BTreeSet::new()),
        Err(error) => Err(error.into()),
    }
}

/// What tags mean now; one that is gone means nothing. Of one image, its last tag in their order comes
/// first.
async fn digests(inner: &Inner, rule: &Rule, tags: &BTreeSet<String>) -> Result<Vec<SeenImage>> {
    let asking = tags.iter().cloned().map(|tag| async move {
        let name = ImageRef::Tag(rule.repository.clone(), tag.clone());
        match inner.registry.digest(&name).await {
            Ok(digest) => Ok(Some(SeenImage { tag, digest })),
            Err(RegistryError::Missing { .. }) => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    });
    let found: Vec<Option<SeenImage>> =
        stream::iter(asking).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut found: Vec<SeenImage> = found.into_iter().flatten().collect();
    found.sort_by(|a, b| Reverse(&a.tag).cmp(&Reverse(&b.tag)));
    Ok(found)
}

async fn described(
    inner: &Inner,
    rule: &Rule,
    images: Vec<SeenImage>,
) -> Result<Vec<(SeenImage, About)>> {
    let asking = images.into_iter().map(|image| async move {
        let about = inner.registry.about(&rule.repository, &image.digest).await?;
        Ok::<_, Error>((image, about))
    });
    stream::iter(asking).buffer_unordered(AT_ONCE).try_collect().await
}

async fn launch(inner: &Inner, rule: &Rule, image: &SeenImage, about: &About) -> Result<()> {
    let requested = ImageRef::Tag(rule.repository.clone(), image.tag.clone());
    let reference = ImageRef::Digest(rule.repository.clone(), image.digest.clone());
    let shown = requested.to_string();
    let request = LaunchRequest {
        pinned: Some(PinnedImage { requested, reference, digest: image.digest.clone() }),
        commit: label(about, COMMIT),
        branch: label(about, BRANCH),
        followed: Some(image.tag.clone()),
        ..LaunchRequest::new(rule.service.clone(), BY)
    };
    match inner.control.launch(request).await {
        Ok(_) => Ok(()),
        // It was seen meanwhile, or one of the service's builds has pushed it.
        Err(launcher_control::Error::Store(launcher_store::Error::Exists { .. })) => Ok(()),
        Err(why) => Err(Error::Launch { image: shown, why }),
    }
}

/// A label, as one bounded line.
fn label(about: &About, name: &str) -> Option<String> {
    let text: String =
        about.labels.get(name)?.chars().filter(|c| !c.is_control()).take(LONGEST_LABEL).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
