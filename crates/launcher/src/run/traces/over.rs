//! What an event says is over, looked up and made a trace.

use anyhow::Result;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::environment::EnvironmentState;
use launcher_model::event::{Event, EventKind};
use launcher_store::{BuildFilter, EventFilter, Page, Store};
use launcher_telemetry::otlp::{Launch, Names, Trace};

/// So many records are looked at at once.
const PAGE: u32 = 100;

/// What is over with an event; nothing with most.
pub(super) async fn with(store: &dyn Store, names: &Names, event: &Event) -> Result<Vec<Trace>> {
    match event.kind {
        EventKind::DeploymentDrained | EventKind::DeploymentAborted => {
            let Some(id) = event.deployment else { return Ok(Vec::new()) };
            let deployment = store.deployment(id).await?;
            let trace = deployment.and_then(|of| Trace::of_deployment(names, &of));
            Ok(trace.into_iter().collect())
        }
        EventKind::BuildPassed | EventKind::BuildFailed | EventKind::BuildCancelled => {
            let Some(service) = &event.service else { return Ok(Vec::new()) };
            builds_that_ended(store, names, service, event.at).await
        }
        EventKind::EnvironmentReady | EventKind::EnvironmentFailed => {
            let launch = launch(store, event).await?;
            Ok(launch.iter().map(|launch| Trace::of_launch(names, launch)).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Events do not name builds, but one that ends is written down in one transaction with its event, and at the
/// same time to the microsecond.
async fn builds_that_ended(
    store: &dyn Store,
    names: &Names,
    service: &ServiceName,
    at: Timestamp,
) -> Result<Vec<Trace>> {
    let mut ended = Vec::new();
    let mut before = None;
    loop {
        let page = Page { before, limit: PAGE };
        let filter =
            BuildFilter { service: Some(service.clone()), among: None, branch: None, page };
        let builds = store.builds(&filter).await?;
        let Some(oldest) = builds.last() else { break };
        before = Some(oldest.id.0);
        let is_one = |ended_at: Option<Timestamp>| ended_at == Some(at);
        // Those that lost their places at once stand beside each other.
        let may_go_on = is_one(oldest.finished_at);
        let of_then = builds.iter().filter(|build| is_one(build.finished_at));
        ended.extend(of_then.filter_map(|build| Trace::of_build(names, build)));
        if !ended.is_empty() && !may_go_on {
            break;
        }
    }
    Ok(ended)
}

/// The launch that is over with this event; none when its environment had been ready or had failed before, and
/// was only started again.
async fn launch(store: &dyn Store, event: &Event) -> Result<Option<Launch>> {
    let (Some(service), Some(number)) = (&event.service, event.version) else { return Ok(None) };
    let filter = EventFilter {
        service: Some(service.clone()),
        version: Some(number),
        before: Some(event.id),
        limit: PAGE,
        ..EventFilter::default()
    };
    let earlier = store.events(&filter).await?;
    let mut earlier = earlier.iter().map(|event| event.kind);
    let last = earlier.find(|kind| {
        matches!(
            kind,
            EventKind::VersionLaunched | EventKind::EnvironmentReady | EventKind::EnvironmentFailed
        )
    });
    if last != Some(EventKind::VersionLaunched) {
        return Ok(None);
    }
    let Some(version) = store.version(service, number).await? else { return Ok(None) };
    let environment = store.environment(service, number).await?;
    let starting_since = environment.as_ref().and_then(|of| of.starting_since);
    let failure = (event.kind == EventKind::EnvironmentFailed).then(|| {
        let failed = environment.filter(|of| of.state == EnvironmentState::Failed);
        let failure = failed.and_then(|of| of.failure);
        failure.map_or_else(|| event.text.clone(), |failure| failure.reason)
    });
    Ok(Some(Launch { version, starting_since, over_at: event.at, failure }))
}
