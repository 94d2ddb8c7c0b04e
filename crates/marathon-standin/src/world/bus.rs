//! Who listens to events, and what each of them is sent.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Event;
use crate::version::Version;

/// What is written at once.
pub(crate) type Frame = Bytes;

/// Those who listen.
pub(crate) struct Bus {
    version: Version,
    listeners: Vec<Listener>,
    /// So many events are lost before they are sent.
    lose: usize,
}

struct Listener {
    to: mpsc::Sender<Frame>,
    wants: Subscription,
}

/// What one of them wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subscription {
    /// All when empty.
    pub(crate) types: Vec<String>,
    /// Plans without the trees of groups.
    pub(crate) light: bool,
}

impl Bus {
    pub(super) fn new(version: Version) -> Self {
        Self { version, listeners: Vec::new(), lose: 0 }
    }

    /// A new listener; it is sent what happens from now on.
    pub(crate) fn listen(&mut self, wants: Subscription) -> mpsc::Receiver<Frame> {
        let buffer = if self.version.has_networks() { 1024 } else { 50 };
        let (to, frames) = mpsc::channel(buffer);
        self.listeners.push(Listener { to, wants });
        frames
    }

    /// Closes all streams.
    pub(crate) fn close(&mut self) {
        self.listeners.clear();
    }

    /// Nobody is told of the next `events`.
    pub(crate) fn lose(&mut self, events: usize) {
        self.lose = events;
    }

    /// Sends an event on, and tells whether it was not lost.
    pub(super) fn send(&mut self, kind: &str, body: &Value) -> bool {
        if self.lose > 0 {
            self.lose -= 1;
            return false;
        }
        let version = self.version;
        self.listeners.retain(|listener| {
            if listener.to.is_closed() {
                return false;
            }
            if !listener.wants.types.is_empty() && !listener.wants.types.iter().any(|t| t == kind) {
                return true;
            }
            let frame = frame(kind, body, listener.wants.light, version);
            // A slow reader is cut off from 1.8 on; before, it just misses events.
            listener.to.try_send(frame).is_ok() || !version.is_late()
        });
        true
    }
}

fn frame(kind: &str, body: &Value, light: bool, version: Version) -> Frame {
    let data = if light { without_trees(body).to_string() } else { body.to_string() };
    let head = if version.has_event_line() { format!("event: {kind}\r\n") } else { String::new() };
    format!("{head}data: {data}\r\n\r\n").into()
}

fn without_trees(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(plan) = body.get_mut("plan").and_then(Value::as_object_mut) {
        plan.remove("original");
        plan.remove("target");
    }
    body
}

impl super::State {
    /// Holds back what is published until [`Self::release`].
    pub(crate) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Publishes one event and then all that were held back.
    pub(crate) fn release(&mut self, first: Option<Event>) {
        let held = self.held.take().unwrap_or_default();
        first.into_iter().chain(held).for_each(|event| self.publish(event));
    }

    /// Tells everybody.
    pub(crate) fn publish(&mut self, event: Event) {
        if let Some(held) = &mut self.held {
            held.push(event);
            return;
        }
        let Event { kind, mut body } = event;
        body["eventType"] = json!(kind);
        body["timestamp"] = crate::time::written(crate::time::now()).into();
        if self.bus.send(kind, &body) {
            self.callbacks.send(&body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(version: &str) -> Bus {
        Bus::new(version.parse().unwrap())
    }

    #[test]
    fn frames_end_their_lines_as_the_servlet_does() {
        for (version, frame) in [
            ("1.9", "event: app_terminated_event\r\ndata: {\"appId\":\"/a\"}\r\n\r\n"),
            ("0.9", "data: {\"appId\":\"/a\"}\r\n\r\n"),
        ] {
            let mut bus = bus(version);
            let mut frames = bus.listen(Subscription::default());
            bus.send("app_terminated_event", &json!({ "appId": "/a" }));
            assert_eq!(frames.try_recv().unwrap(), frame.as_bytes());
        }
    }

    #[test]
    fn who_asks_for_types_gets_no_others_and_lost_events_reach_nobody() {
        let mut bus = bus("1.9");
        let types = vec!["b".to_owned()];
        let mut frames = bus.listen(Subscription { types, light: false });
        bus.lose(1);
        bus.send("b", &json!({ "n": 1 }));
        bus.send("a", &json!({ "n": 2 }));
        bus.send("b", &json!({ "n": 3 }));
        assert_eq!(frames.try_recv().unwrap(), "event: b\r\ndata: {\"n\":3}\r\n\r\n".as_bytes());
        assert!(frames.try_recv().is_err());
    }

    #[test]
    fn slow_readers_are_cut_off_from_1_8_on() {
        for (version, cut) in [("1.7", false), ("1.8", true)] {
            let mut bus = bus(version);
            let mut frames = bus.listen(Subscription::default());
            (0..2000).for_each(|_| {
                bus.send("a", &json!({}));
            });
            let mut read = 0;
            while frames.try_recv().is_ok() {
                read += 1;
            }
            assert_eq!(read, 1024, "{version}");
            assert_eq!(frames.is_closed(), cut, "{version}");
        }
    }
}
