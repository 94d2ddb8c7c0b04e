//! The loop of one service: looks, decides, and has done what is to do, until nothing is left.
//!
//! It is level-triggered: each pass reads what is wanted and what is, and knows nothing of the pass
//! before. What takes longer than a moment runs as a [job](crate::jobs) beside it, so that a container
//! that fails its health check leaves the routes at once, whatever else is going on.

mod branches;
mod dismantle;
mod look;
mod publish;
mod retire;
mod told;
mod wish;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use launcher_model::environment::{Environment, EnvironmentState, Failure, Wanted};
use launcher_model::plan::environment::{Checked, Decision, Job, Verdict, View, decide};

use launcher_model::version::Version;
use launcher_model::{Generation, VersionNumber};
use launcher_store::EnvironmentChange;

use crate::auto::Auto;
use crate::branches::Rests;
use crate::jobs::{Asked, Done, Jobs};
use crate::leaving::Leaving;
use crate::slot::Slot;
use crate::{Inner, Result};
use look::News;
use wish::Wish;

/// After something failed, the loop tries again this much later, and twice as long each further time.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Runs until its service is gone.
pub(crate) async fn run(inner: Arc<Inner>, slot: Arc<Slot>) {
    let mut service = Reconciler {
        inner,
        slot,
        jobs: Jobs::default(),
        rests: Rests::default(),
        leaving: Leaving::default(),
        before: None,
        auto: Auto::default(),
        failures: 0,
        began: Instant::now(),
    };
    loop {
        let wait = match service.pass().await {
            Ok(Next::Gone) => break,
            Ok(Next::Again) => {
                service.slot.passed();
                continue;
            }
            Ok(Next::After(wait)) => {
                service.failures = 0;
                wait.unwrap_or(Duration::MAX)
            }
            Err(error) => {
                tracing::warn!(service = %service.slot.name, %error, "a pass of the reconciler failed");
                service.slot.set_dirty();
                service.failures += 1;
                (FIRST_RETRY * 2_u32.saturating_pow(service.failures - 1)).min(LONGEST_RETRY)
            }
        };
        service.slot.passed();
        tokio::select! {
            () = service.slot.woken() => {}
            done = service.jobs.next() => service.finish(done).await,
            () = tokio::time::sleep(wait) => {}
        }
    }
    service.slot.settle();
    service.inner.end(&service.slot.name);
}

/// What comes after a pass.
enum Next {
    /// The service is deleted.
    Gone,
    /// Something was changed: decide anew at once.
    Again,
    /// Nothing to do for so long, unless something happens.
    After(Option<Duration>),
}

struct Reconciler {
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    jobs: Jobs,
    rests: Rests,
    leaving: Leaving,
    /// The version that was live before what the route's generation made live, as far as it was read.
    before: Option<(Generation, Option<VersionNumber>)>,
    auto: Auto,
    failures: u32,
    began: Instant,
}

impl Reconciler {
    async fn pass(&mut self) -> Result<Next> {
        let Some(wish) = self.read().await? else {
            self.inner.hub.remove(&self.slot.name);
            return Ok(Next::Gone);
        };
        crate::recover::deployments(&self.inner, &self.slot, &wish.unfinished).await?;
        let mut news = News::default();
        let looked = self.look(&wish, &mut news).await;
        let Some(observed) = self.slot.observed() else {
            looked?;
            return Ok(Next::After(None));
        };
        let observed = self.refresh(&wish, &observed, &mut news);
        let published = self.publish(&wish, &observed).await;
        self.spread(news).await;
        let settling = self.settle(published?, &wish, &observed);
        looked?;
        self.follow_leaving(&wish, &observed);

        let lately = self.inner.lately(&wish.spec, &wish.environments, &wish.route.weights).await?;
        let mut again =
            [self.jobs.earliest_hold(), settling, lately.wait].into_iter().flatten().min();
        let mut changed = false;
        for environment in &wish.environments {
            let (moved, wait) = self.tend(environment, &wish, &observed).await?;
            changed |= moved;
            again = [again, wait].into_iter().flatten().min();
        }
        self.remove_strays(&wish, &observed);
        changed |= match &wish.deletion {
            Some(deletion) => self.dismantle(&wish, deletion).await?,
            None => {
                let (tended, wait) = self.tend_branches(&wish).await?;
                again = [again, wait].into_iter().flatten().min();
                tended | self.retire(&wish).await?
            }
        };
        if changed {
            return Ok(Next::Again);
        }
        let due = match wish.deletion {
            None => self.auto.tend(&self.inner, &self.slot, &wish.spec, &wish.environments).await?,
            Some(_) => None,
        };
        Ok(Next::After([again, due].into_iter().flatten().min()))
    }

