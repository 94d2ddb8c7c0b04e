use std::collections::BTreeMap;

use launcher_model::route::{DeploymentState, EdgeReceipt};
use launcher_model::{DeploymentId, EdgeName, Generation, ServiceName};
use opentelemetry_proto::tonic::trace::v1::Span;

use super::*;

fn deployment() -> Deployment {
    let edge = |name: &str, prepare_us, commit_us, fenced: Option<&str>| EdgeReceipt {
        edge: EdgeName::new(name).unwrap(),
        prepare_us,
        commit_us,
        checked: 2,
        fenced: fenced.map(str::to_owned),
    };
    let receipt = Receipt {
        switch_us: 9_000,
        start_ms: 2_000,
        drain_ms: Some(1_500),
        drained: 3,
        edges: vec![
            edge("a", 4_000, 1_000, None),
            edge("b", 3_000, 2_000, Some("it did not answer")),
            edge("c", 0, 0, Some("it was not connected")),
        ],
        ..Receipt::default()
    };
    Deployment {
        id: DeploymentId(7),
        service: ServiceName::new("shop").unwrap(),
        kind: DeploymentKind::Deploy,
        state: DeploymentState::Done,
        from: BTreeMap::from([(VersionNumber(41), Weight::ALL)]),
        to: BTreeMap::from([
            (VersionNumber(41), Weight::new(90).unwrap()),
            (VersionNumber(42), Weight::new(10).unwrap()),
        ]),
        generation: Some(Generation(3)),
        by: "alice".to_owned(),
        automatic: false,
        newest: None,
        note: Some("ticket 5".to_owned()),
        created_at: Timestamp::from_second(1_000).unwrap(),
        finished_at: Some(Timestamp::from_second(1_004).unwrap()),
        abort_reason: None,
        receipt: Some(receipt),
    }
}

fn spans(deployment: &Deployment) -> Vec<Span> {
    Trace::of_deployment(&Names::new("one"), deployment).unwrap().into_spans()
}

/// Names, with the name of what they are in, from when until when in microseconds since the deployment
/// began, and why it went wrong.
fn told(spans: &[Span]) -> Vec<(String, &str, u64, u64, &str)> {
    let title = |id: &[u8]| {
        spans.iter().find(|span| span.span_id == id).map_or("", |span| span.name.as_str())
    };
    let since = |nanos: u64| (nanos - 1_000_000_000_000) / 1_000;
    let told = spans.iter().map(|span| {
        let why = span.status.as_ref().map_or("", |status| status.message.as_str());
        let (from, until) = (since(span.start_time_unix_nano), since(span.end_time_unix_nano));
        (span.name.clone(), title(&span.parent_span_id), from, until, why)
    });
    told.collect()
}

#[test]
fn a_switch_is_laid_out_as_its_receipt_says() {
    let spans = spans(&deployment());
    let row = |name: &str, parent: &'static str, from, until, why: &'static str| {
        (name.to_owned(), parent, from, until, why)
    };
    assert_eq!(
        told(&spans),
        [
            row("deployment", "", 0, 4_000_000, ""),
            row("start", "deployment", 0, 2_000_000, ""),
            row("prepare", "deployment", 2_000_000, 2_004_000, ""),
            row("prepare edge", "prepare", 2_000_000, 2_004_000, ""),
            row("prepare edge", "prepare", 2_000_000, 2_003_000, ""),
            row("commit", "deployment", 2_007_000, 2_009_000, ""),
            row("commit edge", "commit", 2_007_000, 2_008_000, ""),
            row("commit edge", "commit", 2_007_000, 2_009_000, "it did not answer"),
            row("commit edge", "commit", 2_007_000, 2_007_000, "it was not connected"),
            row("drain", "deployment", 2_009_000, 3_509_000, ""),
        ]
    );
    assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
    let ids: std::collections::BTreeSet<&[u8]> =
        spans.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), spans.len());
    let has = |attribute: KeyValue| spans[0].attributes.contains(&attribute);
    assert!(has(text("launcher.deployment.from", "v41")));
    assert!(has(text("launcher.deployment.to", "v41 90%, v42 10%")));
    assert!(has(text("launcher.note", "ticket 5")) && has(text("launcher.by", "alice")));
    assert_eq!(spans[0].links.len(), 2);
}

#[test]
fn one_that_was_aborted_is_an_error_and_says_why() {
    let reason = Some("edge b cannot reach v42".to_owned());
    let aborted = Deployment { abort_reason: reason, receipt: None, ..deployment() };
    let spans = spans(&aborted);
    assert_eq!(
        told(&spans),
        [("deployment".to_owned(), "", 0, 4_000_000, "edge b cannot reach v42")]
    );
    assert!(spans[0].attributes.contains(&text("deployment.status", "failed")));
}

#[test]
fn one_that_another_server_has_finished_has_what_was_measured() {
    let receipt = Receipt { recovered: true, drain_ms: Some(500), ..Receipt::default() };
    let recovered = Deployment { receipt: Some(receipt), ..deployment() };
    let spans = spans(&recovered);
    let drain = ("drain".to_owned(), "deployment", 3_500_000, 4_000_000, "");
    assert_eq!(told(&spans)[1..], [drain]);
}

#[test]
fn one_that_is_not_over_is_none_and_a_repeat_is_the_same() {
    let names = Names::new("one");
    let running = Deployment { finished_at: None, ..deployment() };
    assert_eq!(Trace::of_deployment(&names, &running), None);
    assert_eq!(spans(&deployment()), spans(&deployment()));
}
