//! What a freeze means for a switch: refused unless somebody insists, and says why. The way back is never
//! closed.

use jiff::SignedDuration;
use launcher_model::ServiceName;
use launcher_model::plan::shares;
use launcher_model::route::{DeploymentKind, DeploymentState, Weights};
use launcher_store::Service;

use super::{DeployRequest, target};
use crate::{Error, Inner, Result};

/// So long before a freeze begins, those who deploy are warned of it.
const SOON: SignedDuration = SignedDuration::from_hours(1);

/// What the time of a switch has to do with freezes.
#[derive(Default)]
pub(super) struct During {
    /// What whoever asks should know, a sentence each.
    pub(super) warnings: Vec<String>,
    /// The window that it was forced in.
    forced: Option<String>,
}

impl During {
    /// The note that is kept: also that it was forced.
    pub(super) fn note(&self, note: Option<String>) -> Option<String> {
        let note = note.filter(|note| !note.trim().is_empty());
        match (&self.forced, note) {
            (Some(window), Some(note)) => {
                Some(format!("{note} (forced during the freeze {window})"))
            }
            (_, note) => note,
        }
    }

    /// What the event says of it.
    pub(super) fn told(&self) -> String {
        let forced =
            self.forced.as_ref().map(|window| format!(", forced during the freeze {window}"));
        forced.unwrap_or_default()
    }
}

/// Refuses what may not be deployed now.
pub(super) async fn check(
    inner: &Inner,
    request: &DeployRequest,
    kind: DeploymentKind,
    to: &Weights,
) -> Result<During> {
    let service = &request.service;
    if request.force && request.note.as_ref().is_none_or(|note| note.trim().is_empty()) {
        return Err(Error::Invalid(
            "who forces a deployment says why, for the history: add a note".to_owned(),
        ));
    }
    let known = inner.store.service(service).await?;
    // A service that is being deleted goes offline whatever is frozen.
    let is_deleted = |known: &Service| kind == DeploymentKind::Offline && known.deletion.is_some();
    let known = known.filter(|known| !is_deleted(known));
    let Some(deploy) = known.map(|known| known.spec.deploy) else { return Ok(During::default()) };
    let now = inner.now();
    if let Some(frozen) = deploy.frozen(now) {
        let (window, until) = (frozen.window.to_string(), frozen.until_told(now));
        return match kind {
            DeploymentKind::Rollback if was_live(inner, service, to).await? => {
                let warning = format!(
                    "{service} is frozen until {until}; going back is always possible, a deployment forward is refused"
                );
                Ok(During { warnings: vec![warning], forced: None })
            }
            _ if request.force => Ok(During { warnings: Vec::new(), forced: Some(window) }),
            _ => Err(Error::Frozen { service: service.clone(), window, until }),
        };
    }
    let soon = deploy.next_freeze(now).filter(|next| next.from.duration_since(now) <= SOON);
    let warnings = soon.map(|next| {
        let (from, until) = (next.from_told(now), next.until_told(now));
        format!("{service} freezes at {from}, until {until}; the way back stays open")
    });
    Ok(During { warnings: warnings.into_iter().collect(), forced: None })
}

/// Whether a version had all traffic before: what had not is no way back.
async fn was_live(inner: &Inner, service: &ServiceName, to: &Weights) -> Result<bool> {
    let history = target::history(inner, service).await?;
    let made = history.iter().filter(|one| one.state != DeploymentState::Aborted);
    Ok(made.into_iter().any(|one| shares::whole(&one.from) == shares::whole(to)))
}
