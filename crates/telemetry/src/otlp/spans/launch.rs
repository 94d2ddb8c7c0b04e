//! A launch as a trace: from a version's number to an environment that is ready, or has failed.

use jiff::Timestamp;
use launcher_model::version::Version;
use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::{During, Names, Trace, failed};
use crate::otlp::words::{self, number, text};

/// What was written down of a launch that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// What was launched.
    pub version: Version,
    /// When its containers were asked for; none when it did not come to that, or when that is not known any
    /// more.
    pub starting_since: Option<Timestamp>,
    /// When it was ready, or had failed.
    pub over_at: Timestamp,
    /// Why it failed; none when it was ready.
    pub failure: Option<String>,
}

impl Trace {
    /// Of a launch that is over.
    #[must_use]
    pub fn of_launch(names: &Names, launch: &Launch) -> Self {
        let (version, over) = (&launch.version, launch.over_at);
        let during = During::new(version.created_at, over);
        let name = names.launch(&version.service, version.number);
        let mut trace = Self::new(name, "launch", during, attributes(launch));
        let within = |at: &Timestamp| (version.created_at..=over).contains(at);
        if let Some(starting) = launch.starting_since.filter(within) {
            let before = During::new(version.created_at, starting);
            trace.add("", "prepare", "prepare", before, Vec::new());
            let span = trace.add("", "start", "start", During::new(starting, over), Vec::new());
            span.status = launch.failure.as_deref().and_then(failed);
        }
        trace.root().status = launch.failure.as_deref().and_then(failed);
        trace
    }
}

fn attributes(launch: &Launch) -> Vec<KeyValue> {
    let version = &launch.version;
    let result = if launch.failure.is_some() { "failed" } else { "ready" };
    let mut attributes = vec![
        text(words::SERVICE, version.service.to_string()),
        text(words::ABOUT_VERSION, version.number.to_string()),
        text("launcher.launch.result", result),
        text("launcher.image", version.image.requested.to_string()),
        text("oci.manifest.digest", version.image.digest.to_string()),
        number("launcher.replicas", version.spec.service.replicas.into()),
        text("launcher.by", &version.created_by),
    ];
    attributes.extend(version.branch.as_ref().map(|branch| text("vcs.ref.head.name", branch)));
    attributes.extend(version.commit.as_ref().map(|commit| text("vcs.ref.head.revision", commit)));
    attributes
}

#[cfg(test)]
mod tests;
