//! Deployments and their receipts.

use launcher_model::plan::shares::whole;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, HoldReceipt, Receipt};
use launcher_model::{ServiceName, Span};
use launcher_server::api::views::{DeployedView, HeldView, ReleasedView};

use super::words::{ago, count, micros, millis, shares};
use super::{Columns, Look, alarming, or_dash, plain};

/// What a deployment did, in a few lines; `verbose` adds each edge's part.
pub(in crate::cli) fn deployed(view: &DeployedView, verbose: bool, look: &Look) -> String {
    let deployment = &view.deployment;
    let to = shares(&deployment.to);
    let (service, id) = (&deployment.service, deployment.id);
    let are = if deployment.to.len() > 1 { "are" } else { "is" };
    let is_offline = deployment.kind == DeploymentKind::Offline;
    if !view.changed {
        let when = ago(deployment.created_at, look.now);
        if is_offline {
            return format!("{service}: it is offline already, since deployment {id}, {when}\n");
        }
        return format!("{service}: {to} {are} live already, since deployment {id}, {when}\n");
    }
    let from = match shares(&deployment.from) {
        none if none == "-" => "nothing was before".to_owned(),
        from => format!("{from} was before"),
    };
    let to = if is_offline { "nothing".to_owned() } else { to };
    let again = if deployment.kind == DeploymentKind::Rollback { " again" } else { "" };
    let mut text = format!("{service}: {to} {are} live{again} ({from}), deployment {id}\n");
    text.push_str(&next_rollback(deployment));
    if let Some(receipt) = &deployment.receipt {
        text.push_str(&self::receipt(receipt, service));
        if verbose {
            text.push_str(&edges(receipt, look));
        }
    }
    text
}

/// Going back twice goes forward again, which is not what everybody expects.
fn next_rollback(deployment: &Deployment) -> String {
    match (deployment.kind, whole(&deployment.from)) {
        (DeploymentKind::Offline, Some(version)) => {
            format!("`launcher rollback {}` puts {version} live again\n", deployment.service)
        }
        (DeploymentKind::Rollback, Some(version)) => {
            format!("`launcher rollback {}` would now go to {version}\n", deployment.service)
        }
        _ => String::new(),
    }
}

fn receipt(receipt: &Receipt, service: &ServiceName) -> String {
    let mut text = String::new();
    if receipt.start_ms > 0 {
        let took = millis(receipt.start_ms);
        text.push_str(&format!("its containers did not run: started first, in {took}\n"));
    }
    let acknowledged = receipt.edges.iter().filter(|edge| edge.fenced.is_none()).count();
    text.push_str(&format!(
        "switched in {}; {} acknowledged",
        micros(receipt.switch_us),
        count(acknowledged as u64, "edge")
    ));
    if acknowledged > 1 {
        text.push_str(&format!(", within {} of each other", micros(receipt.skew_us)));
    }
    text.push('\n');
    text.extend(receipt.hold.as_ref().map(hold));
    text.push_str(&drained(receipt, service));
    for edge in &receipt.edges {
        if let Some(why) = &edge.fenced {
            let name = &edge.edge;
            text.push_str(&format!(
                "the edge {name} was fenced, and may serve what it had until it is back: {why}\n"
            ));
        }
    }
    if receipt.recovered {
        text.push_str("the server was restarted in the middle, and finished what was decided\n");
    }
    text
}

fn hold(hold: &HoldReceipt) -> String {
    let before = match hold.rested {
        true => "after all before them were answered",
        false => "while some before them were not answered yet",
    };
    let longest = micros(hold.longest_us);
    let mut text = format!(
        "{} waited, the longest for {longest}; switched {before}\n",
        count(hold.requests, "request")
    );
    if hold.lapsed {
        text.push_str("the time was over before they were released: some may have gone to the version before\n");
    }
    text
}

/// That requests wait.
pub(in crate::cli) fn held(service: &ServiceName, within: Span, view: &HeldView) -> String {
    let before = match view.rested {
        true => "all before them are answered",
        false => "some before them are not answered yet",
    };
    format!(
        "{service}: new requests wait, and {before}; `launcher release {service}` lets them go, or {within}\n"
    )
}

/// How requests waited that were let go.
pub(in crate::cli) fn released(service: &ServiceName, view: &ReleasedView) -> String {
    let longest = micros(view.longest_us);
    let mut text = match view.requests {
        0 => format!("{service}: no request has waited\n"),
        requests => {
            format!("{service}: {} waited, the longest for {longest}\n", count(requests, "request"))
        }
    };
    if view.lapsed {
        text.push_str("the time was over before: they were let go by themselves\n");
    }
    text
}

