//! Events: what happened, in one line each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DeploymentId, ServiceName, VersionNumber};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A service was created.
    ServiceCreated,
    /// A service's settings were changed.
    ServiceChanged,
    /// A service is to be deleted, once it is offline and its environments are destroyed.
    ServiceDeleting,
    /// A service was deleted.
    ServiceDeleted,
    /// A build waits for its turn.
    BuildQueued,
    /// A build began.
    BuildStarted,
    /// A build has made a version whose environment is ready.
    BuildPassed,
    /// A build failed.
    BuildFailed,
    /// A build was cancelled, or a newer one took its place in the queue.
    BuildCancelled,
    /// An image that somebody pushed became a version.
    ImageFollowed,
    /// An image that no version has any more was removed from its registry.
    ImageRemoved,
    /// A registry fails at what it is asked for beside launching; it is tried again.
    RegistryTroubled,
    /// A code host could not be told how a build goes.
    BuildUnreported,
    /// A version was launched.
    VersionLaunched,
    /// An environment became ready.
    EnvironmentReady,
    /// An environment failed.
    EnvironmentFailed,
    /// An environment that shall run lacks something that cannot be made; it is tried again.
    EnvironmentTroubled,
    /// An environment was stopped.
    EnvironmentStopped,
    /// An environment was asked to start again.
    EnvironmentStarted,
    /// An environment of a branch was stopped because nobody looked at it.
    EnvironmentAsleep,
    /// A request has started it again.
    EnvironmentWoken,
    /// An environment was destroyed.
    EnvironmentDestroyed,
    /// An environment was scaled.
    EnvironmentScaled,
    /// An environment was pinned.
    EnvironmentPinned,
    /// An environment was unpinned.
    EnvironmentUnpinned,
    /// A branch's hostname leads to another version.
    BranchMoved,
    /// A branch has no environment any more.
    BranchGone,
    /// A container ended, or was removed, that should run.
    ContainerLost,
    /// A container failed its health check and takes no requests.
    ContainerUnhealthy,
    /// A container passes its health check again.
    ContainerHealthy,
    /// A deployment began.
    DeploymentStarted,
    /// A deployment is live everywhere.
    DeploymentLive,
    /// A version that goes live by itself waits for a freeze to end.
    AutoWaiting,
    /// A version that could not go live by itself is not tried again.
    AutoGivenUp,
    /// What was in flight at a deployment's flip has run out.
    DeploymentDrained,
    /// A deployment was aborted; nothing was changed.
    DeploymentAborted,
    /// A service's new requests wait at the edges.
    RequestsHeld,
    /// They were let go.
    RequestsReleased,
    /// A service is closed to its users, or they see something else than before.
    MaintenanceOn,
    /// It is open again.
    MaintenanceOff,
    /// An edge connected.
    EdgeConnected,
    /// An edge is gone.
    EdgeLost,
    /// An edge on another machine was invited.
    EdgeInvited,
    /// It has joined.
    EdgeJoined,
    /// It was revoked.
    EdgeRevoked,
    /// An authority has issued a certificate.
    CertificateIssued,
    /// It has issued another one in the place of one before.
    CertificateRenewed,
    /// It has not; or an edge cannot use a certificate in files.
    CertificateFailed,
    /// A certificate in files has run out, or will soon.
    CertificateOverdue,
    /// Somebody has asked for another certificate.
    CertificateAsked,
    /// A host takes nothing new.
    HostClosed,
    /// What is on a host goes elsewhere.
    HostDraining,
    /// Nothing of ours runs on a host that was being drained.
    HostDrained,
    /// A host takes containers again.
    HostOpened,
    /// A host was given other labels, or another owner.
    HostDescribed,
    /// The scheduler's engine cannot be reached.
    EngineLost,
    /// The scheduler's engine answers again.
    EngineBack,
    /// A secret was given a value.
    SecretSet,
    /// A secret was removed.
    SecretUnset,
    /// A token was created.
    TokenCreated,
    /// A token was revoked.
    TokenRevoked,
    /// A person was added.
    PersonAdded,
    /// A person's roles or name were changed, or they may sign in no more, or again.
    PersonChanged,
    /// A person was removed.
    PersonRemoved,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 64] = [
        Self::ServiceCreated,
        Self::ServiceChanged,
        Self::ServiceDeleting,
        Self::ServiceDeleted,
        Self::BuildQueued,
        Self::BuildStarted,
        Self::BuildPassed,
        Self::BuildFailed,
        Self::BuildCancelled,
        Self::ImageFollowed,
        Self::ImageRemoved,
        Self::RegistryTroubled,
        Self::BuildUnreported,
        Self::VersionLaunched,
        Self::EnvironmentReady,
        Self::EnvironmentFailed,
        Self::EnvironmentTroubled,
        Self::EnvironmentStopped,
        Self::EnvironmentStarted,
        Self::EnvironmentAsleep,
        Self::EnvironmentWoken,
        Self::EnvironmentDestroyed,
        Self::EnvironmentScaled,
        Self::EnvironmentPinned,
        Self::EnvironmentUnpinned,
        Self::BranchMoved,
        Self::BranchGone,
        Self::ContainerLost,
        Self::ContainerUnhealthy,
        Self::ContainerHealthy,
        Self::DeploymentStarted,
        Self::DeploymentLive,
        Self::AutoWaiting,
        Self::AutoGivenUp,
        Self::DeploymentDrained,
        Self::DeploymentAborted,
        Self::RequestsHeld,
        Self::RequestsReleased,
        Self::MaintenanceOn,
        Self::MaintenanceOff,
        Self::EdgeConnected,
        Self::EdgeLost,
        Self::EdgeInvited,
        Self::EdgeJoined,
        Self::EdgeRevoked,
        Self::HostClosed,
        Self::HostDraining,
        Self::HostDrained,
        Self::HostOpened,
        Self::HostDescribed,
        Self::EngineLost,
        Self::EngineBack,
        Self::CertificateIssued,
        Self::CertificateRenewed,
        Self::CertificateFailed,
        Self::CertificateOverdue,
        Self::CertificateAsked,
        Self::SecretSet,
        Self::SecretUnset,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::PersonAdded,
        Self::PersonChanged,
        Self::PersonRemoved,
    ];

    /// What happens to people: for administrators alone.
    pub const OF_PEOPLE: [Self; 3] = [Self::PersonAdded, Self::PersonChanged, Self::PersonRemoved];

    /// Its name, as it is stored and told.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// The kinds that are meant by the name of one, or by the first word of some: `deployment` is all that
    /// happens to deployments.
    #[must_use]
    pub fn named(text: &str) -> Vec<Self> {
        let is_meant = |kind: &Self| {
            let name = kind.name();
            name == text || name.split('_').next() == Some(text)
        };
        Self::ALL.into_iter().filter(is_meant).collect()
    }

    /// The first words of all kinds, each once.
    #[must_use]
    pub fn groups() -> Vec<String> {
        let mut words = Vec::new();
        for kind in Self::ALL {
            let word = kind.name().split('_').next().unwrap_or_default().to_owned();
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }
}

