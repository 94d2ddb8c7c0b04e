//! Work that takes longer than a moment, beside a service's loop: at most one job for each version.

mod work;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_model::VersionNumber;
use launcher_model::environment::Failure;
use launcher_model::plan::environment::Job;
use launcher_model::version::Version;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::slot::Slot;
use crate::{Error, Inner};

pub(crate) use work::last_lines;

/// The jobs of one service.
#[derive(Default)]
pub(crate) struct Jobs {
    running: JoinSet<Outcome>,
    by_task: HashMap<Id, Begun>,
    /// What containers were asked for last, and when the same may be asked for again.
    holds: HashMap<VersionNumber, Hold>,
    /// What failed is tried again then.
    retries: HashMap<VersionNumber, Retry>,
    /// Everything of these versions has been removed once, one-off containers too.
    removed: HashSet<VersionNumber>,
    /// The hosts that the engine knows it is to avoid for a version.
    avoided: HashMap<VersionNumber, Arc<BTreeSet<String>>>,
    /// How often containers have changed.
    changes: u64,
}

struct Begun {
    version: VersionNumber,
    job: Job,
    asked: Option<Asked>,
    task: AbortHandle,
    /// How often containers had changed before.
    changes: u64,
}

/// What an engine is asked for, beside what a version says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How many containers.
    pub(crate) replicas: u16,
    /// When the environment was last asked to start.
    pub(crate) since: Timestamp,
    /// The hosts that it shall not use.
    pub(crate) avoid: Arc<BTreeSet<String>>,
    /// The containers that may be ended.
    pub(crate) released: BTreeSet<String>,
}

struct Hold {
    asked: Asked,
    until: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Retry {
    job: Job,
    at: Instant,
    failures: u32,
}

/// How a job ended.
pub(crate) struct Done {
    pub(crate) version: VersionNumber,
    job: Job,
    asked: Option<Asked>,
    outcome: Outcome,
    /// Containers have changed meanwhile.
    changed: bool,
}

impl Done {
    /// All that an environment's containers need was there.
    pub(crate) fn made_whole(&self) -> bool {
        self.job == Job::Ensure && matches!(self.outcome, Outcome::Well(_))
    }
}

/// What came of a job.
pub(crate) enum Outcome {
    /// What was to do is done; more may be done then.
    Well(Option<Timestamp>),
    /// Trying again may help.
    Passing(Error),
    /// Trying again will not help an environment that is starting.
    Final(Failure),
}

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// An engine that was asked for something, and shows nothing new, is asked for the same again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// The same of one that has shown something while it was asked: a container that ends at once has ended before.
const ASK_SOON: Duration = Duration::from_secs(1);
/// No replacement is delayed for longer.
const LONGEST_HOLD: Duration = Duration::from_secs(120);

impl Jobs {
    /// Whether something is being done for a version.
    pub(crate) fn is_busy(&self, version: VersionNumber) -> bool {
        self.by_task.values().any(|begun| begun.version == version)
    }

    /// Ends what may take long and is only done for a start. It is safe to be ended at any point.
    pub(crate) fn give_up_start(&self, version: VersionNumber) {
        let of_start = |begun: &&Begun| {
            begun.version == version && matches!(begun.job, Job::Fetch | Job::Release)
        };
        self.by_task.values().filter(of_start).for_each(|begun| begun.task.abort());
    }

    /// Whether everything of a version has been removed, which is forgotten then.
    pub(crate) fn take_removed(&mut self, version: VersionNumber) -> bool {
        self.removed.remove(&version)
    }

    /// Whether the engine has to be told which hosts a version avoids: others than when it was told last, or
    /// when this was asked first.
    pub(crate) fn avoids_others(
        &mut self,
        version: VersionNumber,
        avoid: &Arc<BTreeSet<String>>,
    ) -> bool {
        self.avoided.entry(version).or_insert_with(|| Arc::clone(avoid)) != avoid
    }

    /// How long until a job may be begun that may not be yet.
    pub(crate) fn earliest_hold(&self) -> Option<Duration> {
        let retries = self.retries.values().map(|retry| retry.at);
        let ends = self.holds.values().map(|hold| hold.until).chain(retries);
        let left = ends.filter_map(|end| end.checked_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero()).min()
    }

    /// Containers have changed, so that delays may have too.
    pub(crate) fn observed_change(&mut self) {
        self.changes += 1;
        self.holds.clear();
    }

    /// Begins a job, unless it is held.
    pub(crate) fn begin(
        &mut self,
        inner: &Arc<Inner>,
        slot: &Arc<Slot>,
        job: Job,
        asked: Asked,
        version: &Arc<Version>,
    ) {
        let number = version.number;
        let held = |hold: &Hold| hold.until > Instant::now() && hold.asked == asked;
        let held = job == Job::Ensure && self.holds.get(&number).is_some_and(held);
        if held || !self.may_try(number, job) {
            return;
        }
        self.holds.remove(&number);
        if job == Job::Ensure {
            slot.ends(number, asked.released.clone());
        }
        let (inner, slot) = (Arc::clone(inner), Arc::clone(slot));
        let (ask, version) = (asked.clone(), Arc::clone(version));
        self.spawn(number, job, Some(asked), async move {
            work::perform(&inner, &slot, job, ask, &version).await
        });
    }

