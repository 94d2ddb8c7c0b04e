//! A request as a record of Fluentd's.

use std::sync::Arc;

use launcher_edge::access::Entry;
use launcher_fluent::Record;
use rmpv::Value;

/// The names of the fields, made once.
pub(super) struct Names([Value; NAMES.len()]);

const NAMES: [&str; 21] = [
    "edge",
    "service",
    "version",
    "container_id",
    "traffic",
    "client",
    "method",
    "host",
    "path",
    "protocol",
    "status",
    "bytes_received",
    "bytes_sent",
    "duration_us",
    "queue_us",
    "head_us",
    "sent_again",
    "referer",
    "user_agent",
    "end",
    "time_us",
];

impl Default for Names {
    fn default() -> Self {
        Self(NAMES.map(Value::from))
    }
}

impl Names {
    /// The record. A field that there is nothing to say of is left out.
    pub(super) fn record(&self, tag: &Arc<str>, edge: &str, entry: &Entry<'_>) -> Record {
        let text = |text: &str| Some(Value::from(text));
        let us = |took: std::time::Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let since_1970 = entry.began.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let values = [
            text(edge),
            text(entry.service),
            entry.version.map(Value::from),
            entry.container.map(Value::from),
            text(entry.traffic.as_str()),
            text(&entry.client.to_string()),
            text(&entry.method),
            text(&entry.host),
            text(&entry.path),
            text(entry.protocol),
            entry.status.map(Value::from),
            Some(entry.received.into()),
            Some(entry.sent.into()),
            Some(us(entry.took).into()),
            Some(us(entry.queued).into()),
            entry.head.map(|head| us(head).into()),
            Some(entry.again.into()),
            entry.referer.as_deref().map(Value::from),
            entry.agent.as_deref().map(Value::from),
            text(entry.end.as_str()),
            // Fluentd's own time loses its fraction on the way through older Fluentds.
            Some(us(since_1970).into()),
        ];
        let named = self.0.iter().cloned().zip(values);
        let fields = named.filter_map(|(name, value)| Some((name, value?)));
        Record { tag: tag.clone(), time: entry.began.into(), fields: fields.collect() }
    }
}
