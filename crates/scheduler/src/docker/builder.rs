//! Making images on the same engine.

mod buildkit;
mod classic;
mod forget;
mod push;
mod report;
mod sweep;
mod text;
mod trial;
mod watched;
pub(super) mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use launcher_model::BuildId;
use launcher_model::image::PinnedImage;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use self::buildkit::BuildKit;
pub(super) use self::trial::Tests;
use super::follow::BUFFER;
use super::{Docker, Engine};
use crate::identity::BuildIdentity;
use crate::{
    BuildOrder, Builder, Building, Context, Output, Push, Pushing, RegistryLogin, Result, TestRun,
};

#[async_trait]
impl Builder for Docker {
    async fn build(
        &self,
        order: &BuildOrder,
        context: Context,
    ) -> Result<BoxStream<'static, Result<Building>>> {
        match BuildKit::open(&self.0, order).await? {
            Some(buildkit) => Ok(buildkit.build(&self.0, order, context)),
            None => classic::build(&self.0, order, context).await,
        }
    }

    async fn test(&self, test: &TestRun) -> Result<BoxStream<'static, Result<Output>>> {
        trial::run(Arc::clone(&self.0), test).await
    }

    async fn push(
        &self,
        push: &Push,
        login: Option<&RegistryLogin>,
    ) -> Result<BoxStream<'static, Result<Pushing>>> {
        push::push(&self.0, push, login).await
    }

    async fn sweep_builds(&self, running: &[BuildId]) -> Result<()> {
        self.0.sweep_builds(running).await
    }

    async fn forget_image(&self, image: &PinnedImage) -> Result<()> {
        self.0.forget_image(image).await
    }
}

impl Engine {
    /// The name of the image that comes out of a build. What has none an engine takes for left over:
    /// `docker system prune` removes it as soon as no container uses it, though a version may need it again.
    fn image_name(&self, order: &BuildOrder) -> String {
        self.installation.image_name(&BuildIdentity::of(order))
    }

    /// The labels of the image that comes out of a build.
    fn image_labels(&self, order: &BuildOrder) -> HashMap<String, String> {
        let mut labels: HashMap<_, _> = order.labels.clone().into_iter().collect();
        labels.extend(self.installation.image_labels(&BuildIdentity::of(order)));
        labels
    }
}

/// Does `work`, which sends what it has to tell, until its end or until nobody listens any more. Its outcome
/// comes last.
fn telling<T, F>(work: impl FnOnce(mpsc::Sender<Result<T>>) -> F) -> BoxStream<'static, Result<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let (to, told) = mpsc::channel(BUFFER);
    let work = work(to.clone());
    tokio::spawn(async move {
        tokio::select! {
            outcome = work => {
                let _ = to.send(outcome).await;
            }
            () = to.closed() => {}
        }
    });
    ReceiverStream::new(told).boxed()
}
