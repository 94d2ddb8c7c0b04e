//! The events of a service's loop, in words.

use jiff::Timestamp;
use launcher_model::container::{ContainerPhase, Health};
use launcher_model::environment::{Environment, EnvironmentState, Failure, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::plan::environment::{Checked, is_given_up};
use launcher_model::plan::leaving::served_places;
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};

use super::Wish;
use crate::Inner;

/// What reaching a state is told as.
pub(super) fn reached(
    inner: &Inner,
    environment: &Environment,
    version: &Version,
    containers: &[Checked],
    state: EnvironmentState,
) -> NewEvent {
    let number = environment.version;
    let (kind, text) = match state {
        EnvironmentState::Ready => {
            let serving = served_places(environment.replicas, containers);
            let since = environment.starting_since.unwrap_or(version.created_at);
            let took = seconds_since(since, inner.now());
            let noun = if serving == 1 { "container" } else { "containers" };
            let text = format!("{number} is ready: {serving} {noun} healthy after {took} s");
            (EventKind::EnvironmentReady, text)
        }
        EnvironmentState::Stopped => {
            (EventKind::EnvironmentStopped, format!("{number} is stopped; its containers are kept"))
        }
        EnvironmentState::Destroyed => {
            let text = format!("{number} is destroyed; its record stays");
            (EventKind::EnvironmentDestroyed, text)
        }
        EnvironmentState::Creating | EnvironmentState::Failed => {
            (EventKind::EnvironmentFailed, format!("{number} is {state}"))
        }
    };
    NewEvent::new(kind, text).service(&environment.service).version(number)
}

fn seconds_since(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs_f64().max(0.0);
    format!("{seconds:.1}")
}

/// What a failure is told as.
pub(super) fn failed(service: &ServiceName, number: VersionNumber, failure: &Failure) -> NewEvent {
    let text = format!("{number} has failed: {}", failure.reason);
    NewEvent::new(EventKind::EnvironmentFailed, text).service(service).version(number)
}

/// What stands in the way of an environment that was ready is told as.
pub(super) fn troubled(
    service: &ServiceName,
    number: VersionNumber,
    failure: &Failure,
) -> NewEvent {
    let text = format!("{number} cannot be made whole, and is tried again: {}", failure.reason);
    NewEvent::new(EventKind::EnvironmentTroubled, text).service(service).version(number)
}

/// Tells of containers that ran, in environments that shall run, and do not any more.
pub(super) fn of_containers(
    service: &ServiceName,
    before: Option<&Vec<Checked>>,
    after: &[Checked],
    wish: &Wish,
) -> Vec<NewEvent> {
    let ran = before.into_iter().flatten().filter(|checked| checked.container.is_running());
    let lost = ran.filter_map(|checked| {
        let container = &checked.container;
        let environment = wish.environment(container.version)?;
        if environment.wanted != Wanted::Running || container.slot > environment.replicas {
            return None;
        }
        // Another one has its place.
        if crate::table::leaving(environment, before?).contains(&container.id) {
            return None;
        }
        let now = after.iter().find(|other| other.container.id == container.id);
        let what = match now.map(|other| &other.container.phase) {
            Some(ContainerPhase::Running { .. }) => return None,
            Some(ContainerPhase::Exited { out_of_memory: true, .. }) => {
                "ran out of memory".to_owned()
            }
            Some(ContainerPhase::Exited { code, .. }) => format!("exited with status {code}"),
            Some(ContainerPhase::Lost { .. }) => {
                format!("is on {}, which cannot be reached", container.host)
            }
            _ => "is gone".to_owned(),
        };
        let own = after.iter().filter(|other| other.container.version == container.version);
        let own: Vec<Checked> = own.cloned().collect();
        let then = if is_given_up(environment, &own) { "" } else { "; it is replaced" };
        let text = format!("container {} of {} {what}{then}", container.slot, container.version);
        let event = NewEvent::new(EventKind::ContainerLost, text);
        Some(event.service(service).version(container.version))
    });
    lost.collect()
}

/// Tells of containers that became healthy or unhealthy in environments that were ready.
pub(super) fn of_health(
    service: &ServiceName,
    before: &[Checked],
    after: &[Checked],
    wish: &Wish,
) -> Vec<NewEvent> {
    let turned = after.iter().filter_map(|checked| {
        let container = &checked.container;
        let environment = wish.environment(container.version)?;
        if environment.state != EnvironmentState::Ready || environment.wanted != Wanted::Running {
            return None;
        }
        let was = &before.iter().find(|old| old.container.id == container.id)?.health;
        let (kind, text) = match (was, &checked.health) {
            (Health::Healthy, Health::Unhealthy { why }) => (
                EventKind::ContainerUnhealthy,
                format!(
                    "container {} of {} takes no requests: {why}",
                    container.slot, container.version
                ),
            ),
            (Health::Unhealthy { .. }, Health::Healthy) => (
                EventKind::ContainerHealthy,
                format!(
                    "container {} of {} takes requests again",
                    container.slot, container.version
                ),
            ),
            _ => return None,
        };
        Some(NewEvent::new(kind, text).service(service).version(container.version))
    });
    turned.collect()
}
