//! A deployment as a trace.

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
        let during = During::new(deployment.created_at, deployment.finished_at?);
        let name = names.deployment(deployment.id);
        let mut trace = Self::new(name, "deployment", during, attributes(deployment));
        if let Some(receipt) = &deployment.receipt {
            parts(&mut trace, deployment, receipt);
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

/// A part in which each edge has its own.
struct Part {
    name: &'static str,
    took: fn(&EdgeReceipt) -> u64,
}

const PREPARE: Part = Part { name: "prepare", took: |edge| edge.prepare_us };
const COMMIT: Part = Part { name: "commit", took: |edge| edge.commit_us };

fn parts(trace: &mut Trace, deployment: &Deployment, receipt: &Receipt) {
    let mut from = deployment.created_at;
    if receipt.start_ms > 0 {
        let during = During::micros(from, receipt.start_ms.saturating_mul(1_000));
        trace.add("", "start", "start", during, Vec::new());
        from = during.until;
    }
    let switch = During::micros(from, receipt.switch_us);
    if receipt.switch_us > 0 {
        of_edges(trace, &PREPARE, receipt, |_| from);
        // What came last is known: the acknowledgement of the last edge ended the switch.
        let longest = longest(receipt, COMMIT.took);
        let before = During::micros(from, receipt.switch_us.saturating_sub(longest));
        of_edges(trace, &COMMIT, receipt, |_| before.until);
    }
    if let Some(drain_ms) = receipt.drain_ms {
        let during = During::micros(switch.until, drain_ms.saturating_mul(1_000));
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
}

fn longest(receipt: &Receipt, took: fn(&EdgeReceipt) -> u64) -> u64 {
    receipt.edges.iter().map(took).max().unwrap_or_default()
}

/// A span that is as long as that of the slowest edge, and one below it for each edge.
fn of_edges(
    trace: &mut Trace,
    part: &Part,
    receipt: &Receipt,
    from: impl Fn(&EdgeReceipt) -> jiff::Timestamp,
) {
    let Some(first) = receipt.edges.first() else { return };
    let whole = During::micros(from(first), longest(receipt, part.took));
    trace.add("", part.name, part.name, whole, Vec::new());
    for edge in &receipt.edges {
        let took = (part.took)(edge);
        let attributes = vec![
            text("launcher.edge", edge.edge.to_string()),
            number("launcher.edge.checked", edge.checked.into()),
        ];
        let path = format!("/{}", part.name);
        let title = format!("{} edge", part.name);
        let during = During::micros(from(edge), took);
        let span = trace.add(&path, edge.edge.as_str(), &title, during, attributes);
        if part.name == COMMIT.name
            && let Some(why) = &edge.fenced
        {
            span.status = failed(why);
        }
    }
}

#[cfg(test)]
mod tests;
