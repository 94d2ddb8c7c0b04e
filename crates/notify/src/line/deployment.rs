//! Deployments, each with its receipt in one short clause.

use launcher_model::event::EventKind;
use launcher_model::plan::shares::whole;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Receipt};

use crate::words::{count, micros, shares};

/// What is told of a deployment; none where the event's own sentence does.
pub(super) fn told(kind: EventKind, deployment: &Deployment) -> Option<String> {
    let service = &deployment.service;
    match kind {
        EventKind::DeploymentLive => Some(live(deployment)),
        EventKind::DeploymentDrained => {
            let receipt = deployment.receipt.as_ref()?;
            let (id, drained) = (deployment.id, drained(receipt)?);
            let found = format!("{service}: what deployment {id} found in flight");
            Some(match receipt.superseded {
                true => format!("{found} is drained no more: {drained}"),
                false => format!("{found} is over: {drained}"),
            })
        }
        EventKind::DeploymentAborted => {
            let why = deployment.abort_reason.as_deref().unwrap_or("nobody said why");
            let (by, what) = (&deployment.by, wanted(deployment));
            Some(format!("{what}, wanted by {by}, was aborted, nothing was changed: {why}"))
        }
        _ => None,
    }
}

/// What was to be done.
fn wanted(deployment: &Deployment) -> String {
    let service = &deployment.service;
    let to = shares(&deployment.to).unwrap_or_else(|| "nothing".to_owned());
    match deployment.kind {
        DeploymentKind::Deploy => format!("the deployment of {service} {to}"),
        DeploymentKind::Rollback => format!("the rollback of {service} to {to}"),
        DeploymentKind::Offline => format!("taking {service} offline"),
    }
}

fn live(deployment: &Deployment) -> String {
    let mut text = done(deployment);
    if let Some(was) = shares(&deployment.from) {
        text.push_str(&format!(" (was {was})"));
    }
    if let Some(receipt) = &deployment.receipt {
        text.push_str(&format!(": {}", self::receipt(receipt, deployment.state)));
    }
    if let Some(note) = &deployment.note {
        text.push_str(&format!(" “{note}”"));
    }
    text
}

/// Who did what.
fn done(deployment: &Deployment) -> String {
    let (by, service) = (&deployment.by, &deployment.service);
    let to = shares(&deployment.to).unwrap_or_else(|| "nothing".to_owned());
    match deployment.kind {
        DeploymentKind::Deploy if deployment.automatic => {
            format!("{service} {to} went live by itself")
        }
        DeploymentKind::Deploy if whole(&deployment.to).is_none() => {
            format!("{by} shared {service} out: {to}")
        }
        DeploymentKind::Deploy => format!("{by} deployed {service} {to}"),
        DeploymentKind::Rollback => format!("{by} rolled {service} back to {to}"),
        DeploymentKind::Offline => format!("{by} took {service} offline"),
    }
}

/// The receipt: `live on 2 edges in 4.1 ms, 12 in flight: 12 drained, 0 failed`.
fn receipt(receipt: &Receipt, state: DeploymentState) -> String {
    let fenced: Vec<_> = receipt.edges.iter().filter(|edge| edge.fenced.is_some()).collect();
    let edges = u64::try_from(receipt.edges.len() - fenced.len()).unwrap_or(u64::MAX);
    let mut parts = vec![match receipt.recovered {
        true => "finished after a restart of the server".to_owned(),
        false => format!("live on {} in {}", count(edges, "edge"), micros(receipt.switch_us)),
    }];
    if !fenced.is_empty() {
        let names: Vec<_> = fenced.iter().map(|edge| edge.edge.to_string()).collect();
        parts.push(format!("not acknowledged by {}", names.join(" and ")));
    }
    if let Some(hold) = receipt.hold.filter(|hold| hold.requests > 0) {
        let (held, longest) = (count(hold.requests, "request"), micros(hold.longest_us));
        parts.push(format!("{held} held for at most {longest}"));
    }
    parts.push(match (drained(receipt), state) {
        (None, _) => "nothing in flight".to_owned(),
        (Some(drained), DeploymentState::Done) => drained,
        (Some(_), _) => format!("{} still in flight", in_flight(receipt)),
    });
    parts.join(", ")
}

fn in_flight(receipt: &Receipt) -> String {
    let requests = count(receipt.in_flight_requests, "request");
    match receipt.in_flight_connections {
        0 => requests,
        some => format!("{requests} and {}", count(some, "connection")),
    }
}

/// How what was in flight ended; none when nothing was.
fn drained(receipt: &Receipt) -> Option<String> {
    if receipt.in_flight() == 0 {
        return None;
    }
    let (drained, failed) = (receipt.drained, receipt.failed);
    let mut text = format!("{} in flight: {drained} drained", in_flight(receipt));
    for (number, word) in [(receipt.moved, "moved"), (receipt.cut, "cut")] {
        if number > 0 {
            text.push_str(&format!(", {number} {word}"));
        }
    }
    text.push_str(&format!(", {failed} failed"));
    if let Some(by) = receipt.taken_over_by() {
        text.push_str(&format!(", and {} went on as {by} took over", receipt.went_on()));
    }
    Some(text)
}
