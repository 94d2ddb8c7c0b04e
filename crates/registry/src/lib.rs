//! Talks to image registries by the distribution protocol
//! (<https://distribution.github.io/distribution/spec/api/>): what a name means now, which tags there are,
//! what an image says of itself, tagging, deleting.
//!
//! The protocol is spoken here, and not by a library's client, because deleting has to ask for a right of
//! its own, and because a login that is refused, a token server that is away and an answer without an end
//! must be told apart.

mod access;
mod client;
mod error;
mod place;
mod registries;

#[cfg(feature = "fake")]
pub mod fake;

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::image::{Digest, ImageRef, ImageRepository};

pub use access::{Access, Authority, Login};
pub use client::Patience;
pub use error::Error;
pub use place::Place;
pub use registries::{Registries, Trust, digest_of};

/// The result of a call to a registry.
pub type Result<T> = std::result::Result<T, Error>;

/// Where images are kept.
///
/// Every verb has a deadline, and may be repeated.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// The digest of the manifest that a name means now.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none, and [`Error::Setting`] for an image id: engines know those.
    async fn digest(&self, image: &ImageRef) -> Result<Digest>;

    /// The tags of a repository, sorted.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such repository.
    async fn tags(&self, repository: &ImageRepository) -> Result<Vec<String>>;

    /// What an image says of itself. One for several platforms is asked for the first of them.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such image.
    async fn about(&self, repository: &ImageRepository, digest: &Digest) -> Result<About>;

    /// Gives a manifest that is there another tag, which may have meant something else before.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such manifest.
    async fn tag(&self, repository: &ImageRepository, digest: &Digest, tag: &str) -> Result<()>;

    /// Deletes a manifest, and with it every tag of it. False when there was none.
    ///
    /// # Errors
    /// [`Error::DeletingDisabled`] when the registry does not allow it.
    async fn delete(&self, repository: &ImageRepository, digest: &Digest) -> Result<bool>;
}

/// What an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// When it was built, as far as it says so.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}
