//! Deployments, a line each, with their receipt.

use jiff::Timestamp;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Receipt};
use launcher_model::{DeploymentId, ServiceName};

use super::ago::Ago;
use crate::words::{count, lasted, micros, shares};

/// One change of a route.
pub(crate) struct DeploymentLine {
    pub(crate) id: DeploymentId,
    /// Its page.
    pub(crate) path: String,
    pub(crate) at: Ago,
    pub(crate) service: ServiceName,
    /// The versions before; empty when nothing was live.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) by: String,
    /// How long it took until nothing of it was under way; none while something is.
    pub(crate) took: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) is_rollback: bool,
    /// How far it has come, while it is under way.
    pub(crate) under_way: Option<&'static str>,
    /// Why nothing was changed.
    pub(crate) aborted: Option<String>,
    /// What it did; empty while that is not known.
    pub(crate) receipt: Vec<Fact>,
}

/// One figure of a receipt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) text: String,
    pub(crate) weight: FactWeight,
}

/// How much a figure matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FactWeight {
    Plain,
    Good,
    Bad,
}

impl FactWeight {
    /// The class of a figure.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "sure",
            Self::Bad => "bad",
        }
    }
}

impl DeploymentLine {
    pub(crate) fn new(deployment: &Deployment, now: Timestamp) -> Self {
        let state = deployment.state;
        let aborted = (state == DeploymentState::Aborted)
            .then(|| deployment.abort_reason.clone().unwrap_or_default());
        let facts = |receipt| facts(receipt, state == DeploymentState::Done);
        Self {
            id: deployment.id,
            path: path(&deployment.service, deployment.id),
            at: Ago::new(deployment.created_at, now),
            service: deployment.service.clone(),
            from: shares(&deployment.from),
            to: shares(&deployment.to),
            by: deployment.by.clone(),
            took: deployment
                .finished_at
                .map(|over| lasted(over.duration_since(deployment.created_at))),
            note: deployment.note.clone(),
            is_rollback: deployment.kind == DeploymentKind::Rollback,
            under_way: under_way(state),
            aborted,
            receipt: deployment.receipt.as_ref().map(facts).unwrap_or_default(),
        }
    }
}

/// The page of a deployment.
pub(crate) fn path(service: &ServiceName, id: DeploymentId) -> String {
    format!("/services/{service}/deployments/{id}")
}

/// How far a deployment has come that is not over.
pub(crate) fn under_way(state: DeploymentState) -> Option<&'static str> {
    match state {
        DeploymentState::Starting => Some("starting its containers"),
        DeploymentState::Preparing => Some("preparing the edges"),
        DeploymentState::Committing => Some("switching"),
        DeploymentState::Draining => Some("draining"),
        DeploymentState::Done | DeploymentState::Aborted => None,
    }
}

/// What the switch was, in a few words: `switched on 2 edges in 3.8 ms`.
pub(crate) fn switch(receipt: &Receipt) -> String {
    let fenced: Vec<_> = receipt
        .edges
        .iter()
        .filter(|edge| edge.fenced.is_some())
        .map(|edge| edge.edge.to_string())
        .collect();
    let edges = count(receipt.edges.len() - fenced.len(), "edge", "edges");
    let took = micros(receipt.switch_us);
    let but = if fenced.is_empty() {
        String::new()
    } else {
        format!(", not acknowledged by {}", fenced.join(", "))
    };
    format!("switched on {edges} in {took}{but}")
}

