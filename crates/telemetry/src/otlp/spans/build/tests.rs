use jiff::Timestamp;
use launcher_model::build::StepKind;
use launcher_model::{BuildId, ServiceName, VersionNumber};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn step(kind: StepKind, state: StepState, (from, until): (i64, i64), note: &str) -> Step {
    let (started_at, finished_at) = (at(from), Some(at(until)));
    Step { kind, state, started_at, finished_at, note: Some(note.to_owned()) }
}

fn build(state: BuildState, steps: Vec<Step>) -> Build {
    Build {
        id: BuildId(12),
        service: ServiceName::new("shop").unwrap(),
        origin: Origin::Push,
        branch: Some("main".to_owned()),
        commit: Some("4f2a".to_owned()),
        subject: None,
        author: None,
        by: "alice".to_owned(),
        state,
        steps,
        image: None,
        version: Some(VersionNumber(42)),
        reason: (state == BuildState::Failed).then(|| "test failed: exit status 1".to_owned()),
        attempts: 1,
        created_at: at(100),
        started_at: Some(at(103)),
        finished_at: state.is_over().then(|| at(120)),
    }
}

/// Names, seconds, and why they went wrong.
fn told(build: &Build) -> Vec<(String, u64, u64, String)> {
    let trace = Trace::of_build(&Names::new("one"), build).unwrap();
    let told = trace.into_spans().into_iter().map(|span| {
        let why = span.status.map(|status| status.message).unwrap_or_default();
        let second = |nanos: u64| nanos / 1_000_000_000;
        (span.name, second(span.start_time_unix_nano), second(span.end_time_unix_nano), why)
    });
    told.collect()
}

#[test]
fn each_step_is_a_span_but_for_what_was_skipped() {
    let steps = vec![
        step(StepKind::Source, StepState::Passed, (103, 104), ""),
        step(StepKind::Build, StepState::Passed, (104, 115), "sha256:1"),
        step(StepKind::Test, StepState::Skipped, (115, 115), "no test command"),
        step(StepKind::Launch, StepState::Passed, (115, 120), ""),
    ];
    let row = |name: &str, from, until| (name.to_owned(), from, until, String::new());
    assert_eq!(
        told(&build(BuildState::Passed, steps)),
        [
            row("build", 100, 120),
            row("queue", 100, 103),
            row("source", 103, 104),
            row("build", 104, 115),
            row("launch", 115, 120),
        ]
    );
}

#[test]
fn what_failed_is_an_error_and_what_was_cancelled_is_none() {
    let steps = vec![step(StepKind::Test, StepState::Failed, (103, 120), "exit status 1")];
    let failed = told(&build(BuildState::Failed, steps));
    assert_eq!(failed[0].3, "test failed: exit status 1");
    assert_eq!(failed[2].3, "exit status 1");
    let mut broken_off = step(StepKind::Build, StepState::Running, (103, 104), "");
    broken_off.finished_at = None;
    let cancelled = told(&build(BuildState::Cancelled, vec![broken_off]));
    assert!(cancelled.iter().all(|(.., why)| why.is_empty()));
    assert_eq!(cancelled[2].2, 120);
}

#[test]
fn it_is_linked_with_what_it_has_launched_and_none_before_it_is_over() {
    let names = Names::new("one");
    let trace = Trace::of_build(&names, &build(BuildState::Passed, Vec::new())).unwrap();
    let shop = ServiceName::new("shop").unwrap();
    let launched = super::super::trace_id(&names.launch(&shop, VersionNumber(42)));
    assert_eq!(trace.into_spans()[0].links[0].trace_id, launched);
    assert_eq!(Trace::of_build(&names, &build(BuildState::Running, Vec::new())), None);
}