    /// Takes one environment a step further. True when something was written that changes the next
    /// decision; and how long later to decide again. That is a length of time and no time of day: the
    /// clock may be set before it is waited for.
    async fn tend(
        &mut self,
        environment: &Environment,
        wish: &Wish,
        observed: &[Checked],
    ) -> Result<(bool, Option<Duration>)> {
        let number = environment.version;
        if self.jobs.is_busy(number) {
            if environment.wanted != Wanted::Running {
                self.jobs.give_up_start(number);
            }
            return Ok((false, None));
        }
        let Some(version) = wish.versions.get(&number) else { return Ok((false, None)) };
        let own: Vec<Checked> = observed
            .iter()
            .filter(|checked| checked.container.version == number)
            .cloned()
            .collect();
        let now = self.inner.now();
        let asked = Asked {
            replicas: environment.replicas,
            since: environment.starting_since.unwrap_or(environment.since),
            avoid: self.inner.hosts.to_avoid(&own, &*self.inner.scheduler),
            released: self.leaving.released(number),
        };
        let avoid = &asked.avoid;
        let view = View { environment, spec: &version.spec, containers: &own, avoid, now };
        let decision = decide(view);
        if decision.reached == Some(EnvironmentState::Destroyed) && !self.jobs.take_removed(number)
        {
            // One-off containers are not observed, and go with the others.
            self.jobs.begin_removal(&self.inner, &self.slot, number);
            return Ok((false, None));
        }
        let moved = self.apply(environment, version, &own, &decision).await?;
        if decision.job == Some(Job::Stop)
            && branches::is_falling_asleep(environment)
            && !self.may_stop(wish, number)
        {
            return Ok((moved, None));
        }
        // What has failed serves nobody; anything else may have something under way, if only previews.
        let ends = matches!(decision.job, Some(Job::Stop | Job::Remove));
        if ends
            && !branches::is_falling_asleep(environment)
            && environment.state != EnvironmentState::Failed
            && !self.have_left(number, &own)
        {
            return Ok((moved, None));
        }
        let job = decision.job.or_else(|| self.ensure_anew(environment, &asked));
        if let Some(job) = job
            && !moved
        {
            self.jobs.begin(&self.inner, &self.slot, job, asked, version);
        }
        let wait =
            decision.again_at.map(|at| at.duration_since(now).try_into().unwrap_or_default());
        Ok((moved, wait))
    }

    /// An engine that replaces by itself what dies has to know on which hosts, also while nothing is missing.
    fn ensure_anew(&mut self, environment: &Environment, asked: &Asked) -> Option<Job> {
        let stands =
            environment.state == EnvironmentState::Ready && environment.wanted == Wanted::Running;
        let engine = self.inner.scheduler.capabilities();
        let told = stands && engine.replaces && engine.many_hosts;
        (told && self.jobs.avoids_others(environment.version, &asked.avoid)).then_some(Job::Ensure)
    }

