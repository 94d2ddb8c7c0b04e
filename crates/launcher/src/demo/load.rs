//! Load on production, which notices every request that fails, every connection that is closed on it,
//! and every answer from a version that was not live at any time during the request.

mod live;
mod tally;
mod visitor;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::http::Door;

pub(super) use live::Live;
pub(super) use tally::{Seen, Tally};

/// Keep-alive connections, each with one request after the other.
pub(super) const CONNECTIONS: usize = 32;
/// WebSockets, each with one message after the other.
pub(super) const WEBSOCKETS: usize = 8;
/// How long it may take until a version that went live is seen to answer.
const SEEN_WITHIN: Duration = Duration::from_secs(15);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Load that is on until it is ended.
#[derive(Debug)]
pub(super) struct Load {
    seen: Arc<Seen>,
    stop: CancellationToken,
    visitors: JoinSet<()>,
}

/// What all visitors share.
#[derive(Debug, Clone)]
struct Crowd {
    door: Door,
    live: Arc<Live>,
    seen: Arc<Seen>,
    stop: CancellationToken,
}

impl Load {
    /// Begins.
    pub(super) fn begin(door: Door, live: Arc<Live>) -> Self {
        let (seen, stop) = (Arc::<Seen>::default(), CancellationToken::new());
        let crowd = Crowd { door, live, seen: Arc::clone(&seen), stop: stop.clone() };
        let mut visitors = JoinSet::new();
        for number in 0..CONNECTIONS {
            visitors.spawn(visitor::come(crowd.clone(), number));
        }
        for number in 0..WEBSOCKETS {
            visitors.spawn(websocket::come(crowd.clone(), number));
        }
        Self { seen, stop, visitors }
    }

    /// What is counted.
    pub(super) fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    /// Waits until so many requests were answered by a version.
    ///
    /// # Errors
    /// When it takes too long.
    pub(super) async fn answered_by(&self, version: u32, times: u64) -> Result<()> {
        let deadline = tokio::time::Instant::now() + SEEN_WITHIN;
        let already = self.seen.tally().answers_of(version);
        while self.seen.tally().answers_of(version) < already + times {
            if tokio::time::Instant::now() >= deadline {
                bail!("version {version} is live, but production does not reach it");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Ends when the requests under way are answered.
    pub(super) async fn end(mut self) -> Tally {
        self.stop.cancel();
        while self.visitors.join_next().await.is_some() {}
        self.seen.tally()
    }
}
