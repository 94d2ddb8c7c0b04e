//! What was deployed, launched and built is told to a collector, when it is over.
//!
//! Events say what is over, and the store's records what it was. The number of the last event of which the
//! collector was told is kept in a file: what happens while the collector or the server is away is told
//! afterwards, and nothing waits for it in memory. What was told just before the server died is told again;
//! the same spans have the same ids.

mod over;

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use launcher_model::event::Event;
use launcher_store::{EventFilter, Store};
use launcher_telemetry::otlp::{Trace, Traces};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::config::Config;
use super::data::{DataDir, write_private};

/// So many events are looked at at once.
const PAGE: u32 = 200;

/// The file is written at the latest after so many events of which there was nothing to tell.
const UNTOLD: i64 = 1_000;

/// How long is waited when the store or the file cannot be used.
const AGAIN: Duration = Duration::from_secs(5);

/// Has a collector told from now on, where there is one.
pub(crate) async fn follow(
    config: &Config,
    data: &DataDir,
    store: &Arc<dyn Store>,
    installation: &str,
) -> Result<()> {
    let Some(otlp) = &config.otlp else { return Ok(()) };
    let Some(traces) = otlp.traces(installation)? else { return Ok(()) };
    // Nothing that comes from now on is missed.
    let events = store.watch();
    let mut follower = Follower::open(Arc::clone(store), traces, data.traced()).await?;
    tokio::spawn(async move { follower.run(events).await });
    Ok(())
}

/// Reads events in order.
struct Follower {
    store: Arc<dyn Store>,
    traces: Traces,
    file: PathBuf,
    /// The last event that needs no look any more.
    seen: i64,
    /// The one that the file has.
    kept: i64,
}

impl Follower {
    /// Goes on where the one before has ended. The first of an installation begins with what happens next.
    async fn open(store: Arc<dyn Store>, traces: Traces, file: PathBuf) -> Result<Self> {
        let filter = EventFilter { limit: 1, ..EventFilter::default() };
        let newest = store.events(&filter).await?.first().map_or(0, |event| event.id);
        // A database that was put back knows less than the file.
        let kept = read(&file)?.filter(|kept| *kept <= newest);
        let seen = kept.unwrap_or(newest);
        if kept.is_none() {
            write_private(&file, &format!("{seen}\n"))?;
        }
        Ok(Self { store, traces, file, seen, kept: seen })
    }

    /// Tells what is over, until there are no events any more.
    async fn run(&mut self, mut events: Receiver<Event>) {
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => {
                    if !comes_more(&mut events).await {
                        return;
                    }
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(
                        error,
                        "the collector is not told what has happened; it is tried again"
                    );
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Looks at the next events, and tells what is over. False when there were none.
    async fn step(&mut self) -> Result<bool> {
        let filter = EventFilter { after: Some(self.seen), limit: PAGE, ..EventFilter::default() };
        let events = self.store.events(&filter).await?;
        let Some(last) = events.last() else { return Ok(false) };
        let names = self.traces.names();
        let mut over: Vec<Trace> = Vec::new();
        for event in &events {
            for trace in over::with(&*self.store, &names, event).await? {
                // Several builds may have lost their places at once, with an event each.
                if !over.contains(&trace) {
                    over.push(trace);
                }
            }
        }
        let is_told = !over.is_empty();
        self.traces.tell(over).await;
        self.seen = last.id;
        if is_told || self.seen - self.kept >= UNTOLD {
            write_private(&self.file, &format!("{}\n", self.seen))?;
            self.kept = self.seen;
        }
        Ok(true)
    }
}

/// Waits for an event, however many come at once. False when none will.
async fn comes_more(events: &mut Receiver<Event>) -> bool {
    if matches!(events.recv().await, Err(RecvError::Closed)) {
        return false;
    }
    // They are read from the store, those too that were missed here.
    while !matches!(events.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
    true
}

/// The event that the file has; none when there is no file, or none that says one.
fn read(file: &PathBuf) -> Result<Option<i64>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

#[cfg(test)]
mod tests;
