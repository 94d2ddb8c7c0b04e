//! Versions of one branch go live by themselves, where a team wants that.
//!
//! Each pass of a service's loop decides anew from what is in the store ([`launcher_model::plan::auto`]); a
//! switch runs as a task beside it, as a person's would.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_model::VersionNumber;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::plan::auto::{Candidate, Plan, View, WaitsFor, decide, newest};
use launcher_model::route::Route;
use launcher_model::service::{Deploy, ServiceSpec};
use launcher_store::EventFilter;

use crate::slot::Slot;
use crate::switch::{DeployRequest, Target, deploy, history};
use crate::{Control, Error, Inner, Result};

/// After a switch that could not even begin, it is decided anew this much later.
const NOT_BEGUN: Duration = Duration::from_secs(1);
/// As many of a version's newest events are looked through for one that was told before.
const TOLD: u32 = 200;

/// What a service's loop remembers. It can be found out again.
#[derive(Default)]
pub(crate) struct Auto {
    /// A task is about a switch.
    under_way: Arc<AtomicBool>,
    /// Since when a version is ready, as far as the clock was not set back since.
    ready: Option<(VersionNumber, Timestamp)>,
    told: BTreeSet<(VersionNumber, &'static str)>,
}

impl Auto {
    /// Has the version go live that is due, if one is. Returns how long later to decide again.
    pub(crate) async fn tend(
        &mut self,
        inner: &Arc<Inner>,
        slot: &Arc<Slot>,
        spec: &ServiceSpec,
        environments: &[Environment],
    ) -> Result<Option<Duration>> {
        let busy = self.under_way.load(Ordering::Acquire) || slot.active().is_some();
        // The end of a switch wakes the loop.
        if spec.deploy.auto.is_none() || busy {
            return Ok(None);
        }
        let route = inner.store.route(&slot.name).await?;
        let deploy = &spec.deploy;
        let mut candidates = inner.candidates(slot, deploy, environments).await?;
        let now = inner.now();
        candidates.iter_mut().for_each(|candidate| self.count_anew(candidate, now));
        let Some(plan) = inner.plan(slot, deploy, &candidates, &route, now).await? else {
            return Ok(None);
        };
        self.tell(inner, slot, deploy, &plan, now).await?;
        match (plan.waits_for, plan.at) {
            // Edges that were not let in yet could not follow; that they are wakes the loop.
            (None, _) if inner.is_open() => self.begin(inner, slot, deploy, &route, plan.version),
            (Some(_), Some(at)) => {
                return Ok(Some(at.duration_since(now).try_into().unwrap_or_default()));
            }
            _ => {}
        }
        Ok(None)
    }

    /// The clock may be set back while people have their time: then that begins again, once.
    fn count_anew(&mut self, candidate: &mut Candidate, now: Timestamp) {
        let Some(since) = candidate.ready_since else { return };
        let known = self.ready.filter(|(version, _)| *version == candidate.version);
        let since = known.map_or(since, |(_, known)| known.min(since)).min(now);
        if since < candidate.ready_since.unwrap_or(since) {
            self.ready = Some((candidate.version, since));
        }
        candidate.ready_since = Some(since);
    }

    fn begin(
        &self,
        inner: &Arc<Inner>,
        slot: &Arc<Slot>,
        settings: &Deploy,
        route: &Route,
        version: VersionNumber,
    ) {
        let branch = settings.auto.as_deref().unwrap_or_default();
        let target = Target::Deploy(version);
        let request = DeployRequest {
            automatic: true,
            hold: settings.hold.map(launcher_model::Span::duration),
            seen: Some(route.generation),
            ..DeployRequest::new(slot.name.clone(), target, format!("auto ({branch})"))
        };
        let (inner, slot) = (Arc::clone(inner), Arc::clone(slot));
        let under_way = Arc::clone(&self.under_way);
        under_way.store(true, Ordering::Release);
        tokio::spawn(async move {
            launcher_fault::point("auto.before");
            let ended = deploy(&inner, &request, Instant::now(), |_| {}).await;
            // One that was aborted is on record, and counts.
            if let Err(error) = ended
                && !matches!(error, Error::Aborted { .. })
            {
                tracing::warn!(service = %slot.name, %version, %error, "a version could not go live by itself");
                inner.stopping().run_until_cancelled(tokio::time::sleep(NOT_BEGUN)).await;
            }
            under_way.store(false, Ordering::Release);
            slot.wake();
        });
    }

