//! The record of images: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::event::NewEvent;
use launcher_model::image::Digest;
use launcher_model::{BuildId, ServiceName};

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, follows, left_images};
use crate::{Following, ImageStore, LeftImage, Result, SeenImage};

#[async_trait]
impl ImageStore for SqliteStore {
    async fn following(&self, service: &ServiceName) -> Result<Option<Following>> {
        self.read("reading what is followed", follows::of(&self.readers, service).await)
    }

    async fn begin_following(
        &self,
        service: &ServiceName,
        following: &Following,
        seen: &[SeenImage],
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.begin("beginning to follow").await?;
        let outcome = follows::begin(&mut write, service, following, seen, kept(at)).await;
        write.end(outcome).await
    }

    async fn end_following(&self, service: &ServiceName) -> Result<()> {
        if self.following(service).await?.is_none() {
            return Ok(());
        }
        let mut write = self.begin("ending to follow").await?;
        let outcome = follows::end(&mut write, service).await;
        write.end(outcome).await
    }

    async fn new_images(
        &self,
        service: &ServiceName,
        found: &[SeenImage],
    ) -> Result<Option<Vec<SeenImage>>> {
        let doing = "looking for new images";
        // Of one moment: a build's image is kept after it was pushed, and before its step is over.
        let mut reading = match self.readers.begin().await {
            Ok(reading) => reading,
            Err(error) => return self.read(doing, Err(error.into())),
        };
        self.read(doing, follows::new_among(&mut reading, service, found).await)
    }

    async fn left_images(&self, digest: Option<&Digest>) -> Result<Vec<LeftImage>> {
        self.read("looking for images left", left_images::list(&self.readers, digest).await)
    }

    async fn images_gone(
        &self,
        builds: &[BuildId],
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.begin("writing down that an image is gone").await?;
        let outcome = left_images::gone(&mut write, builds, events, kept(at)).await;
        write.end(outcome).await
    }
}
