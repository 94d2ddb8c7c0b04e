//! What to do next for one environment.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::container::{Container, ContainerPhase, Health};
use crate::environment::{Environment, EnvironmentState, Release, Wanted};
use crate::plan::leaving::served_places;
use crate::service::ServiceSpec;

/// A container and what is known of its health.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The container.
    pub container: Container,
    /// Its health.
    pub health: Health,
}

impl Checked {
    /// Whether it may be sent requests.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.container.is_running() && self.health == Health::Healthy
    }

    /// Whether it runs, and no check has said anything of it yet.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.container.is_running() && self.health == Health::Unknown { last: None }
    }
}

/// What is known of one environment.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What is wanted, and how far it has come.
    pub environment: &'a Environment,
    /// The settings of its version.
    pub spec: &'a ServiceSpec,
    /// Its containers.
    pub containers: &'a [Checked],
    /// The hosts that it is not to use.
    pub avoid: &'a BTreeSet<String>,
    /// The time.
    pub now: Timestamp,
}

/// Work that takes a while. One at a time is done for an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// See that the image is there, and let the start period begin.
    Fetch,
    /// Run the release command.
    Release,
    /// Create, start, replace and remove containers.
    Ensure,
    /// Stop the containers, and keep them.
    Stop,
    /// Remove the containers.
    Remove,
}

/// What to do next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Work to begin, if none is under way.
    pub job: Option<Job>,
    /// The state that the environment has reached.
    pub reached: Option<EnvironmentState>,
    /// With `reached` [`EnvironmentState::Failed`]: why.
    pub verdict: Option<Verdict>,
    /// When to decide again though nothing changes.
    pub again_at: Option<Timestamp>,
    /// The start period shall count from now: it began in what is now the future, because the clock
    /// was set back.
    pub restart_period: bool,
}

/// Why an environment fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// One sentence.
    pub reason: String,
    /// The container whose log tells more.
    pub container: Option<String>,
}

/// Decides.
#[must_use]
pub fn decide(view: View<'_>) -> Decision {
    match view.environment.wanted {
        Wanted::Gone => gone(view),
        Wanted::Stopped => stopped(view),
        Wanted::Running => running(view),
    }
}

fn gone(view: View<'_>) -> Decision {
    if view.containers.is_empty() && view.environment.state != EnvironmentState::Destroyed {
        return Decision { reached: Some(EnvironmentState::Destroyed), ..Decision::default() };
    }
    Decision { job: (!view.containers.is_empty()).then_some(Job::Remove), ..Decision::default() }
}

fn stopped(view: View<'_>) -> Decision {
    if view.containers.iter().any(|checked| checked.container.is_running()) {
        return Decision { job: Some(Job::Stop), ..Decision::default() };
    }
    let moves =
        matches!(view.environment.state, EnvironmentState::Ready | EnvironmentState::Creating);
    Decision { reached: moves.then_some(EnvironmentState::Stopped), ..Decision::default() }
}

fn running(view: View<'_>) -> Decision {
    let environment = view.environment;
    match environment.state {
        EnvironmentState::Failed | EnvironmentState::Destroyed => Decision::default(),
        EnvironmentState::Ready => Decision { job: ensure_if_needed(view), ..Decision::default() },
        EnvironmentState::Creating | EnvironmentState::Stopped => {
            if environment.release == Release::Pending {
                return Decision { job: Some(Job::Release), ..Decision::default() };
            }
            match environment.starting_since {
                None => Decision { job: Some(Job::Fetch), ..Decision::default() },
                Some(since) => starting(view, since),
            }
        }
    }
}

fn starting(view: View<'_>, since: Timestamp) -> Decision {
    let replicas = view.environment.replicas;
    if served_places(replicas, view.containers) >= usize::from(replicas) {
        return Decision {
            reached: Some(EnvironmentState::Ready),
            job: ensure_if_needed(view),
            ..Decision::default()
        };
    }
    let failed = |verdict| Decision {
        reached: Some(EnvironmentState::Failed),
        verdict: Some(verdict),
        ..Decision::default()
    };
    if let Some(verdict) =
        unstartable(view).or_else(|| dying(view.environment, view.containers, since))
    {
        return failed(verdict);
    }
    let restart_period = since > view.now;
    let began = if restart_period { view.now } else { since };
    let deadline = began + view.spec.health.start_period.duration();
    if view.now >= deadline {
        return failed(overdue(view));
    }
    Decision {
        job: ensure_if_needed(view),
        again_at: Some(deadline),
        restart_period,
        ..Decision::default()
    }
}

