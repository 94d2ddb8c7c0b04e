//! Callbacks: events that are posted to whoever has subscribed, up to 1.4.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;

use super::{State, World};

/// Whoever is called has to answer within that time.
const ANSWER: Duration = Duration::from_secs(10);
/// Longer than so many doublings of a second nobody is skipped.
const DOUBLINGS: u32 = 16;

/// Who is called.
#[derive(Default)]
pub(crate) struct Callbacks(Vec<(String, mpsc::UnboundedSender<Value>)>);

impl Callbacks {
    /// In the order of their subscription.
    pub(crate) fn urls(&self) -> Vec<&str> {
        self.0.iter().map(|(url, _)| url.as_str()).collect()
    }

    pub(crate) fn remove(&mut self, url: &str) {
        self.0.retain(|(known, _)| known != url);
    }

    pub(super) fn send(&self, body: &Value) {
        for (_, to) in &self.0 {
            let _ = to.send(body.clone());
        }
    }
}

impl World {
    /// Subscribes a URL; once, however often it is asked for.
    pub(crate) fn subscribe(self: &Arc<Self>, state: &mut State, url: &str) {
        if state.callbacks.urls().contains(&url) {
            return;
        }
        let (to, events) = mpsc::unbounded_channel();
        state.callbacks.0.push((url.to_owned(), to));
        self.spawn(deliver(self.client.clone(), url.to_owned(), events));
    }
}

/// Posts one event after the other. What cannot be delivered is lost, and so is what comes within the
/// time for which the URL is skipped then.
async fn deliver(client: reqwest::Client, url: String, mut events: mpsc::UnboundedReceiver<Value>) {
    let mut failures = 0;
    let mut skipped_until: Option<Instant> = None;
    while let Some(event) = events.recv().await {
        if skipped_until.is_some_and(|until| Instant::now() < until) {
            continue;
        }
        let call =
            client.post(&url).timeout(ANSWER).header("accept", "application/json").json(&event);
        let delivered = call.send().await.is_ok_and(|answer| answer.status().is_success());
        failures = if delivered { 0 } else { failures + 1 };
        let pause = Duration::from_secs(1 << failures.min(DOUBLINGS));
        skipped_until = (!delivered).then(|| Instant::now() + pause);
    }
}
