//! The health of every container: one small task for each that checks it from here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use launcher_model::ServiceName;
use launcher_model::container::{Container, ContainerPhase, Health};
use launcher_model::service::{self, Contact, Probe};
use tokio::task::AbortHandle;

/// Until a container first passes it is checked as often as this, so that it does not wait for the rest of
/// an interval. From then on the interval counts: passing twice in a moment proves little.
const EAGER: Duration = Duration::from_millis(50);
/// A container is checked that often for so long at most.
const EAGER_FOR: Duration = Duration::from_secs(10);

/// Called with the service whose container's health has changed.
pub(crate) type OnChange = Arc<dyn Fn(&ServiceName) + Send + Sync>;

/// Checks containers and knows what the checks said.
pub(crate) struct Checks {
    running: Arc<Mutex<HashMap<String, Running>>>,
    on_change: OnChange,
}

struct Running {
    service: ServiceName,
    address: SocketAddr,
    contact: Contact,
    health: Health,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(running: &Mutex<HashMap<String, Running>>) -> MutexGuard<'_, HashMap<String, Running>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Checks {
    /// No checks yet.
    pub(crate) fn new(on_change: OnChange) -> Self {
        Self { running: Arc::default(), on_change }
    }

    /// Checks exactly these containers of a service from now on, each with its version's settings. Of one
    /// whose version has been healthy before, and that somebody waits for, the first pass is enough. What is
    /// known of those that were checked before stays known.
    pub(crate) fn follow<'a>(
        &self,
        service: &ServiceName,
        containers: impl Iterator<Item = (&'a Container, Contact, bool)>,
    ) {
        let wanted: HashMap<&str, (SocketAddr, Contact, bool)> = containers
            .filter(|(container, ..)| container.is_running())
            .filter(|(_, contact, _)| !matches!(contact.health.probe(), Probe::Exec(_)))
            .filter_map(|(container, contact, proven)| {
                Some((container.id.as_str(), (container.address?, contact, proven)))
            })
            .collect();
        let mut running = lock(&self.running);
        running.retain(|id, check| {
            check.service != *service
                || wanted.get(id.as_str()).is_some_and(|(address, contact, _)| {
                    check.address == *address && check.contact == *contact
                })
        });
        for (id, (address, contact, proven)) in wanted {
            if !running.contains_key(id) {
                let check = self.begin(id, service, address, contact, proven);
                running.insert(id.to_owned(), check);
            }
        }
    }

    fn begin(
        &self,
        id: &str,
        service: &ServiceName,
        address: SocketAddr,
        contact: Contact,
        proven: bool,
    ) -> Running {
        let follower = Follower {
            id: id.to_owned(),
            service: service.clone(),
            address,
            contact: contact.clone(),
            proven,
            running: Arc::clone(&self.running),
            on_change: Arc::clone(&self.on_change),
        };
        Running {
            service: service.clone(),
            address,
            contact,
            health: Health::Unknown { last: None },
            task: tokio::spawn(follower.run()).abort_handle(),
        }
    }

    /// What is known of a container.
    pub(crate) fn health(&self, container: &Container, settings: &service::Health) -> Health {
        if let Probe::Exec(_) = settings.probe() {
            return of_engine(container);
        }
        lock(&self.running)
            .get(&container.id)
            .map_or(Health::Unknown { last: None }, |check| check.health.clone())
    }
}

/// Where a command in the container decides, its engine runs it and tells.
fn of_engine(container: &Container) -> Health {
    match &container.phase {
        ContainerPhase::Running { exec_check: Some(check), .. } if check.healthy => Health::Healthy,
        ContainerPhase::Running { exec_check: Some(check), .. } if !check.output.is_empty() => {
            Health::Unhealthy { why: check.output.clone() }
        }
        _ => Health::Unknown { last: None },
    }
}

struct Follower {
    id: String,
    service: ServiceName,
    address: SocketAddr,
    contact: Contact,
    proven: bool,
    running: Arc<Mutex<HashMap<String, Running>>>,
    on_change: OnChange,
}

impl Follower {
    async fn run(self) {
        let began = Instant::now();
        let mut tally = Tally { proven: self.proven, ..Tally::default() };
        loop {
            let outcome = self.check().await;
            let health = tally.count(outcome, &self.contact.health);
            self.learn(health);
            let waiting = !tally.has_passed && began.elapsed() < EAGER_FOR;
            tokio::time::sleep(self.pause(waiting)).await;
        }
    }

