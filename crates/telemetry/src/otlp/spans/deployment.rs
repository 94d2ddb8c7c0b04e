//! A deployment as a trace.

use jiff::{SignedDuration, Timestamp};
use launcher_model::route::{Deployment, DeploymentKind, EdgeReceipt, Receipt, Weights};
use launcher_model::{VersionNumber, Weight};
use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::{During, Names, Trace, failed, link_to};
use crate::otlp::words::{self, flag, number, text};

impl Trace {
    /// Of a deployment that is over; none when it is not.
    ///
    /// A receipt says how long its parts took, not when they were: they are put one behind the other, from
    /// the beginning on. How long they are is exact, where they are is right within some milliseconds.
    #[must_use]
    pub fn of_deployment(names: &Names, deployment: &Deployment) -> Option<Self> {
        let finished_at = deployment.finished_at?;
        let during = During::new(deployment.created_at, finished_at);
        let name = names.deployment(deployment.id);
        let mut trace = Self::new(name, "deployment", during, attributes(deployment));
        if let Some(receipt) = &deployment.receipt {
            parts(&mut trace, deployment, receipt, finished_at);
        }
        if let Some(reason) = &deployment.abort_reason {
            trace.root().status = failed(reason);
        }
        let versions = deployment.to.keys();
        let links = versions.map(|version| link_to(&names.launch(&deployment.service, *version)));
        trace.root().links = links.collect();
        Some(trace)
    }
}

fn attributes(deployment: &Deployment) -> Vec<KeyValue> {
    let kind = match deployment.kind {
        DeploymentKind::Deploy => "deploy",
        DeploymentKind::Rollback => "rollback",
        DeploymentKind::Offline => "offline",
    };
    let status = if deployment.abort_reason.is_some() { "failed" } else { "succeeded" };
    let mut attributes = vec![
        text("deployment.id", deployment.id.to_string()),
        text("deployment.status", status),
        text(words::SERVICE, deployment.service.to_string()),
        text("launcher.deployment.kind", kind),
        text("launcher.deployment.from", shares(&deployment.from)),
        text("launcher.deployment.to", shares(&deployment.to)),
        text("launcher.by", &deployment.by),
        flag("launcher.automatic", deployment.automatic),
    ];
    let generation = deployment.generation.map(|generation| generation.0);
    attributes.extend(generation.map(|generation| number("launcher.generation", generation)));
    attributes.extend(deployment.note.as_ref().map(|note| text("launcher.note", note)));
    if let Some(receipt) = &deployment.receipt {
        attributes.extend([
            number("launcher.in_flight.requests", receipt.in_flight_requests),
            number("launcher.in_flight.connections", receipt.in_flight_connections),
            number("launcher.skew_us", receipt.skew_us),
            flag("launcher.recovered", receipt.recovered),
        ]);
    }
    attributes
}

/// Such as `v42`, or `v41 90%, v42 10%`; nothing when nothing is live.
fn shares(weights: &Weights) -> String {
    let share = |(version, weight): (&VersionNumber, &Weight)| match weight.percent() {
        100 => version.to_string(),
        percent => format!("{version} {percent}%"),
    };
    weights.iter().map(share).collect::<Vec<_>>().join(", ")
}

/// A part of a switch that each edge has, too.
struct Part {
    name: &'static str,
    title_of_edge: &'static str,
    took: fn(&EdgeReceipt) -> u64,
    /// Whether an edge had one, and whether it went wrong.
    had: fn(&EdgeReceipt) -> bool,
    wrong: fn(&EdgeReceipt) -> Option<&String>,
}

/// Edges that were away have none.
const PREPARE: Part = Part {
    name: "prepare",
    title_of_edge: "prepare edge",
    took: |edge| edge.prepare_us,
    had: |edge| edge.prepare_us > 0,
    wrong: |_| None,
};

const COMMIT: Part = Part {
    name: "commit",
    title_of_edge: "commit edge",
    took: |edge| edge.commit_us,
    had: |_| true,
    wrong: |edge| edge.fenced.as_ref(),
};

fn parts(trace: &mut Trace, deployment: &Deployment, receipt: &Receipt, finished_at: Timestamp) {
    let mut from = deployment.created_at;
    if receipt.start_ms > 0 {
        let during = During::micros(from, receipt.start_ms.saturating_mul(1_000));
        trace.add("", "start", "start", during, Vec::new());
        from = during.until;
    }
    let switch = During::micros(from, receipt.switch_us);
    // One that another server has finished was not measured.
    if !receipt.recovered {
        of_edges(trace, &PREPARE, receipt, from);
        // What came last is known: the acknowledgement of the last edge ended the switch.
        let last = COMMIT.longest(receipt);
        let before = During::micros(from, receipt.switch_us.saturating_sub(last));
        of_edges(trace, &COMMIT, receipt, before.until);
    }
    if let Some(drain_ms) = receipt.drain_ms {
        let took = drain_ms.saturating_mul(1_000);
        let from = if receipt.recovered { back(finished_at, took) } else { switch.until };
        drain(trace, receipt, During::micros(from, took));
    }
}

/// So many microseconds before a time.
fn back(from: Timestamp, us: u64) -> Timestamp {
    let span = SignedDuration::from_micros(i64::try_from(us).unwrap_or(i64::MAX));
    from.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

fn drain(trace: &mut Trace, receipt: &Receipt, during: During) {
    let attributes = vec![
        number("launcher.drain.drained", receipt.drained),
        number("launcher.drain.moved", receipt.moved),
        number("launcher.drain.failed", receipt.failed),
        number("launcher.drain.cut", receipt.cut),
        flag("launcher.drain.superseded", receipt.superseded),
    ];
    let span = trace.add("", "drain", "drain", during, attributes);
    if receipt.cut > 0 {
        span.status = failed(&format!("{} were cut off by the drain deadline", receipt.cut));
    }
}

impl Part {
    /// Microseconds of the slowest edge.
    fn longest(&self, receipt: &Receipt) -> u64 {
        receipt.edges.iter().map(self.took).max().unwrap_or_default()
    }
}

/// A span that is as long as that of the slowest edge, and one below it for each edge.
fn of_edges(trace: &mut Trace, part: &Part, receipt: &Receipt, from: Timestamp) {
    if receipt.edges.is_empty() {
        return;
    }
    let whole = During::micros(from, part.longest(receipt));
    trace.add("", part.name, part.name, whole, Vec::new());
    let path = format!("/{}", part.name);
    for edge in receipt.edges.iter().filter(|edge| (part.had)(edge)) {
        let attributes = vec![
            text("launcher.edge", edge.edge.to_string()),
            number("launcher.edge.checked", edge.checked.into()),
        ];
        let during = During::micros(from, (part.took)(edge));
        let span = trace.add(&path, edge.edge.as_str(), part.title_of_edge, during, attributes);
        span.status = (part.wrong)(edge).and_then(|why| failed(why));
    }
}

#[cfg(test)]
mod tests;
