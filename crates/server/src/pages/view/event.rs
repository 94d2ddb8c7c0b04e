//! Events, a line each.

use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::event::{Event, EventKind};

use super::ago::Ago;

/// Something that happened.
pub(crate) struct EventLine {
    pub(crate) id: i64,
    pub(crate) at: Ago,
    /// The service that it concerns, where its text does not name it.
    pub(crate) service: Option<ServiceName>,
    pub(crate) text: String,
    /// It needs eyes.
    pub(crate) bad: bool,
}

impl EventLine {
    pub(crate) fn new(event: &Event, now: Timestamp) -> Self {
        Self {
            id: event.id,
            at: Ago::new(event.at, now),
            service: event.service.clone().filter(|name| !names(&event.text, name)),
            text: event.text.clone(),
            bad: matches!(
                event.kind,
                EventKind::EnvironmentFailed
                    | EventKind::EnvironmentTroubled
                    | EventKind::ContainerLost
                    | EventKind::ContainerUnhealthy
                    | EventKind::DeploymentAborted
                    | EventKind::AutoGivenUp
                    | EventKind::EdgeLost
                    | EventKind::EngineLost
            ),
        }
    }
}

fn names(text: &str, service: &ServiceName) -> bool {
    text.split_whitespace().any(|word| word == service.as_str())
}
