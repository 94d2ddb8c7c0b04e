//! What was written down, as traces.
//!
//! Pure functions of records: whoever tells the same record again tells the same spans.

mod build;
mod deployment;
mod launch;

use jiff::{SignedDuration, Timestamp};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use sha2::{Digest, Sha256};

use launcher_model::{BuildId, DeploymentId, ServiceName, VersionNumber};

use super::words;

pub use launch::Launch;

/// What the traces of an installation are called: the same thing always has the same ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    installation: String,
}

/// Spans that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    name: String,
    spans: Vec<Span>,
}

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct During {
    from: Timestamp,
    until: Timestamp,
}

impl Names {
    /// Of the installation with this id.
    #[must_use]
    pub fn new(installation: &str) -> Self {
        Self { installation: installation.to_owned() }
    }

    fn deployment(&self, id: DeploymentId) -> String {
        format!("{}/deployment/{id}", self.installation)
    }

    fn build(&self, id: BuildId) -> String {
        format!("{}/build/{id}", self.installation)
    }

    fn launch(&self, service: &ServiceName, version: VersionNumber) -> String {
        format!("{}/launch/{service}/{version}", self.installation)
    }
}

/// The first bytes of a hash: as good as random, and the same each time.
fn id<const BYTES: usize>(of: &str) -> Vec<u8> {
    Sha256::digest(of)[..BYTES].to_vec()
}

fn trace_id(name: &str) -> Vec<u8> {
    id::<16>(name)
}

/// Of the span with this path in its trace; the root's is empty.
fn span_id(name: &str, path: &str) -> Vec<u8> {
    id::<8>(&format!("{name}#{path}"))
}

/// A link to the whole of another trace.
fn link_to(name: &str) -> Link {
    Link { trace_id: trace_id(name), span_id: span_id(name, ""), ..Link::default() }
}

impl During {
    fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until: until.max(from) }
    }

    /// So many microseconds from a time on.
    fn micros(from: Timestamp, us: u64) -> Self {
        let span = SignedDuration::from_micros(i64::try_from(us).unwrap_or(i64::MAX));
        Self { from, until: from.saturating_add(span).unwrap_or(Timestamp::MAX) }
    }
}

impl Trace {
    /// A trace with nothing but its root, whose name all of this kind have.
    fn new(name: String, root: &str, during: During, attributes: Vec<KeyValue>) -> Self {
        let span = span(&name, "", root, during, attributes);
        Self { name, spans: vec![span] }
    }

    /// Adds a span below the one with the path `parent`, and returns it. Its path is that one and its name.
    fn add(
        &mut self,
        parent: &str,
        own: &str,
        title: &str,
        during: During,
        attributes: Vec<KeyValue>,
    ) -> &mut Span {
        let path = format!("{parent}/{own}");
        let mut span = span(&self.name, &path, title, during, attributes);
        span.parent_span_id = span_id(&self.name, parent);
        self.root().end_time_unix_nano =
            self.root().end_time_unix_nano.max(span.end_time_unix_nano);
        self.spans.push(span);
        let last = self.spans.len() - 1;
        &mut self.spans[last]
    }

    fn root(&mut self) -> &mut Span {
        &mut self.spans[0]
    }

    /// Its spans; the root is the first.
    pub(super) fn into_spans(self) -> Vec<Span> {
        self.spans
    }
}

fn span(name: &str, path: &str, title: &str, during: During, attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: trace_id(name),
        span_id: span_id(name, path),
        name: title.to_owned(),
        kind: SpanKind::Internal as i32,
        start_time_unix_nano: words::nanos(during.from),
        end_time_unix_nano: words::nanos(during.until),
        attributes,
        ..Span::default()
    }
}

/// It went wrong, and why.
fn failed(why: &str) -> Option<Status> {
    Some(Status { message: why.to_owned(), code: StatusCode::Error as i32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_ids_and_another_one_others() {
        let (one, other) = (Names::new("one"), Names::new("other"));
        let id = |names: &Names, id| trace_id(&names.deployment(DeploymentId(id)));
        assert_eq!(id(&one, 1), id(&one, 1));
        assert_ne!(id(&one, 1), id(&one, 2));
        assert_ne!(id(&one, 1), id(&other, 1));
        assert_ne!(trace_id(&one.build(BuildId(1))), id(&one, 1));
        assert_eq!((id(&one, 1).len(), span_id("a", "").len()), (16, 8));
    }

    #[test]
    fn nothing_ends_before_it_begins_and_a_root_ends_last() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(During::new(at(5), at(3)), During::new(at(5), at(5)));
        let mut trace = Trace::new("a".to_owned(), "a", During::new(at(1), at(2)), Vec::new());
        trace.add("", "b", "b", During::micros(at(1), 3_000_000), Vec::new());
        assert_eq!(trace.root().end_time_unix_nano, 4_000_000_000);
        assert_eq!(During::micros(at(1), u64::MAX).until, Timestamp::MAX);
    }
}