    async fn apply(
        &self,
        environment: &Environment,
        version: &Arc<Version>,
        containers: &[Checked],
        decision: &Decision,
    ) -> Result<bool> {
        if decision.restart_period {
            let change = EnvironmentChange {
                starting_since: Some(Some(self.inner.now())),
                ..EnvironmentChange::default()
            };
            self.change(environment.version, change, &[]).await?;
        }
        match (decision.reached, &decision.verdict) {
            (Some(EnvironmentState::Failed), Some(verdict)) => {
                self.fail(environment.version, verdict).await?;
            }
            (Some(reached), _) => self.reach(environment, version, containers, reached).await?,
            (None, _) => return Ok(false),
        }
        Ok(true)
    }

    async fn reach(
        &self,
        environment: &Environment,
        version: &Version,
        containers: &[Checked],
        reached: EnvironmentState,
    ) -> Result<()> {
        launcher_fault::point("environment.before_reached");
        let event = told::reached(&self.inner, environment, version, containers, reached);
        let change = EnvironmentChange { state: Some(reached), ..EnvironmentChange::default() };
        self.change(environment.version, change, &[event]).await?;
        launcher_fault::point("environment.after_reached");
        Ok(())
    }

    async fn fail(&self, number: VersionNumber, verdict: &Verdict) -> Result<()> {
        let log = match &verdict.container {
            Some(container) => crate::jobs::last_lines(&self.inner, container).await,
            None => Vec::new(),
        };
        self.fail_with(number, Failure { reason: verdict.reason.clone(), log }).await
    }

    async fn fail_with(&self, number: VersionNumber, failure: Failure) -> Result<()> {
        let event = told::failed(&self.slot.name, number, &failure);
        let change = EnvironmentChange {
            state: Some(EnvironmentState::Failed),
            wanted: Some(Wanted::Stopped),
            failure: Some(Some(failure)),
            ..EnvironmentChange::default()
        };
        self.change(number, change, &[event]).await
    }

    async fn change(
        &self,
        number: VersionNumber,
        change: EnvironmentChange,
        events: &[launcher_model::event::NewEvent],
    ) -> Result<()> {
        let (store, now) = (&self.inner.store, self.inner.now());
        store.change_environment(&self.slot.name, number, change, events, now).await?;
        Ok(())
    }

    /// Takes in how a job ended.
    async fn finish(&mut self, done: Option<Done>) {
        let Some(done) = done else { return };
        self.slot.set_dirty();
        let number = done.version;
        if done.made_whole() {
            self.slot.set_trouble(number, None);
        }
        if let Some(failure) = self.jobs.ended(done, self.inner.now())
            && let Err(error) = self.fail_if_starting(number, failure).await
        {
            tracing::warn!(service = %self.slot.name, version = %number, %error, "a failure could not be stored");
        }
    }

    async fn fail_if_starting(&self, number: VersionNumber, failure: Failure) -> Result<()> {
        let environment = self.inner.store.environment(&self.slot.name, number).await?;
        let starting = environment.is_some_and(|environment| {
            environment.wanted == Wanted::Running
                && environment.state.may_become(EnvironmentState::Failed)
        });
        if starting {
            return self.fail_with(number, failure).await;
        }
        // One that was ready stays so with what it has, and is tried again: nobody may learn of it otherwise.
        if !self.slot.set_trouble(number, Some(&failure.reason)) {
            return Ok(());
        }
        let event = told::troubled(&self.slot.name, number, &failure);
        Ok(self.inner.store.record(&[event], self.inner.now()).await?)
    }

    /// Containers of a version whose environment is destroyed, or was never there, are left over from
    /// a server that was killed.
    fn remove_strays(&mut self, wish: &Wish, observed: &[Checked]) {
        let strays: BTreeSet<VersionNumber> = observed
            .iter()
            .map(|checked| checked.container.version)
            .filter(|number| wish.environments.iter().all(|one| one.version != *number))
            .collect();
        for number in strays {
            if !self.jobs.is_busy(number) {
                self.jobs.begin_removal(&self.inner, &self.slot, number);
            }
        }
    }
}
