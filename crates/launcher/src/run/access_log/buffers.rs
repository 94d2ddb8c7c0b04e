//! The directories of buffers. While an edge is taken over from there are two processes, each with a buffer
//! of its own. What one of them leaves is sent by another.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use launcher_fluent::{Error, ForwardOptions, Forwarder, Result};
use tokio::task::JoinSet;

/// So many processes may have one at a time.
const PLACES: usize = 8;

/// From one look whether the process that has a buffer has ended to the next.
const AGAIN: Duration = Duration::from_secs(10);

/// A buffer of this process, and those that others leave.
pub(super) struct Buffers {
    forwarder: Arc<Forwarder>,
    left: JoinSet<()>,
}

impl Buffers {
    /// Takes the first of the places in `directory` that is free.
    pub(super) fn start(
        directory: &Path,
        options: impl Fn(PathBuf) -> ForwardOptions,
    ) -> Result<Self> {
        let places = (0..PLACES).map(|place| directory.join(place.to_string()));
        let mut others = Vec::new();
        let mut taken = None;
        for place in places {
            if taken.is_some() {
                others.push(place);
                continue;
            }
            match Forwarder::start(options(place.clone())) {
                Ok(forwarder) => taken = Some(forwarder),
                Err(Error::BufferTaken { .. }) => others.push(place),
                Err(error) => return Err(error),
            }
        }
        let taken = taken.ok_or_else(|| Error::BufferTaken { path: directory.to_owned() })?;
        let mut left = JoinSet::new();
        for place in others.into_iter().filter(|place| place.exists()) {
            left.spawn(send_what_is_left(options(place)));
        }
        Ok(Self { forwarder: Arc::new(taken), left })
    }

    /// What takes records.
    pub(super) fn forwarder(&self) -> &Arc<Forwarder> {
        &self.forwarder
    }

    /// Sends what there is, for at most so long.
    pub(super) async fn close(mut self, within: Duration) {
        self.left.shutdown().await;
        let sent = match Arc::try_unwrap(self.forwarder) {
            Ok(forwarder) => forwarder.close(within).await,
            Err(shared) => tokio::time::timeout(within, shared.delivered()).await.is_ok(),
        };
        if !sent {
            tracing::warn!("a part of the access log could not be sent, and stays in the buffer");
        }
    }
}

/// Sends what another process has left, once it has ended.
async fn send_what_is_left(options: ForwardOptions) {
    let directory = options.buffer.clone();
    let forwarder = loop {
        match Forwarder::start(options.clone()) {
            Ok(forwarder) => break forwarder,
            Err(Error::BufferTaken { .. }) => tokio::time::sleep(AGAIN).await,
            Err(error) => {
                tracing::warn!(%error, "a part of the access log cannot be sent");
                return;
            }
        }
    };
    forwarder.delivered().await;
    forwarder.close(Duration::ZERO).await;
    tracing::debug!(directory = %directory.display(), "what was left of the access log is sent");
}
