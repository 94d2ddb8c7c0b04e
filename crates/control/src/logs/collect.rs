//! Keeps what containers have printed on engines that remove them by themselves.
//!
//! Nothing is followed while a container runs: that would be a task and a connection for each, of which most
//! say nothing. What a container printed is read when its end is observed, which is before an engine forgets
//! it. One that is about to be ended, and that its engine removes at once then, is followed from before that.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use launcher_model::VersionNumber;
use launcher_model::container::{Container, ContainerPhase};
use launcher_scheduler::{LogKeeper, LogOptions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Inner;
use crate::slot::Slot;

/// How long the end of a log is waited for once its container was ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Containers whose logs are being kept now.
#[derive(Debug, Default)]
pub(crate) struct Collecting(Mutex<HashSet<String>>);

impl Collecting {
    fn begin(&self, container: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(container.to_owned())
    }

    fn end(&self, container: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(container);
    }
}

/// Whether containers go without our doing. Elsewhere the driver keeps their logs as it removes them.
fn removes_by_itself(inner: &Inner) -> bool {
    let engine = inner.scheduler.capabilities();
    engine.replaces && engine.logs
}

/// Keeps the logs of containers that have ended, and have not been kept.
pub(crate) fn collect_ended(inner: &Arc<Inner>, containers: &[Container]) {
    if !removes_by_itself(inner) {
        return;
    }
    let has_ended = |one: &&Container| matches!(one.phase, ContainerPhase::Exited { .. });
    for container in containers.iter().filter(has_ended) {
        if inner.logs.has(container) || !inner.collecting.begin(&container.id) {
            continue;
        }
        let (inner, container) = (Arc::clone(inner), container.clone());
        tokio::spawn(async move {
            let read = inner.scheduler.logs(&container.id, LogOptions::default()).await;
            match read {
                Ok(log) => inner.logs.keep(&container, log).await,
                Err(error) => {
                    tracing::debug!(container = %container.id, %error, "a log cannot be kept yet");
                }
            }
            inner.collecting.end(&container.id);
        });
    }
}

/// Containers that are about to be ended, whose logs are followed until they have.
pub(crate) struct Ending {
    following: JoinSet<()>,
    enough: CancellationToken,
}

impl Ending {
    /// Begins to follow those of a version that run: all, or of these ids.
    pub(crate) async fn begin(
        inner: &Arc<Inner>,
        slot: &Slot,
        number: VersionNumber,
        ids: Option<&BTreeSet<String>>,
    ) -> Self {
        let mut ending = Self { following: JoinSet::new(), enough: CancellationToken::new() };
        if !removes_by_itself(inner) {
            return ending;
        }
        let observed = slot.observed();
        let containers =
            observed.iter().flat_map(|all| all.iter()).map(|checked| &checked.container);
        let wanted = containers.filter(|container| {
            container.version == number
                && container.is_running()
                && ids.is_none_or(|ids| ids.contains(&container.id))
        });
        for container in wanted {
            let options = LogOptions { follow: true, ..LogOptions::default() };
            let Ok(log) = inner.scheduler.logs(&container.id, options).await else { continue };
            let (inner, container) = (Arc::clone(inner), container.clone());
            let enough = ending.enough.clone();
            ending.following.spawn(async move {
                let kept = inner.logs.follow(&container, log, enough.cancelled()).await;
                if let Err(error) = kept {
                    inner.logs.gone(&container, &error);
                }
            });
        }
        ending
    }

    /// Keeps what they have said, now that they were ended.
    pub(crate) async fn finish(mut self) {
        let all = async { while self.following.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            self.enough.cancel();
            while self.following.join_next().await.is_some() {}
        }
    }
}
