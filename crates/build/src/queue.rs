//! Whose turn it is: the builds of one service run one after the other, in the order in which they came.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use launcher_model::ServiceName;
use tokio::sync::Notify;

use crate::builds::Inner;
use crate::{Result, run};

/// After the store could not be read, it is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// Wakes the loop of one service.
#[derive(Debug, Default)]
pub(crate) struct Queue(Notify);

impl Queue {
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

impl Inner {
    /// The loop of a service's builds, begun when there is none.
    pub(crate) fn queue(self: &Arc<Self>, service: &ServiceName) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(service) {
            return Arc::clone(queue);
        }
        let queue = Arc::new(Queue::default());
        queues.insert(service.clone(), Arc::clone(&queue));
        let (inner, name, woken) = (Arc::clone(self), service.clone(), Arc::clone(&queue));
        tokio::spawn(async move {
            let stop = inner.stop.clone();
            stop.run_until_cancelled(serve(inner, name, woken)).await;
        });
        queue
    }
}

async fn serve(inner: Arc<Inner>, service: ServiceName, queue: Arc<Queue>) {
    loop {
        match next(&inner, &service).await {
            Ok(true) => {}
            Ok(false) => queue.0.notified().await,
            Err(error) => {
                tracing::warn!(%service, %error, "a build could not be run");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Runs the oldest build that is not over. False when there is none.
async fn next(inner: &Arc<Inner>, service: &ServiceName) -> Result<bool> {
    let placed = inner.placing.lock().await;
    let unfinished = inner.store.unfinished_builds(Some(service)).await?;
    drop(placed);
    let Some(oldest) = unfinished.into_iter().next() else { return Ok(false) };
    let _turn = match inner.turns.try_acquire() {
        Ok(turn) => turn,
        Err(_) => {
            let text = "waits until a build of another service is over".to_owned();
            inner.tell(oldest.id, text).await;
            let Ok(turn) = inner.turns.acquire().await else { return Ok(false) };
            turn
        }
    };
    // It may have been cancelled, or replaced by a newer one, while others had their turns.
    if let Some(build) = inner.store.build(oldest.id).await?.filter(|build| !build.state.is_over())
    {
        // Boxed: it holds all of a build's steps.
        Box::pin(run::run(inner, build)).await?;
    }
    Ok(true)
}