/// An event before it has its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// What kind.
    pub kind: EventKind,
    /// The service that it concerns.
    pub service: Option<ServiceName>,
    /// The version that it concerns.
    pub version: Option<VersionNumber>,
    /// The deployment that it concerns.
    pub deployment: Option<DeploymentId>,
    /// Who did it; none when nobody did.
    pub by: Option<String>,
    /// One sentence for a person.
    pub text: String,
}

impl NewEvent {
    /// An event with nothing but its kind and sentence.
    #[must_use]
    pub fn new(kind: EventKind, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kind, service: None, version: None, deployment: None, by: None, text }
    }

    /// The same, concerning a service.
    #[must_use]
    pub fn service(mut self, service: &ServiceName) -> Self {
        self.service = Some(service.clone());
        self
    }

    /// The same, concerning a version.
    #[must_use]
    pub fn version(mut self, version: VersionNumber) -> Self {
        self.version = Some(version);
        self
    }

    /// The same, concerning a deployment.
    #[must_use]
    pub fn deployment(mut self, deployment: DeploymentId) -> Self {
        self.deployment = Some(deployment);
        self
    }

    /// The same, done by somebody.
    #[must_use]
    pub fn by(mut self, who: impl Into<String>) -> Self {
        self.by = Some(who.into());
        self
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Grows with each event; what a reader resumes from.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What kind.
    pub kind: EventKind,
    /// The service that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The version that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// The deployment that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// Who did it; none when nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// One sentence for a person.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::EventKind;

    #[test]
    fn every_kind_has_the_name_that_it_is_stored_by() {
        let source = include_str!("event.rs").split("impl EventKind").next().unwrap();
        let variants = source.split("pub enum EventKind {").nth(1).unwrap();
        let variants = variants.lines().filter(|line| line.ends_with(',')).count();
        assert_eq!(variants, EventKind::ALL.len(), "one is missing in the list of all");
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert!(EventKind::named(&kind.name()).contains(&kind));
        }
        assert_eq!(EventKind::named("secret"), [EventKind::SecretSet, EventKind::SecretUnset]);
        assert!(EventKind::named("sec").is_empty());
    }

    #[test]
    fn a_group_is_named_once() {
        let mut groups = EventKind::groups();
        let all = groups.len();
        groups.sort();
        groups.dedup();
        assert_eq!(groups.len(), all);
    }
}