fn facts(receipt: &Receipt, over: bool) -> Vec<Fact> {
    let fact = |weight, text: String| Fact { text, weight };
    let plain = |text| fact(FactWeight::Plain, text);
    let mut facts = Vec::new();
    if receipt.start_ms > 0 {
        facts.push(plain(format!("started in {}", micros(receipt.start_ms * 1000))));
    }
    let fenced = receipt.edges.iter().any(|edge| edge.fenced.is_some());
    let weight = if fenced { FactWeight::Bad } else { FactWeight::Plain };
    facts.push(fact(weight, switch(receipt)));
    if receipt.edges.len() > 1 {
        facts.push(plain(format!("skew {}", micros(receipt.skew_us))));
    }
    if let Some(hold) = &receipt.hold {
        let longest = micros(hold.longest_us);
        let weight = if hold.lapsed { FactWeight::Bad } else { FactWeight::Plain };
        let held =
            count(usize::try_from(hold.requests).unwrap_or(usize::MAX), "request", "requests");
        facts.push(fact(weight, format!("{held} held, at most {longest}")));
    }
    let in_flight = receipt.in_flight();
    let taken_over = receipt.taken_over_by().filter(|_| over);
    if over && in_flight > 0 {
        let took = receipt.drain_ms.map(|ms| format!(" in {}", micros(ms * 1000)));
        let took = took.unwrap_or_default();
        facts.push(plain(format!("{} of {in_flight} in flight drained{took}", receipt.drained)));
    } else if in_flight > 0 {
        facts.push(plain(format!("{in_flight} in flight")));
    }
    if receipt.moved > 0 {
        facts.push(plain(format!("{} moved", receipt.moved)));
    }
    if receipt.cut > 0 {
        facts.push(fact(FactWeight::Bad, format!("{} cut", receipt.cut)));
    }
    if over || receipt.failed > 0 {
        // Nothing vouches for what went on.
        let weight = match receipt.failed {
            0 if taken_over.is_some() => FactWeight::Plain,
            0 => FactWeight::Good,
            _ => FactWeight::Bad,
        };
        facts.push(fact(weight, format!("{} failed", receipt.failed)));
    }
    if let Some(by) = taken_over {
        facts.push(plain(format!("then {by} took over: {} went on", receipt.went_on())));
    }
    if receipt.recovered {
        facts.push(plain("finished after a restart of the server".to_owned()));
    }
    facts
}

#[cfg(test)]
mod tests {
    use launcher_model::EdgeName;
    use launcher_model::route::EdgeReceipt;

    use super::*;

    fn edge(name: &str, fenced: Option<&str>) -> EdgeReceipt {
        let edge = EdgeName::new(name).unwrap();
        let fenced = fenced.map(str::to_owned);
        EdgeReceipt { edge, prepare_us: 1, commit_us: 1, checked: 1, fenced }
    }

    fn told(receipt: &Receipt, over: bool) -> String {
        facts(receipt, over).into_iter().map(|fact| fact.text).collect::<Vec<_>>().join(" · ")
    }

    #[test]
    fn a_receipt_is_one_line() {
        let mut receipt = Receipt {
            switch_us: 3_840,
            skew_us: 900,
            in_flight_requests: 61,
            in_flight_connections: 14,
            edges: vec![edge("a", None), edge("b", None)],
            ..Receipt::default()
        };
        assert_eq!(
            told(&receipt, false),
            "switched on 2 edges in 3.8 ms · skew 0.9 ms · 75 in flight"
        );
        receipt.drained = 61;
        receipt.moved = 14;
        receipt.drain_ms = Some(30_100);
        assert_eq!(
            told(&receipt, true),
            "switched on 2 edges in 3.8 ms · skew 0.9 ms · 61 of 75 in flight drained in 30.1 s · 14 moved · 0 failed"
        );
    }

    #[test]
    fn a_drain_that_was_taken_over_says_so() {
        let receipt = Receipt {
            switch_us: 3_840,
            in_flight_requests: 5,
            drained: 2,
            superseded: true,
            superseded_by: Some(DeploymentId(8)),
            drain_ms: Some(4_300),
            edges: vec![edge("a", None)],
            ..Receipt::default()
        };
        assert_eq!(
            told(&receipt, true),
            "switched on 1 edge in 3.8 ms · 2 of 5 in flight drained in 4.3 s · 0 failed · then deployment 8 took over: 3 went on"
        );
        let good = facts(&receipt, true).into_iter().find(|fact| fact.weight == FactWeight::Good);
        assert_eq!(good, None, "nobody knows how the others end");
    }

    #[test]
    fn what_went_wrong_stands_in_the_receipt() {
        let receipt = Receipt {
            switch_us: 2_000_500,
            start_ms: 4_200,
            failed: 3,
            cut: 2,
            recovered: true,
            edges: vec![edge("a", None), edge("b", Some("it said nothing"))],
            ..Receipt::default()
        };
        assert_eq!(
            told(&receipt, true),
            "started in 4.2 s · switched on 1 edge in 2.0 s, not acknowledged by b · skew 0.0 ms · 2 cut · 3 failed · finished after a restart of the server"
        );
        let bad = facts(&receipt, true).into_iter().filter(|fact| fact.weight == FactWeight::Bad);
        assert_eq!(bad.count(), 3);
    }
}
