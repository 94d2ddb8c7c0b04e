//! Apps and tasks as containers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase, ExecCheck};

use super::names::Identity;
use super::places::Seat;
use super::reasons::{self, End};
use super::wire::app::{App, Doing, Task};
use super::wire::queue::Queued;

/// Attempts of an environment's second app begin with this, those of its third with twice as much: higher
/// than what any place of the app before it comes to.
const APART: u32 = 1000;

/// What one place of one app is seen with.
pub(super) struct View<'a> {
    pub(super) identity: &'a Identity,
    pub(super) app: &'a App,
    /// What Marathon still has to start of it.
    pub(super) queued: Option<&'a Queued>,
    /// Agents' names to their addresses.
    pub(super) addresses: &'a HashMap<String, IpAddr>,
    pub(super) now: Timestamp,
}

impl View<'_> {
    /// The container of a place. None for one that is being ended and shall not be replaced.
    pub(super) fn container(&self, slot: u16, seat: &Seat) -> Option<Container> {
        match &seat.task {
            Some(task) => self.of_task(slot, seat, task),
            None => Some(self.of_empty(slot, seat)),
        }
    }

    fn of_task(&self, slot: u16, seat: &Seat, task: &Task) -> Option<Container> {
        let staged = task.staged_at.unwrap_or(self.now);
        let phase = match task.doing() {
            Doing::Running => ContainerPhase::Running {
                since: task.started_at.unwrap_or(staged),
                exec_check: self.exec_check(task),
            },
            Doing::Unreachable => ContainerPhase::Lost { since: seat.lost.unwrap_or(self.now) },
            // Late versions list what is on no host yet, too.
            Doing::Starting if task.host.is_empty() => {
                ContainerPhase::Waiting { why: self.why(seat) }
            }
            Doing::Starting => ContainerPhase::Created,
            // It takes no new requests, and what it was ended for is over soon.
            Doing::Ending | Doing::Ended => return None,
        };
        let address = self.address(task).filter(|_| task.doing() == Doing::Running);
        let host = task.host.clone();
        Some(Container { address, host, ..self.shape(slot, seat, task.id.clone(), staged, phase) })
    }

    fn of_empty(&self, slot: u16, seat: &Seat) -> Container {
        let failed = seat.failed.as_ref();
        let end = failed.and_then(|failed| {
            let end = reasons::end(&failed.failure.message, failed.started.is_some())?;
            Some((failed, end, failed.failure.timestamp.unwrap_or(self.now)))
        });
        let made = self.app.version.unwrap_or(self.now);
        if let Some((failed, end, finished)) = end {
            let started = failed.started.unwrap_or(finished);
            let phase = match end {
                End::Exited(code) => {
                    let out_of_memory = reasons::is_out_of_memory(&failed.failure.message);
                    ContainerPhase::Exited { code, out_of_memory, started, finished }
                }
                End::NotStarted(why) => ContainerPhase::Unstartable { why },
            };
            let id = failed.failure.task_id.clone();
            // It is the one that failed, not the one that is to come.
            let failures = seat.failures.saturating_sub(1);
            let before =
                Seat { replaced: seat.replaced.saturating_sub(1), failures, ..Seat::default() };
            let container = self.shape(slot, &before, id, started, phase);
            return Container { host: failed.failure.host.clone(), ..container };
        }
        let why = self.why(seat);
        let id = format!("{}.waiting-{slot}", self.app.id.trim_matches('/').replace('/', "_"));
        self.shape(slot, seat, id, made, ContainerPhase::Waiting { why })
    }

    /// Why nothing runs in a place.
    fn why(&self, seat: &Seat) -> Option<String> {
        reasons::sentence(self.app, self.queued, seat.failed.as_ref(), seat.failures)
    }

    fn shape(
        &self,
        slot: u16,
        seat: &Seat,
        id: String,
        created: Timestamp,
        phase: ContainerPhase,
    ) -> Container {
        let Identity { service, version, attempt, .. } = self.identity;
        Container {
            id,
            name: format!("{}-{slot}", self.app.id.trim_matches('/').replace('/', "-")),
            service: service.clone(),
            version: *version,
            slot,
            attempt: attempt.saturating_sub(1).saturating_mul(APART) + seat.replaced.min(APART - 1),
            failures: seat.failures,
            created,
            host: String::new(),
            address: None,
            published: None,
            phase,
        }
    }

    /// A port of the agent. An agent whose name means no address cannot be reached.
    fn address(&self, task: &Task) -> Option<SocketAddr> {
        Some(SocketAddr::new(*self.addresses.get(&task.host)?, *task.ports.first()?))
    }

    /// What Mesos's check of the container says; not healthy as long as it says nothing.
    fn exec_check(&self, task: &Task) -> Option<ExecCheck> {
        if self.app.health_checks.is_empty() {
            return None;
        }
        let results: Vec<_> = task.health_check_results.iter().flatten().collect();
        let failed = results.iter().find(|result| !result.alive);
        Some(ExecCheck {
            healthy: !results.is_empty() && failed.is_none(),
            output: failed.map(|result| result.last_failure_cause.clone()).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use launcher_model::{ServiceName, VersionNumber};

    use super::*;
    use crate::marathon::places::Places;
    use crate::marathon::wire::app::OneApp;

    fn sample(name: &str) -> App {
        let path = format!("{}/tests/marathon/samples/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice::<OneApp>(&std::fs::read(path).unwrap()).unwrap().app
    }

    fn containers(app: &App, attempt: u32) -> Vec<Container> {
        let identity = Identity {
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(42),
            attempt,
            port: 8080,
            avoid: Default::default(),
        };
        let addresses = [("10.0.2.11", "10.0.2.11"), ("10.0.2.12", "10.0.2.12")]
            .map(|(name, ip)| (name.to_owned(), ip.parse().unwrap()))
            .into();
        let now = Timestamp::UNIX_EPOCH;
        let view = View { identity: &identity, app, queued: None, addresses: &addresses, now };
        let seats = Places::default().assign(app, now);
        seats.iter().filter_map(|(slot, seat)| view.container(*slot, seat)).collect()
    }

    #[test]
    fn running_tasks_serve_at_a_port_of_their_host() {
        let all = containers(&sample("app_get.json"), 1);
        let [first, second] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(first.address, Some("10.0.2.11:31744".parse().unwrap()));
        assert_eq!((first.host.as_str(), first.slot, first.attempt), ("10.0.2.11", 1, 0));
        assert_eq!(first.name, "shop-web-green-1");
        let ContainerPhase::Running { since, exec_check } = &first.phase else {
            panic!("{first:?}")
        };
        assert_eq!(since.to_string(), "2020-09-14T10:21:12.118Z");
        assert!(exec_check.as_ref().unwrap().healthy);
        let ContainerPhase::Running { exec_check, .. } = &second.phase else {
            panic!("{second:?}")
        };
        assert!(!exec_check.as_ref().unwrap().healthy);
    }

    #[test]
    fn a_task_that_is_staged_has_no_address_yet() {
        let all = containers(&sample("app_get_deploying.json"), 2);
        assert_eq!((all[1].phase.clone(), all[1].address), (ContainerPhase::Created, None));
        assert_eq!(all[0].attempt, 1000, "those of a second app come after those of the first");
    }

    #[test]
    fn an_empty_place_tells_how_the_one_before_ended() {
        let mut app = sample("app_get.json");
        app.tasks.pop();
        let all = containers(&app, 1);
        let ContainerPhase::Exited { code, out_of_memory, finished, .. } = all[1].phase else {
            panic!("{all:?}")
        };
        assert_eq!((code, out_of_memory), (1, false));
        assert_eq!(finished.to_string(), "2020-09-14T10:21:20.004Z");
        assert_eq!(all[1].id, app.last_task_failure.unwrap().task_id);

        app.last_task_failure = None;
        let all = containers(&app, 1);
        assert_eq!(all[1].phase, ContainerPhase::Waiting { why: None });
        assert_eq!(all[1].id, "shop_web-green.waiting-2");
    }
}