    /// Checks it. What has no answer in time is asked once more: a packet that was lost is sent again after a
    /// second, which is no less than most checks wait, and when this process or the network stands still for
    /// a moment, all containers of a version are late at once.
    async fn check(&self) -> Result<(), String> {
        let began = Instant::now();
        let outcome = launcher_edge::check::check(self.address, &self.contact).await;
        if outcome.is_ok() || began.elapsed() < self.contact.health.timeout.duration() {
            return outcome;
        }
        launcher_edge::check::check(self.address, &self.contact).await
    }

    fn pause(&self, eager: bool) -> Duration {
        let interval = self.contact.health.interval.duration();
        if eager {
            return interval.min(EAGER);
        }
        // Spread, so that the checks of many containers that started together drift apart.
        interval.mul_f64(rand::random_range(0.9..1.0))
    }

    fn learn(&self, health: Health) {
        let mut running = lock(&self.running);
        let Some(check) = running.get_mut(&self.id) else { return };
        let turned = std::mem::discriminant(&check.health) != std::mem::discriminant(&health);
        check.health = health;
        drop(running);
        if turned {
            (self.on_change)(&self.service);
        }
    }
}

/// Counts passes and failures in a row.
#[derive(Debug, Default)]
struct Tally {
    passed: u16,
    failed: u16,
    has_passed: bool,
    /// The first verdict takes but one pass.
    proven: bool,
    judged: Option<bool>,
}

impl Tally {
    fn count(&mut self, outcome: Result<(), String>, settings: &service::Health) -> Health {
        match outcome {
            Ok(()) => {
                self.failed = 0;
                self.has_passed = true;
                self.passed = self.passed.saturating_add(1);
                let first = self.proven && self.judged.is_none();
                if first || self.passed >= settings.healthy_after {
                    self.judged = Some(true);
                }
                match self.judged {
                    Some(true) => Health::Healthy,
                    Some(false) => Health::Unhealthy {
                        why: "it passes again, but not often enough in a row yet".to_owned(),
                    },
                    None => Health::Unknown { last: None },
                }
            }
            Err(why) => {
                self.passed = 0;
                self.failed = self.failed.saturating_add(1);
                if self.judged == Some(true) && self.failed < settings.unhealthy_after {
                    return Health::Healthy;
                }
                // One that was never healthy is still starting.
                if self.judged.is_none() {
                    return Health::Unknown { last: Some(why) };
                }
                self.judged = Some(false);
                Health::Unhealthy { why }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(healthy_after: u16, unhealthy_after: u16) -> service::Health {
        service::Health { healthy_after, unhealthy_after, ..service::Health::default() }
    }

    #[test]
    fn one_failure_takes_a_container_out_and_enough_passes_bring_it_back() {
        let settings = settings(2, 1);
        let mut tally = Tally::default();
        let fail = || Err("no".to_owned());
        assert_eq!(tally.count(fail(), &settings), Health::Unknown { last: Some("no".into()) });
        assert!(matches!(tally.count(Ok(()), &settings), Health::Unknown { .. }));
        assert_eq!(tally.count(Ok(()), &settings), Health::Healthy);
        assert_eq!(tally.count(fail(), &settings), Health::Unhealthy { why: "no".into() });
        assert!(matches!(tally.count(Ok(()), &settings), Health::Unhealthy { .. }));
        assert_eq!(tally.count(Ok(()), &settings), Health::Healthy);
    }

    #[test]
    fn one_pass_is_enough_for_what_was_healthy_before_and_only_at_first() {
        let settings = settings(2, 1);
        let mut tally = Tally { proven: true, ..Tally::default() };
        assert!(matches!(tally.count(Err("no".into()), &settings), Health::Unknown { .. }));
        assert_eq!(tally.count(Ok(()), &settings), Health::Healthy);
        assert!(matches!(tally.count(Err("no".into()), &settings), Health::Unhealthy { .. }));
        assert!(matches!(tally.count(Ok(()), &settings), Health::Unhealthy { .. }));
        assert_eq!(tally.count(Ok(()), &settings), Health::Healthy);
    }

    #[test]
    fn failures_are_forgiven_up_to_the_threshold() {
        let settings = settings(1, 3);
        let mut tally = Tally::default();
        let fail = || Err("no".to_owned());
        assert_eq!(tally.count(Ok(()), &settings), Health::Healthy);
        assert_eq!(tally.count(fail(), &settings), Health::Healthy);
        assert_eq!(tally.count(fail(), &settings), Health::Healthy);
        assert!(matches!(tally.count(fail(), &settings), Health::Unhealthy { .. }));
    }
}
