//! The record of images in registries, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::event::NewEvent;
use launcher_model::image::Digest;
use launcher_model::{BuildId, ServiceName};

use crate::{Following, LeftImage, Result, SeenImage};

/// Keeps what is known of images in registries, by the rules of [`Store`](crate::Store).
#[async_trait]
pub trait ImageStore: Send + Sync + 'static {
    /// What a service follows, as far as that has begun.
    async fn following(&self, service: &ServiceName) -> Result<Option<Following>>;
    /// Begins to follow, or to follow something else: what was seen before is forgotten, and these images
    /// count as seen.
    ///
    /// # Errors
    /// [`Error::NoSuch`](crate::Error::NoSuch) when there is no such service.
    async fn begin_following(
        &self,
        service: &ServiceName,
        following: &Following,
        seen: &[SeenImage],
        at: Timestamp,
    ) -> Result<()>;
    /// Follows nothing any more. Nothing when it did not.
    async fn end_following(&self, service: &ServiceName) -> Result<()>;
    /// Those of these images that are new to a service: that it has not seen, no kept version of it has,
    /// and none of its builds has pushed. When one of its builds may be pushing one of them at this moment,
    /// none is given: they must be looked at again when that is over.
    async fn new_images(
        &self,
        service: &ServiceName,
        found: &[SeenImage],
    ) -> Result<Option<Vec<SeenImage>>>;

    /// The images of builds that nobody needs any more: all versions with that content are destroyed, no
    /// build that is not over has it or may be pushing it, and they were not removed yet. Of one digest, or
    /// all.
    async fn left_images(&self, digest: Option<&Digest>) -> Result<Vec<LeftImage>>;
    /// Keeps that the images of these builds are gone.
    async fn images_gone(
        &self,
        builds: &[BuildId],
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<()>;
}
