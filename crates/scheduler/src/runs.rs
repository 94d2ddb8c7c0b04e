//! One-off containers of any engine: telling what they print, and removing those of a person's command
//! when nobody listens any more.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{Output, Result};

/// So many lines wait for a slow reader.
const BUFFER: usize = 64;

/// The names of what runs a person's command for this process. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<HashSet<String>>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a name is one of those.
    pub(crate) fn contain(&self, name: &str) -> bool {
        self.lock().contains(name)
    }

    /// Takes a name in, until what bears it is discarded: when the guard is dropped.
    pub(crate) fn guard(
        &self,
        name: String,
        discard: impl Future<Output = Result<()>> + Send + 'static,
    ) -> RunGuard {
        self.lock().insert(name.clone());
        RunGuard { runs: self.clone(), name, discard: Some(discard.boxed()) }
    }
}

/// As long as it is there, somebody listens to a person's command.
pub(crate) struct RunGuard {
    runs: Runs,
    name: String,
    discard: Option<BoxFuture<'static, Result<()>>>,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        let (runs, name) = (self.runs.clone(), std::mem::take(&mut self.name));
        let Some(discard) = self.discard.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = discard.await {
                tracing::warn!(%name, %error, "what a one-off command ran in is left for later");
            }
            runs.lock().remove(&name);
        });
    }
}

/// Tells what `follow` passes on and, with the exit status that it gives, the end. It is dropped when nobody
/// listens any more, and the guard after it.
pub(crate) fn tell<F>(
    follow: impl FnOnce(mpsc::Sender<Result<Output>>) -> F,
    guard: Option<RunGuard>,
) -> BoxStream<'static, Result<Output>>
where
    F: Future<Output = Result<i64>> + Send + 'static,
{
    let (to, output) = mpsc::channel(BUFFER);
    let following = follow(to.clone());
    tokio::spawn(async move {
        tokio::select! {
            outcome = following => {
                let _ = to.send(outcome.map(|code| Output::Exit { code })).await;
            }
            () = to.closed() => {}
        }
        drop(guard);
    });
    ReceiverStream::new(output).boxed()
}