    /// Begins the removal of a version's containers.
    pub(crate) fn begin_removal(
        &mut self,
        inner: &Arc<Inner>,
        slot: &Arc<Slot>,
        number: VersionNumber,
    ) {
        if !self.may_try(number, Job::Remove) {
            return;
        }
        let (inner, slot) = (Arc::clone(inner), Arc::clone(slot));
        self.spawn(
            number,
            Job::Remove,
            None,
            async move { work::remove(&inner, &slot, number).await },
        );
    }

    /// What has failed waits; something else that is wanted now does not.
    fn may_try(&self, number: VersionNumber, job: Job) -> bool {
        let retry = self.retries.get(&number);
        retry.is_none_or(|retry| retry.job != job || retry.at <= Instant::now())
    }

    fn spawn(
        &mut self,
        number: VersionNumber,
        job: Job,
        asked: Option<Asked>,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let task = self.running.spawn(work);
        let changes = self.changes;
        self.by_task.insert(task.id(), Begun { version: number, job, asked, task, changes });
    }

    /// Waits for the end of a job; forever, while there is none.
    pub(crate) async fn next(&mut self) -> Option<Done> {
        let Some(ended) = self.running.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) if error.is_cancelled() => (error.id(), Outcome::Well(None)),
            Err(error) => {
                let why = format!("a job ended in a fault of the program: {error}");
                (error.id(), Outcome::Passing(Error::Refused(why)))
            }
        };
        let Begun { version, job, asked, changes, .. } = self.by_task.remove(&id)?;
        Some(Done { version, job, asked, outcome, changed: changes != self.changes })
    }

    /// Takes in how a job ended. A failure that trying again will not mend is given back.
    pub(crate) fn ended(&mut self, done: Done, now: Timestamp) -> Option<Failure> {
        let Done { version, job, asked, outcome, changed } = done;
        match outcome {
            Outcome::Well(again_at) => {
                self.retries.remove(&version);
                if job == Job::Remove {
                    self.removed.insert(version);
                    self.avoided.remove(&version);
                }
                if let (Job::Ensure, Some(asked)) = (job, asked) {
                    let again = if changed { ASK_SOON } else { ASK_AGAIN };
                    let wait = again_at.map_or(again, |at| time_until(at, now));
                    let until = Instant::now() + wait;
                    self.avoided.insert(version, Arc::clone(&asked.avoid));
                    self.holds.insert(version, Hold { asked, until });
                }
                None
            }
            Outcome::Passing(error) => {
                tracing::warn!(%version, ?job, %error, "a job failed and will be tried again");
                self.retry_later(version, job);
                None
            }
            Outcome::Final(failure) => {
                self.retry_later(version, job);
                Some(failure)
            }
        }
    }

    fn retry_later(&mut self, version: VersionNumber, job: Job) {
        let before = self.retries.get(&version).filter(|retry| retry.job == job);
        let failures = before.map_or(0, |retry| retry.failures) + 1;
        let delay = FIRST_RETRY * 2_u32.saturating_pow(failures.min(8) - 1);
        let at = Instant::now() + delay.min(LONGEST_RETRY);
        self.retries.insert(version, Retry { job, at, failures });
    }
}

/// How long it is until a time that the engine named. One that is too far away was named before the clock
/// was set back: it is asked again soon.
fn time_until(at: Timestamp, now: Timestamp) -> Duration {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    if left > LONGEST_HOLD { FIRST_RETRY } else { left }
}

/// How many of the last lines of a log a failure is told with.
pub(crate) const LOG_LINES: usize = 20;
/// How long is waited for them.
pub(crate) const LOG_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the same may not be asked for once it was, and `meanwhile` was done.
    async fn held(meanwhile: impl FnOnce(&mut Jobs)) -> Duration {
        let asked = Asked {
            replicas: 1,
            since: Timestamp::UNIX_EPOCH,
            avoid: Arc::default(),
            released: BTreeSet::new(),
        };
        let mut jobs = Jobs::default();
        let well = async { Outcome::Well(None) };
        jobs.spawn(VersionNumber(1), Job::Ensure, Some(asked), well);
        meanwhile(&mut jobs);
        let done = jobs.next().await.unwrap();
        assert!(jobs.ended(done, Timestamp::UNIX_EPOCH).is_none());
        jobs.earliest_hold().unwrap()
    }

    #[tokio::test]
    async fn what_changed_while_it_was_asked_for_is_asked_for_again_soon() {
        let long = held(|_| ()).await;
        assert!(ASK_SOON < long && long <= ASK_AGAIN, "{long:?}");
        let soon = held(Jobs::observed_change).await;
        assert!(soon <= ASK_SOON, "{soon:?}");
    }
}
