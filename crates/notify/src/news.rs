//! An event, with what the store knows of what it is about.

use jiff::{SignedDuration, Timestamp};
use launcher_model::event::{Event, EventKind};
use launcher_model::route::{Deployment, DeploymentState};
use launcher_model::version::Version;
use launcher_store::Store;

/// A deployment is told with how it drained when that takes no longer; a longer drain is told for itself.
pub(crate) const DRAIN_AWAITED: SignedDuration = SignedDuration::from_secs(5);

/// An event, with what the store knows of what it is about.
#[derive(Debug, Clone)]
pub struct News {
    /// What happened.
    pub event: Event,
    /// The deployment that it concerns.
    pub deployment: Option<Deployment>,
    /// The version that it concerns, where that tells more than its number.
    pub version: Option<Version>,
}

impl News {
    /// Looks up what an event is about.
    pub(crate) async fn of(store: &dyn Store, event: Event) -> launcher_store::Result<Self> {
        let deployment = match event.deployment {
            Some(id) => store.deployment(id).await?,
            None => None,
        };
        let version = match (event.kind, &event.service, event.version) {
            (EventKind::VersionLaunched, Some(service), Some(version)) => {
                store.version(service, version).await?
            }
            _ => None,
        };
        Ok(Self { event, deployment, version })
    }

    /// Until when this waits for how its deployment drains, so that both are told in one line.
    pub(crate) fn settles_at(&self, now: Timestamp) -> Option<Timestamp> {
        let draining = self.event.kind == EventKind::DeploymentLive
            && self.deployment.as_ref().is_some_and(|one| one.state == DeploymentState::Draining);
        let at = self.event.at.checked_add(DRAIN_AWAITED).ok()?;
        (draining && at > now).then_some(at)
    }

    /// The event whose line says this one already, where that was told in time to do so: that the
    /// deployment is live, with how it drained.
    pub(crate) fn said_by(&self) -> Option<Event> {
        let receipt = self.deployment.as_ref().and_then(|one| one.receipt.as_ref())?;
        let awaited = u64::try_from(DRAIN_AWAITED.as_millis()).unwrap_or(0);
        let in_time = self.event.kind == EventKind::DeploymentDrained
            && receipt.drain_ms.is_none_or(|took| took < awaited);
        in_time.then(|| Event { kind: EventKind::DeploymentLive, ..self.event.clone() })
    }
}