    /// Tells, once for a version, that it waits for a freeze to end, or for a person.
    async fn tell(
        &mut self,
        inner: &Inner,
        slot: &Slot,
        deploy: &Deploy,
        plan: &Plan<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let (kind, name) = match plan.waits_for {
            Some(WaitsFor::Freeze) => (EventKind::AutoWaiting, "waiting"),
            Some(WaitsFor::Person) => (EventKind::AutoGivenUp, "given up"),
            _ => return Ok(()),
        };
        let version = plan.version;
        if self.told.contains(&(version, name)) {
            return Ok(());
        }
        let filter = EventFilter {
            service: Some(slot.name.clone()),
            version: Some(version),
            limit: TOLD,
            ..EventFilter::default()
        };
        let events = inner.store.events(&filter).await?;
        if events.iter().all(|event| event.kind != kind) {
            let event = NewEvent::new(kind, plan.told(deploy, now));
            inner.store.record(&[event.service(&slot.name).version(version)], now).await?;
        }
        self.told.insert((version, name));
        Ok(())
    }
}

impl Inner {
    /// The version of a service with these environments that goes live by itself next.
    pub(crate) async fn next_auto<'a>(
        &self,
        spec: &'a ServiceSpec,
        environments: &[Environment],
        route: &Route,
    ) -> Result<Option<Plan<'a>>> {
        let deploy = &spec.deploy;
        let slot = self.slot(&spec.service.name).filter(|_| deploy.auto.is_some());
        let Some(slot) = slot else { return Ok(None) };
        let candidates = self.candidates(&slot, deploy, environments).await?;
        self.plan(&slot, deploy, &candidates, route, self.now()).await
    }

    /// The versions of the branch whose environments are ready or on their way.
    async fn candidates(
        &self,
        slot: &Slot,
        deploy: &Deploy,
        environments: &[Environment],
    ) -> Result<Vec<Candidate>> {
        let observed = slot.observed().unwrap_or_default();
        let mut candidates = Vec::new();
        for environment in environments.iter().filter(|one| one.wanted == Wanted::Running) {
            let number = environment.version;
            let ready = match environment.state {
                EnvironmentState::Creating => false,
                EnvironmentState::Ready => {
                    let serving = crate::table::served_places(environment, &observed);
                    serving >= usize::from(environment.replicas)
                }
                _ => continue,
            };
            let version = self.version(slot, number).await?;
            if version.is_some_and(|version| version.branch == deploy.auto) {
                let ready_since = ready.then_some(environment.since);
                candidates.push(Candidate { version: number, ready_since });
            }
        }
        Ok(candidates)
    }

    async fn plan<'a>(
        &self,
        slot: &Slot,
        deploy: &'a Deploy,
        candidates: &[Candidate],
        route: &Route,
        now: Timestamp,
    ) -> Result<Option<Plan<'a>>> {
        if newest(candidates, route).is_none() {
            return Ok(None);
        }
        let history = history(self, &slot.name).await?;
        Ok(decide(deploy, View { candidates, route, history: &history, now }))
    }
}

impl Control {
    /// The version that goes live by itself next, and what it waits for. None where none does.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_auto<'a>(&self, spec: &'a ServiceSpec) -> Result<Option<Plan<'a>>> {
        if spec.deploy.auto.is_none() {
            return Ok(None);
        }
        let (inner, name) = (&self.inner, &spec.service.name);
        let environments = inner.store.environments(name, false).await?;
        let route = inner.store.route(name).await?;
        inner.next_auto(spec, &environments, &route).await
    }
}
