//! One build, from its source to a version whose environment is ready.
//!
//! Its record says which steps are done. A server that finds a build half done begins with the first step
//! that is not: each may be repeated.

mod fetch;
mod jenkins;
mod launch;
mod moved;
mod next;
mod recorder;
mod steps;

use std::sync::{Arc, PoisonError};

use launcher_model::build::{Build, BuildState, LogEntry, Origin, StepKind};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::{BuildId, VersionNumber};
use launcher_store::BuildChange;
use tokio_util::sync::CancellationToken;

use crate::builds::Inner;
use crate::tidy::tidy;
use crate::{Error, Result};
use recorder::Recorder;
pub(crate) use steps::short;

/// A build that was begun so often, and never came to an end, is given up: it may be what ends the server.
const MOST_ATTEMPTS: u32 = 3;

/// Runs a build to its end, whatever that is.
///
/// # Errors
/// When the store does not take how it went; then it is run again.
pub(crate) async fn run(inner: &Arc<Inner>, build: Build) -> Result<()> {
    let id = build.id;
    let cancelled = CancellationToken::new();
    let _registered = Registered::new(inner, id, cancelled.clone());
    let Some(build) = begin(inner, build).await? else {
        inner.logs.over(id);
        return Ok(());
    };
    let log = inner.logs.write(id).await?;
    if build.attempts > 1 {
        let text = "the server was restarted in the middle of this build; it goes on".to_owned();
        log.put(LogEntry::Note { at: inner.now(), text }).await;
    }
    let mut recorder = Recorder::new(inner, build, log);
    let ended = cancelled.run_until_cancelled(steps::carry_out(inner, &mut recorder)).await;
    let ended = match ended {
        None => {
            jenkins::stop(inner, &recorder.build).await;
            End::Cancelled
        }
        Some(Ok(version)) => End::Passed(version),
        Some(Err(Error::Moved { branch, commit })) => {
            moved::queue(inner, &recorder.build, &branch, &commit).await?;
            End::Moved(Error::Moved { branch, commit }.to_string())
        }
        Some(Err(error)) => End::Failed(error),
    };
    let service = recorder.build.service.clone();
    end(inner, recorder, ended).await?;
    tidy(inner, &service).await;
    Ok(())
}

enum End {
    Passed(VersionNumber),
    Failed(Error),
    Moved(String),
    Cancelled,
}