fn drained(receipt: &Receipt, service: &ServiceName) -> String {
    if receipt.in_flight() == 0 {
        return "nothing was in flight at the switch\n".to_owned();
    }
    let in_flight = format!(
        "in flight at the switch: {}, {}",
        count(receipt.in_flight_requests, "request"),
        count(receipt.in_flight_connections, "upgraded connection")
    );
    let Some(took) = receipt.drain_ms else {
        return format!("{in_flight}; `launcher history {service}` tells how they end\n");
    };
    let (drained, failed, cut) = (receipt.drained, receipt.failed, receipt.cut);
    let moved = match receipt.moved {
        0 => String::new(),
        moved => format!("{moved} moved, "),
    };
    let ended = format!("{drained} drained, {moved}{failed} failed, {cut} cut");
    let took = millis(took);
    match receipt.taken_over_by() {
        None => format!("{in_flight}; {ended}, in {took}\n"),
        Some(by) => {
            let went_on = receipt.went_on();
            format!("{in_flight}; {ended} until {by} took over, after {took}; {went_on} went on\n")
        }
    }
}

fn edges(receipt: &Receipt, look: &Look) -> String {
    let header = ["EDGE", "PREPARED IN", "COMMITTED IN", "ENDPOINTS CHECKED"];
    let mut columns = Columns::new(look, &header);
    for edge in &receipt.edges {
        let committed = match edge.fenced {
            None => plain(micros(edge.commit_us)),
            Some(_) => alarming(plain("fenced"), true),
        };
        columns.row([
            plain(&edge.edge),
            plain(micros(edge.prepare_us)),
            committed,
            plain(edge.checked),
        ]);
    }
    columns.text()
}

/// A service's deployments, newest first, a line each.
pub(in crate::cli) fn history(deployments: &[Deployment], look: &Look) -> String {
    let header = ["ID", "WHEN", "CHANGE", "STATE", "SWITCH", "IN FLIGHT", "LOST", "BY", "NOTE"];
    let mut columns = Columns::new(look, &header);
    for one in deployments {
        let receipt = one.receipt.as_ref();
        let lost = receipt.map(|receipt| receipt.failed + receipt.cut);
        let aborted = one.state == DeploymentState::Aborted;
        columns.row([
            plain(one.id),
            plain(ago(one.created_at, look.now)),
            plain(change(one)),
            alarming(plain(one.state.as_str()), aborted),
            or_dash(receipt.map(|receipt| micros(receipt.switch_us))),
            or_dash(receipt.map(Receipt::in_flight)),
            alarming(or_dash(lost), lost.is_some_and(|lost| lost > 0)),
            plain(&one.by),
            plain(note(one)),
        ]);
    }
    let mut text = columns.text();
    for one in deployments {
        if let Some(why) = &one.abort_reason {
            text.push_str(&format!("{} was aborted, nothing was changed: {why}\n", one.id));
        }
        if let Some(receipt) = &one.receipt
            && let Some(by) = receipt.taken_over_by()
        {
            let (id, went_on) = (one.id, receipt.went_on());
            text.push_str(&format!("{by} took over what {id} drained: {went_on} went on\n"));
        }
    }
    text
}

/// What was said of a deployment, and that its drain was taken over.
fn note(deployment: &Deployment) -> String {
    let said = deployment.note.clone();
    let taken_over = deployment.receipt.as_ref().and_then(Receipt::taken_over_by);
    let taken_over = taken_over.map(|by| format!("taken over by {by}"));
    said.into_iter().chain(taken_over).collect::<Vec<_>>().join("; ")
}

