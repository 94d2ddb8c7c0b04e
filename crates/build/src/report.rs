//! Telling code hosts how the builds go that they asked for.
//!
//! What is told is how a build is, not what has happened to it: a host that was away hears the newest, and
//! a server that was killed goes on with what is not told yet. A build does not wait for any of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::SignedDuration;
use launcher_model::BuildId;
use launcher_model::build::{Build, BuildState};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::service::Upstream;
use launcher_store::{BuildFilter, Page, Unreported};
use launcher_upstream::status::{Status, Statuses};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::builds::Inner;
use crate::{Builds, Error, Result};

/// The first pause after a host was away, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(15 * 60)];
/// A host that is away for so long is not told any more.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(24);

impl Builds {
    /// Begins to tell.
    pub(crate) fn report(&self) -> Result<()> {
        let (inner, statuses) = (Arc::clone(&self.inner), Statuses::new()?);
        let stop = self.inner.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(serve(inner, statuses)).await });
        Ok(())
    }
}

/// What became of telling one thing.
enum Told {
    /// It is done; there may be more by now.
    Done,
    /// The host was away.
    Later,
}

/// When a host that was away is told again.
struct Pause {
    until: Instant,
    length: Duration,
}

async fn serve(inner: Arc<Inner>, statuses: Statuses) {
    let mut events = inner.store.watch();
    let mut under_way = HashSet::new();
    let mut telling: FuturesUnordered<BoxFuture<'_, (BuildId, Told)>> = FuturesUnordered::new();
    let mut pauses: HashMap<BuildId, Pause> = HashMap::new();
    loop {
        let unreported = waiting(&inner).await;
        pauses.retain(|id, _| unreported.iter().any(|one| one.build == *id));
        for unreported in unreported {
            let id = unreported.build;
            let paused = pauses.get(&id).is_some_and(|pause| pause.until > Instant::now());
            if !paused && under_way.insert(id) {
                let (inner, statuses) = (&inner, &statuses);
                telling.push(Box::pin(async move { (id, one(inner, statuses, unreported).await) }));
            }
        }
        let again = pauses.iter().filter(|(id, _)| !under_way.contains(*id));
        let again = again.map(|(_, pause)| pause.until).min();
        tokio::select! {
            () = changed(&mut events) => {}
            () = until(again) => {}
            Some((id, told)) = telling.next() => {
                under_way.remove(&id);
                match told {
                    Told::Done => drop(pauses.remove(&id)),
                    Told::Later => {
                        let before = pauses.get(&id).map(|pause| pause.length * 2);
                        let length = before.unwrap_or(PAUSES[0]).min(PAUSES[1]);
                        pauses.insert(id, Pause { until: Instant::now() + length, length });
                    }
                }
            }
        }
    }
}

/// What is to be told, as far as it differs from what was.
async fn waiting(inner: &Inner) -> Vec<Unreported> {
    let unreported = match inner.store.unreported_builds().await {
        Ok(unreported) => unreported,
        Err(error) => {
            tracing::warn!(%error, "it cannot be read which code hosts are to be told what");
            return Vec::new();
        }
    };
    let mut waiting = Vec::new();
    for one in unreported {
        // What cannot be read now is looked at with the next change.
        let Ok(build) = inner.store.build(one.build).await else { continue };
        if build.is_none_or(|build| Some(build.state) != one.told) {
            waiting.push(one);
        }
    }
    waiting
}