/// Writes down that a build runs. None when it does not: it was cancelled just now, or tried too often.
async fn begin(inner: &Inner, build: Build) -> Result<Option<Build>> {
    let id = build.id;
    if build.attempts >= MOST_ATTEMPTS {
        let reason = format!(
            "the server ended during each of {MOST_ATTEMPTS} attempts; see with `launcher builds log {id}` where, \
             and run it again with `launcher builds retry {id}`"
        );
        let event = NewEvent::new(EventKind::BuildFailed, format!("build {id} failed: {reason}"));
        let change = BuildChange {
            state: Some(BuildState::Failed),
            reason: Some(reason.clone()),
            ..BuildChange::default()
        };
        let event = event.service(&build.service);
        inner.tell(id, format!("build {id} failed: {reason}")).await;
        inner.store.change_build(id, change, &[event], inner.now()).await?;
        return Ok(None);
    }
    let what = build.branch.as_ref().map(|branch| format!(" of {branch}")).unwrap_or_default();
    let event = NewEvent::new(EventKind::BuildStarted, format!("build {id}{what} began"));
    let event = event.service(&build.service).by(&build.by);
    let events = if build.attempts == 0 { vec![event] } else { Vec::new() };
    let change = BuildChange { state: Some(BuildState::Running), ..BuildChange::default() };
    match inner.store.change_build(id, change, &events, inner.now()).await {
        Ok(build) => Ok(Some(build)),
        Err(launcher_store::Error::BuildOver { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn end(inner: &Inner, recorder: Recorder<'_>, ended: End) -> Result<()> {
    let (build, service) = (recorder.build.id, recorder.build.service.clone());
    let stored = match ended {
        End::Passed(version) => {
            let url = (inner.config.preview_url)(&service, version);
            recorder.note(format!("{version} of {service} is ready: {url}")).await;
            for line in inner.next_for(&recorder.build, version).await {
                recorder.note(line).await;
            }
            let text = format!("build {build} has made {version}, which is ready");
            let event = NewEvent::new(EventKind::BuildPassed, text).version(version);
            let change = BuildChange { state: Some(BuildState::Passed), ..BuildChange::default() };
            inner.store.change_build(build, change, &[event.service(&service)], inner.now()).await
        }
        End::Failed(error) => {
            let step = recorder.failed_step();
            let reason = match step {
                Some(step) => format!("{} failed: {}", step.as_str(), error.in_one_line()),
                None => error.in_one_line(),
            };
            // The reason names the step, and that it failed.
            let failed = if step.is_some() { "" } else { " failed" };
            let text = format!("build {build}{failed}: {reason}");
            recorder.note(text.clone()).await;
            recorder.note(what_to_do(&recorder.build, step)).await;
            let event = NewEvent::new(EventKind::BuildFailed, text).service(&service);
            let change = BuildChange {
                state: Some(BuildState::Failed),
                reason: Some(reason),
                ..BuildChange::default()
            };
            inner.store.change_build(build, change, &[event], inner.now()).await
        }
        End::Moved(reason) => {
            recorder.note(reason.clone()).await;
            let text = format!("build {build} ended: {reason}");
            let event = NewEvent::new(EventKind::BuildCancelled, text).service(&service);
            let change = BuildChange {
                state: Some(BuildState::Superseded),
                reason: Some(reason),
                ..BuildChange::default()
            };
            inner.store.change_build(build, change, &[event], inner.now()).await
        }
        End::Cancelled => {
            let told = inner.store.build(build).await?.and_then(|build| build.reason);
            recorder.note(told.unwrap_or_else(|| "cancelled".to_owned())).await;
            recorder.close().await;
            inner.logs.over(build);
            return Ok(());
        }
    };
    recorder.close().await;
    match stored {
        Ok(_) | Err(launcher_store::Error::BuildOver { .. }) => {
            inner.logs.over(build);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// What somebody does whose build has failed. What is wrong in the source stays wrong however often it is
/// built, and so does what is wrong in its settings: a build that is run again reads the same ones.
fn what_to_do(build: &Build, step: Option<StepKind>) -> String {
    let again = format!("launcher builds retry {}", build.id);
    let mend = |what: &str| match build.origin {
        Origin::Upload => {
            format!(
                "mend {what}, and send it again with `launcher build`; to run the same again: {again}"
            )
        }
        Origin::Push | Origin::Hook => {
            format!("mend {what}, and push again; to run the same again: {again}")
        }
    };
    match step {
        Some(StepKind::Push) | None => format!("run it again: {again}"),
        Some(StepKind::Launch) => mend("the application or its launcher.toml"),
        Some(_) => mend("it"),
    }
}

/// As long as it is there, the build can be cancelled.
struct Registered<'a> {
    inner: &'a Inner,
    id: BuildId,
}

impl<'a> Registered<'a> {
    fn new(inner: &'a Inner, id: BuildId, token: CancellationToken) -> Self {
        inner.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, token);
        Self { inner, id }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_wrong_is_to_be_mended_before_it_is_run_again() {
        let advice = |origin, step| {
            let build = serde_json::json!({
                "id": 13, "service": "shop", "origin": origin, "by": "mika", "state": "running",
                "steps": [], "attempts": 1, "created_at": "2026-11-24T12:00:00Z"
            });
            what_to_do(&serde_json::from_value(build).unwrap(), step)
        };
        assert_eq!(
            advice("push", Some(StepKind::Launch)),
            "mend the application or its launcher.toml, and push again; \
             to run the same again: launcher builds retry 13"
        );
        assert!(
            advice("upload", Some(StepKind::Launch))
                .contains("send it again with `launcher build`")
        );
        assert!(advice("hook", Some(StepKind::Build)).starts_with("mend it, and push again; "));
        assert_eq!(advice("push", Some(StepKind::Push)), "run it again: launcher builds retry 13");
    }
}