fn change(deployment: &Deployment) -> String {
    let arrow = match deployment.kind {
        DeploymentKind::Deploy | DeploymentKind::Offline => "→",
        DeploymentKind::Rollback => "↩",
    };
    format!("{} {arrow} {}", shares(&deployment.from), shares(&deployment.to))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use launcher_model::{DeploymentId, VersionNumber, Weight};

    use super::*;

    const DEPLOYMENTS: &str = include_str!("fixtures/deployments.json");

    fn view(changed: bool, index: usize) -> DeployedView {
        let mut deployments: Vec<Deployment> = read(DEPLOYMENTS);
        DeployedView { changed, warnings: Vec::new(), deployment: deployments.remove(index) }
    }

    #[test]
    fn a_deployment_tells_what_it_did() {
        insta::assert_snapshot!(deployed(&view(true, 0), false, &look()));
    }

    #[test]
    fn what_is_offline_is_told_with_the_way_back() {
        let mut view = view(true, 0);
        view.deployment.kind = DeploymentKind::Offline;
        view.deployment.from = std::mem::take(&mut view.deployment.to);
        let told = deployed(&view, false, &look());
        assert!(told.starts_with("shop: nothing is live (v2 was before), deployment "), "{told}");
        assert!(told.contains("`launcher rollback shop` puts v2 live again\n"), "{told}");
        view.changed = false;
        let told = deployed(&view, false, &look());
        assert!(told.starts_with("shop: it is offline already, since deployment "), "{told}");
    }

    #[test]
    fn a_drained_one_with_a_fenced_edge_tells_each_edges_part() {
        insta::assert_snapshot!(deployed(&view(true, 2), true, &look()));
    }

    #[test]
    fn what_was_moved_is_told_beside_what_drained() {
        let mut view = view(true, 2);
        let receipt = view.deployment.receipt.as_mut().unwrap();
        (receipt.drained, receipt.moved) = (0, 1);
        let told = deployed(&view, true, &look());
        assert!(told.contains("; 0 drained, 1 moved, 0 failed, 1 cut, in"), "{told}");
    }

    #[test]
    fn a_drain_that_was_taken_over_says_by_what_and_what_went_on() {
        let mut view = view(true, 2);
        let receipt = view.deployment.receipt.as_mut().unwrap();
        (receipt.drained, receipt.cut) = (1, 0);
        (receipt.superseded, receipt.superseded_by) = (true, Some(DeploymentId(12)));
        let went_on = receipt.in_flight() - 1;
        let told = deployed(&view, true, &look());
        let ended = "; 1 drained, 0 failed, 0 cut until deployment 12 took over, after ";
        assert!(told.contains(ended), "{told}");
        assert!(told.contains(&format!("; {went_on} went on\n")), "{told}");
        let told = history(std::slice::from_ref(&view.deployment), &look());
        let taken_over = format!(
            "deployment 12 took over what {} drained: {went_on} went on\n",
            view.deployment.id
        );
        assert!(told.ends_with(&taken_over), "{told}");
        assert_eq!(note(&view.deployment), "taken over by deployment 12");
        view.deployment.note = Some("at last".to_owned());
        assert_eq!(note(&view.deployment), "at last; taken over by deployment 12");
    }

    #[test]
    fn going_back_says_where_going_back_goes_next() {
        let mut view = view(true, 0);
        view.deployment.kind = DeploymentKind::Rollback;
        let told = deployed(&view, false, &look());
        let mut lines = told.lines();
        assert_eq!(lines.next(), Some("shop: v2 is live again (v1 was before), deployment 9"));
        assert_eq!(lines.next(), Some("`launcher rollback shop` would now go to v1"));
        view.deployment.from = [share(1, 90), share(2, 10)].into();
        let told = deployed(&view, false, &look());
        assert!(!told.contains("would now"), "it does not go to a step of a rollout: {told}");
    }

    fn share(version: u32, percent: u8) -> (VersionNumber, Weight) {
        (VersionNumber(version), Weight::new(percent).unwrap())
    }

    #[test]
    fn several_versions_are_told_with_their_shares() {
        let mut view = view(true, 0);
        view.deployment.to = [share(1, 90), share(2, 10)].into();
        let text = deployed(&view, false, &look());
        assert!(text.starts_with("shop: v1 90%, v2 10% are live ("), "{text}");
    }

    #[test]
    fn a_hold_tells_how_requests_waited() {
        let service = ServiceName::new("shop").unwrap();
        let mut view = view(true, 0);
        let mut receipt = view.deployment.receipt.take().unwrap();
        let mut texts = Vec::new();
        for (requests, rested, lapsed) in [(412, true, false), (1, false, true)] {
            receipt.hold = Some(HoldReceipt { requests, longest_us: 812_345, rested, lapsed });
            view.deployment.receipt = Some(receipt.clone());
            texts.push(deployed(&view, false, &look()));
            texts.push(held(&service, Span::secs(30), &HeldView { rested }));
            texts.push(released(&service, &ReleasedView { requests, longest_us: 21_345, lapsed }));
        }
        let none = ReleasedView { requests: 0, longest_us: 0, lapsed: false };
        texts.push(released(&service, &none));
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn what_is_live_already_is_said_so() {
        insta::assert_snapshot!(deployed(&view(false, 0), false, &look()));
    }

    #[test]
    fn a_history_fits_into_a_terminal() {
        insta::assert_snapshot!(history(&read::<Vec<_>>(DEPLOYMENTS), &look()));
    }
}
