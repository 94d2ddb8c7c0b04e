//! Waiting until an environment is ready or has failed: woken by the server's event stream, decided by
//! how the environment is.

use std::time::Duration;

use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_model::event::{Event, EventKind};
use launcher_model::{ServiceName, VersionNumber};
use launcher_server::api::views::{EnvironmentSummary, VersionView};

use super::{Context, number};
use crate::cli::Failure;
use crate::cli::client::{Follow, RECONNECT};
use crate::cli::progress::Progress;

/// How often a person who watches is shown how many containers are healthy, of which no event tells.
const REFRESH: Duration = Duration::from_secs(1);

/// Waits, and shows how far it is.
///
/// # Errors
/// When it fails, is stopped or is destroyed meanwhile, or the server goes away for long.
pub(super) async fn until_ready(
    context: &Context,
    service: &ServiceName,
    version: VersionNumber,
) -> Result<(), Failure> {
    let number = number(version);
    let path = ["services", service.as_str(), "versions", number.as_str()];
    let query = vec![("service", service.to_string()), ("version", number.clone())];
    let mut events = Follow::new(&context.client, query, 0);
    let progress = Progress::begin(format!("{service} {version}: creating"));
    loop {
        let view = look(context, &path).await?;
        if let Some(end) = end(service, &view.environment) {
            return end;
        }
        progress.show(how_far(service, &view.environment));
        let next = events.next();
        tokio::pin!(next);
        let event = loop {
            tokio::select! {
                event = &mut next => break event?,
                () = tokio::time::sleep(REFRESH), if progress.is_watched() => {
                    if let Ok(view) = context.client.get::<VersionView>(&path).await {
                        progress.show(how_far(service, &view.environment));
                    }
                }
            }
        };
        tell(&progress, &context.understand(event)?);
    }
}

/// How the version is, over a restart of the server.
async fn look(context: &Context, path: &[&str]) -> Result<VersionView, Failure> {
    let (interval, times) = RECONNECT;
    let mut left = times;
    loop {
        match context.client.get(path).await {
            Err(failure) if failure.is_absence() && left > 0 => left -= 1,
            other => return other,
        }
        tokio::time::sleep(interval).await;
    }
}

fn how_far(service: &ServiceName, environment: &EnvironmentSummary) -> String {
    let EnvironmentSummary { version, state, healthy, replicas, .. } = environment;
    format!("{service} {version}: {state}, {healthy} of {replicas} containers healthy")
}

/// Says what happened, but for how it ended: that is told once, at the end.
fn tell(progress: &Progress, event: &Event) {
    if !matches!(event.kind, EventKind::EnvironmentReady | EventKind::EnvironmentFailed) {
        progress.say(&event.text);
    }
}

fn end(service: &ServiceName, environment: &EnvironmentSummary) -> Option<Result<(), Failure>> {
    let given_up = environment.wanted != Wanted::Running;
    match environment.state {
        EnvironmentState::Ready => Some(Ok(())),
        EnvironmentState::Creating if !given_up => None,
        // It is being started again.
        EnvironmentState::Stopped if !given_up => None,
        state => {
            let failure = environment.failure.clone();
            let (reason, log) =
                failure.map(|failure| (Some(failure.reason), failure.log)).unwrap_or_default();
            Some(Err(Failure::NotReady {
                service: service.clone(),
                version: environment.version,
                state,
                reason,
                log,
            }))
        }
    }
}
