//! A build as a trace.

use launcher_model::build::{Build, BuildState, Origin, Step, StepState};
use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::{During, Names, Trace, failed, link_to};
use crate::otlp::words::{self, number, text};

impl Trace {
    /// Of a build that is over; none when it is not.
    #[must_use]
    pub fn of_build(names: &Names, build: &Build) -> Option<Self> {
        let until = build.finished_at.filter(|_| build.state.is_over())?;
        let during = During::new(build.created_at, until);
        let mut trace = Self::new(names.build(build.id), "build", during, attributes(build));
        if let Some(began) = build.started_at {
            trace.add("", "queue", "queue", During::new(build.created_at, began), Vec::new());
        }
        for step in &build.steps {
            add_step(&mut trace, step, until);
        }
        if build.state == BuildState::Failed {
            trace.root().status = failed(build.reason.as_deref().unwrap_or("it failed"));
        }
        let made = build.version.map(|version| link_to(&names.launch(&build.service, version)));
        trace.root().links.extend(made);
        Some(trace)
    }
}

fn add_step(trace: &mut Trace, step: &Step, until: jiff::Timestamp) {
    // Nothing was done in it.
    if step.state == StepState::Skipped {
        return;
    }
    let name = step.kind.as_str();
    let result = match step.state {
        StepState::Passed => "success",
        StepState::Failed => "failure",
        StepState::Running | StepState::Cancelled | StepState::Skipped => "cancellation",
    };
    let mut attributes =
        vec![text("cicd.pipeline.task.name", name), text("cicd.pipeline.task.run.result", result)];
    attributes.extend(step.note.as_ref().map(|note| text("launcher.note", note)));
    let during = During::new(step.started_at, step.finished_at.unwrap_or(until));
    let span = trace.add("", name, name, during, attributes);
    if step.state == StepState::Failed {
        span.status = failed(step.note.as_deref().unwrap_or("it failed"));
    }
}

/// In the words of the conventions for pipelines
/// (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/cicd/>).
fn attributes(build: &Build) -> Vec<KeyValue> {
    let result = match build.state {
        BuildState::Passed => "success",
        BuildState::Failed => "failure",
        BuildState::Queued | BuildState::Running => "timeout",
        BuildState::Cancelled | BuildState::Superseded => "cancellation",
    };
    let origin = match build.origin {
        Origin::Push => "push",
        Origin::Upload => "upload",
        Origin::Hook => "hook",
    };
    let mut attributes = vec![
        text("cicd.pipeline.name", build.service.to_string()),
        text("cicd.pipeline.run.id", build.id.to_string()),
        text("cicd.pipeline.result", result),
        text(words::SERVICE, build.service.to_string()),
        text("launcher.build.state", build.state.as_str()),
        text("launcher.build.origin", origin),
        text("launcher.by", &build.by),
        number("launcher.build.attempts", build.attempts.into()),
    ];
    let version = build.version.map(|version| version.to_string());
    attributes.extend(version.map(|version| text(words::ABOUT_VERSION, version)));
    attributes.extend(build.branch.as_ref().map(|branch| text("vcs.ref.head.name", branch)));
    attributes.extend(build.commit.as_ref().map(|commit| text("vcs.ref.head.revision", commit)));
    attributes.extend(build.reason.as_ref().map(|reason| text("launcher.reason", reason)));
    attributes
}

#[cfg(test)]
mod tests;