/// Waits until a build is at another point.
async fn changed(events: &mut tokio::sync::broadcast::Receiver<launcher_model::event::Event>) {
    use EventKind::{BuildCancelled, BuildFailed, BuildPassed, BuildQueued, BuildStarted};
    loop {
        match events.recv().await {
            Ok(event) => {
                let kinds = [BuildQueued, BuildStarted, BuildPassed, BuildFailed, BuildCancelled];
                if kinds.contains(&event.kind) {
                    return;
                }
            }
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

async fn one(inner: &Inner, statuses: &Statuses, unreported: Unreported) -> Told {
    let id = unreported.build;
    match tell(inner, statuses, id).await {
        Ok(()) => Told::Done,
        Err(Failure { build, error }) => {
            let old = |build: &Build| {
                let since = build.finished_at.unwrap_or(build.created_at);
                inner.now().duration_since(since) > GIVEN_UP
            };
            let may_pass = match &error {
                Error::Upstream(error) => error.may_pass(),
                Error::Store(_) => true,
                _ => false,
            };
            if may_pass && !build.as_deref().is_some_and(old) {
                tracing::info!(build = %id, %error, "a code host is told later how a build goes");
                return Told::Later;
            }
            give_up(inner, id, build.as_deref(), &error).await
        }
    }
}

/// What went wrong, and with which build.
struct Failure {
    build: Option<Box<Build>>,
    error: Error,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { build: None, error: error.into() }
    }
}

async fn tell(inner: &Inner, statuses: &Statuses, id: BuildId) -> std::result::Result<(), Failure> {
    let Some(build) = inner.store.build(id).await? else {
        return Ok(inner.store.leave_unreported(id).await?);
    };
    let known = inner.store.service(&build.service).await?;
    let source = known.and_then(|known| known.spec.source);
    let (Some(source), Some(commit)) = (source, build.commit.clone()) else {
        return Ok(inner.store.leave_unreported(id).await?);
    };
    let Some(name) = source.token.clone() else {
        return Ok(inner.store.leave_unreported(id).await?);
    };
    if has_newer(inner, &build).await? {
        return Ok(inner.store.leave_unreported(id).await?);
    }
    let state = build.state;
    let told = tell_host(inner, statuses, &source, &name, &commit, &build).await;
    match told {
        Ok(()) => Ok(inner.store.build_reported(id, state).await?),
        Err(error) => Err(Failure { build: Some(Box::new(build)), error }),
    }
}

/// So many builds of a branch are looked at.
const LOOKED_AT: u32 = 100;

/// Whether the same commit was built again since: a host that was away must not hear of the older one
/// last.
async fn has_newer(inner: &Inner, build: &Build) -> Result<bool> {
    let filter = BuildFilter {
        service: Some(build.service.clone()),
        among: None,
        branch: build.branch.clone(),
        page: Page { before: None, limit: LOOKED_AT },
    };
    let builds = inner.store.builds(&filter).await?;
    Ok(builds.iter().any(|other| other.id > build.id && other.commit == build.commit))
}

async fn tell_host(
    inner: &Inner,
    statuses: &Statuses,
    source: &Upstream,
    secret: &str,
    commit: &str,
    build: &Build,
) -> Result<()> {
    let token = inner.needed_secret(secret).await?;
    Ok(statuses.tell(source, &token, commit, &status(inner, build)).await?)
}

fn status(inner: &Inner, build: &Build) -> Status {
    let (state, id) = (build.state, build.id);
    let version = build.version.filter(|_| state == BuildState::Passed);
    // What is ready is looked at; what is not, at how it goes.
    let preview = version.map(|version| (inner.config.preview_url)(&build.service, version));
    let url = preview.or_else(|| inner.config.build_url.as_ref().map(|url| url(id)));
    let reason = build.reason.clone().unwrap_or_default();
    let description = match (state, version) {
        (BuildState::Queued, _) => format!("build {id} waits for its turn"),
        (BuildState::Running, _) => format!("build {id} is under way"),
        (BuildState::Passed, Some(version)) => format!("{version} is ready"),
        (BuildState::Passed, None) => "passed".to_owned(),
        (BuildState::Failed | BuildState::Cancelled | BuildState::Superseded, _) => reason,
    };
    Status { state, description, url }
}

/// Leaves a build untold, with one event that says why.
async fn give_up(inner: &Inner, id: BuildId, build: Option<&Build>, error: &Error) -> Told {
    let text = format!("the code host is not told how build {id} goes: {error}");
    let mut event = NewEvent::new(EventKind::BuildUnreported, text);
    if let Some(build) = build {
        event = event.service(&build.service);
    }
    let left = inner.store.leave_unreported(id).await;
    let recorded = match left {
        Ok(()) => inner.store.record(&[event], inner.now()).await,
        Err(error) => Err(error),
    };
    match recorded {
        Ok(()) => Told::Done,
        Err(error) => {
            tracing::warn!(build = %id, %error, "it could not be kept that a host is not told");
            Told::Later
        }
    }
}
