//! An engine that only forgets images.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use launcher_model::BuildId;
use launcher_model::image::{Digest, PinnedImage};
use launcher_scheduler::{
    BuildOrder, Builder, Building, Context, Error, Output, Push, Pushing, RegistryLogin, Result,
    TestRun,
};

#[derive(Clone, Default)]
pub(crate) struct Forgetting {
    forgotten: Arc<Mutex<Vec<Digest>>>,
    away: Arc<Mutex<bool>>,
}

impl Forgetting {
    pub(crate) fn forgotten(&self) -> Vec<Digest> {
        self.forgotten.lock().unwrap().clone()
    }

    /// Cannot be reached from now on, or again.
    pub(crate) fn is_away(&self, away: bool) {
        *self.away.lock().unwrap() = away;
    }
}

fn unsupported<T>() -> Result<T> {
    Err(Error::Unsupported { engine: "this", what: "build" })
}

#[async_trait]
impl Builder for Forgetting {
    async fn build(
        &self,
        _: &BuildOrder,
        _: Context,
    ) -> Result<BoxStream<'static, Result<Building>>> {
        unsupported()
    }

    async fn test(&self, _: &TestRun) -> Result<BoxStream<'static, Result<Output>>> {
        unsupported()
    }

    async fn push(
        &self,
        _: &Push,
        _: Option<&RegistryLogin>,
    ) -> Result<BoxStream<'static, Result<Pushing>>> {
        unsupported()
    }

    async fn sweep_builds(&self, _: &[BuildId]) -> Result<()> {
        Ok(())
    }

    async fn forget_image(&self, image: &PinnedImage) -> Result<()> {
        if *self.away.lock().unwrap() {
            let (engine, why) = ("this".to_owned(), "away".to_owned());
            return Err(Error::Unreachable { engine, doing: "forgetting", why });
        }
        self.forgotten.lock().unwrap().push(image.digest.clone());
        Ok(())
    }
}