/// An engine need not be asked when each place is filled by one running container, on a host that it may
/// be on.
fn ensure_if_needed(view: View<'_>) -> Option<Job> {
    let mut filled = vec![false; usize::from(view.environment.replicas)];
    for checked in view.containers {
        let place = usize::from(checked.container.slot).checked_sub(1);
        match place.and_then(|place| filled.get_mut(place)) {
            None => return Some(Job::Ensure),
            Some(place) if checked.container.is_running() => {
                if std::mem::replace(place, true) || view.avoid.contains(&checked.container.host) {
                    return Some(Job::Ensure);
                }
            }
            Some(_) => {}
        }
    }
    filled.contains(&false).then_some(Job::Ensure)
}

/// A container that the engine cannot even start will not start later either.
fn unstartable(view: View<'_>) -> Option<Verdict> {
    view.containers.iter().find_map(|checked| match &checked.container.phase {
        ContainerPhase::Unstartable { why } => Some(Verdict {
            reason: format!("container {} cannot be started: {why}", checked.container.slot),
            container: None,
        }),
        _ => None,
    })
}

/// So many containers of a new version end in one place, one soon after the other, before nothing more is
/// expected of it: the first may have come too early for what it needs, the third has not.
const MOST_ENDS: u32 = 3;

/// Whether nothing more is expected of an environment whose containers end: they are not replaced.
#[must_use]
pub fn is_given_up(environment: &Environment, containers: &[Checked]) -> bool {
    let since = environment.starting_since;
    since.is_some_and(|since| dying(environment, containers, since).is_some())
}

/// What ends again and again does not get well by being started once more. That holds for a version that was
/// never ready, as long as none of its containers is healthy.
fn dying(environment: &Environment, containers: &[Checked], since: Timestamp) -> Option<Verdict> {
    if environment.state != EnvironmentState::Creating || containers.iter().any(Checked::serves) {
        return None;
    }
    let counted = containers.iter().map(|checked| (ends(&checked.container, since), checked));
    let (ends, last) =
        counted.max_by_key(|(ends, _)| *ends).filter(|(ends, _)| *ends >= MOST_ENDS)?;
    let (_, text) = complaint(last)?;
    let slot = last.container.slot;
    Some(Verdict {
        reason: format!(
            "container {slot} {text}: {ends} have ended in its place, and no other is healthy"
        ),
        container: Some(last.container.id.clone()),
    })
}

/// How many containers have ended in this one's place one soon after the other, since the environment was
/// asked to start.
fn ends(container: &Container, since: Timestamp) -> u32 {
    match container.phase {
        ContainerPhase::Exited { finished, .. } if finished >= since => {
            let before = if container.created < since { 0 } else { container.failures };
            before.saturating_add(1)
        }
        _ => 0,
    }
}

/// What a person needs to know of an environment that was not ready in time: of all containers, the
/// one that tells most.
fn overdue(view: View<'_>) -> Verdict {
    let within = view.spec.health.start_period;
    let serving = served_places(view.environment.replicas, view.containers);
    let score = format!(
        "{serving} of {} containers were healthy within {within}",
        view.environment.replicas
    );
    let telling = view
        .containers
        .iter()
        .filter_map(|checked| complaint(checked).map(|(weight, text)| (weight, text, checked)))
        .max_by_key(|(weight, _, checked)| (*weight, checked.container.attempt));
    match telling {
        Some((_, text, checked)) => Verdict {
            reason: format!("{score}: container {} {text}", checked.container.slot),
            container: Some(checked.container.id.clone()),
        },
        None => Verdict { reason: score, container: None },
    }
}

fn complaint(checked: &Checked) -> Option<(u8, String)> {
    match (&checked.container.phase, &checked.health) {
        (ContainerPhase::Exited { code, out_of_memory: true, .. }, _) => {
            Some((4, format!("ran out of memory (exit status {code})")))
        }
        (ContainerPhase::Exited { code, .. }, _) => Some((3, format!("exited with status {code}"))),
        (ContainerPhase::Unstartable { why }, _) => Some((3, format!("cannot be started: {why}"))),
        (
            ContainerPhase::Running { .. },
            Health::Unhealthy { why } | Health::Unknown { last: Some(why) },
        ) => Some((2, format!("failed its health check: {why}"))),
        (ContainerPhase::Running { .. }, Health::Unknown { last: None }) => {
            Some((1, "was not checked often enough".to_owned()))
        }
        (ContainerPhase::Waiting { why: Some(why) }, _) => {
            Some((3, format!("waits for a host: {why}")))
        }
        (ContainerPhase::Waiting { why: None }, _) => Some((1, "waits for a host".to_owned())),
        (ContainerPhase::Lost { .. }, _) => {
            Some((2, format!("is on {}, which cannot be reached", checked.container.host)))
        }
        (ContainerPhase::Created, _) => Some((1, "was not started".to_owned())),
        (ContainerPhase::Running { .. }, Health::Healthy) => None,
    }
}

#[cfg(test)]
mod tests;
