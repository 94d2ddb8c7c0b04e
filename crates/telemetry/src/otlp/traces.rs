//! Telling a collector what has happened.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::sync::Notify;

use super::collector::{Collector, Signal};
use super::sender::{Counts, Sender};
use super::spans::{Names, Trace};
use super::words;

/// As many spans go out at once.
const BATCH: usize = 1_000;

/// Tells a collector what has happened.
#[derive(Debug)]
pub struct Traces {
    sender: Sender,
}

impl Traces {
    /// Nothing is told yet.
    #[must_use]
    pub fn new(collector: Collector) -> Self {
        Self { sender: Sender::new(collector, Signal::Traces) }
    }

    /// What the installation's traces and spans are called.
    #[must_use]
    pub fn names(&self) -> Names {
        Names::new(self.sender.collector.installation())
    }

    /// How it goes, in spans.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.sender.counts().clone()
    }

    /// Tells these, and returns when the collector has taken or refused all of them. It may be called again
    /// with the same: a span that is told twice is the same span.
    pub async fn tell(&self, traces: Vec<Trace>) {
        let spans: Vec<Span> = traces.into_iter().flat_map(Trace::into_spans).collect();
        for part in spans.chunks(BATCH) {
            let many = part.len() as u64;
            self.sender.counts().waiting = many;
            let body = self.request(part.to_vec()).encode_to_vec();
            self.sender.deliver(many, body, &Notify::new()).await;
            self.sender.counts().waiting = 0;
        }
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = ScopeSpans { scope: Some(words::scope()), spans, ..ScopeSpans::default() };
        let resource = ResourceSpans {
            resource: Some(self.sender.collector.resource()),
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        };
        ExportTraceServiceRequest { resource_spans: vec![resource] }
    }
}
