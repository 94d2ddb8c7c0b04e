//! What was done to a service's traffic: deployments, and times in which it was closed or held, newest first.

use jiff::Timestamp;
use launcher_model::event::{Event, EventKind};
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState};

use super::ago::Ago;
use super::deployment::DeploymentLine;
use crate::words::{lasted, shares};

/// What is told of beside deployments.
pub(crate) const KINDS: [EventKind; 4] = [
    EventKind::MaintenanceOn,
    EventKind::MaintenanceOff,
    EventKind::RequestsHeld,
    EventKind::RequestsReleased,
];

/// One moment.
pub(crate) struct Moment {
    pub(crate) id: String,
    pub(crate) at: Ago,
    /// The class of its dot.
    pub(crate) class: &'static str,
    /// What it was, in a word.
    pub(crate) word: &'static str,
    /// Who did what, where it was no deployment.
    pub(crate) text: String,
    pub(crate) deployment: Option<DeploymentLine>,
    /// How long what it ended had lasted.
    pub(crate) lasted: Option<String>,
    /// For the order.
    when: Timestamp,
}

/// The newest moments of both kinds, at most so many.
pub(crate) fn history(
    deployments: &[Deployment],
    events: &[Event],
    most: usize,
    now: Timestamp,
) -> Vec<Moment> {
    let decided = |one: &&Deployment| one.generation.is_some();
    let made_live = deployments.iter().find(decided).map(|one| one.id);
    let deployed = deployments.iter().map(|one| deployed(one, made_live == Some(one.id), now));
    let others = events.iter().enumerate();
    let others = others.map(|(n, event)| other(event, &events[n + 1..], now));
    let mut moments: Vec<Moment> = deployed.chain(others).collect();
    moments.sort_by_key(|moment| std::cmp::Reverse(moment.when));
    moments.truncate(most);
    moments
}

fn deployed(deployment: &Deployment, is_live: bool, now: Timestamp) -> Moment {
    let class = match deployment.state {
        DeploymentState::Aborted => "trouble",
        state if state.blocks_others() => "moving",
        _ if is_live => "live",
        _ => "",
    };
    let word = match (deployment.state, deployment.kind) {
        (DeploymentState::Aborted, _) => "aborted",
        (_, DeploymentKind::Rollback) => "rolled back",
        (_, DeploymentKind::Offline) => "taken offline",
        (_, DeploymentKind::Deploy) if deployment.to.len() > 1 => "shared out",
        (_, DeploymentKind::Deploy) => "deployed",
    };
    Moment {
        id: format!("d-{}", deployment.id),
        at: Ago::new(deployment.created_at, now),
        class,
        word,
        text: shares(&deployment.to),
        deployment: Some(DeploymentLine::new(deployment, now)),
        lasted: None,
        when: deployment.created_at,
    }
}

/// A moment that was no deployment; `before` is what came before it, newest first.
fn other(event: &Event, before: &[Event], now: Timestamp) -> Moment {
    let (word, class, began) = match event.kind {
        EventKind::MaintenanceOn => ("closed", "closed", None),
        EventKind::MaintenanceOff => ("opened", "", Some(EventKind::MaintenanceOn)),
        EventKind::RequestsHeld => ("held", "closed", None),
        _ => ("released", "", Some(EventKind::RequestsHeld)),
    };
    let began = began.and_then(|began| {
        // It may have been closed anew, with another page, before it was opened.
        let same = before.iter().filter(|one| one.kind == event.kind || one.kind == began);
        same.take_while(|one| one.kind == began).last()
    });
    Moment {
        id: format!("m-{}", event.id),
        at: Ago::new(event.at, now),
        class,
        word,
        text: event.text.clone(),
        deployment: None,
        lasted: began.map(|began| lasted(event.at.duration_since(began.at))),
        when: event.at,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn event(id: i64, kind: EventKind, minute: i64) -> Event {
        Event {
            id,
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute),
            kind,
            service: None,
            version: None,
            deployment: None,
            by: None,
            text: format!("{kind:?}"),
        }
    }

    #[test]
    fn what_was_closed_says_at_its_end_for_how_long() {
        let events = [
            event(5, EventKind::RequestsReleased, 61),
            event(4, EventKind::MaintenanceOff, 50),
            event(3, EventKind::RequestsHeld, 45),
            event(2, EventKind::MaintenanceOn, 20),
            event(1, EventKind::MaintenanceOn, 10),
        ];
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(2);
        let moments = history(&[], &events, 4, now);
        let told: Vec<_> =
            moments.iter().map(|one| (one.word, one.lasted.as_deref().unwrap_or(""))).collect();
        let wanted = [("released", "16 min"), ("opened", "40 min"), ("held", ""), ("closed", "")];
        assert_eq!(told, wanted);
    }
}
