//! Who is told what: services by glob, events by kind or group.

use glob::Pattern;
use launcher_model::ServiceName;
use launcher_model::event::{Event, EventKind};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as WordError;

use crate::{Error, Result};

/// What one target is told.
#[derive(Debug, Clone)]
pub struct Rule {
    services: Vec<Pattern>,
    words: Vec<Word>,
}

/// One word of `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// What people want to hear who are not told otherwise.
    Usual,
    All,
    Group(Group),
    Kind(EventKind),
}

/// Kinds of events that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Group {
    Deployments,
    Versions,
    Environments,
    Builds,
    Containers,
    Maintenance,
    Edges,
    Hosts,
    Services,
    Registries,
    Credentials,
}

const GROUPS: &str = "usual, all, deployments, versions, environments, builds, containers, maintenance, \
    edges, hosts, services, registries, credentials";

impl Rule {
    /// Reads the names or globs of services, and the names of events, groups of them, `usual` or `all`.
    ///
    /// # Errors
    /// When one of them makes no sense; the error lists what does.
    pub fn new(services: &[String], events: &[String]) -> Result<Self> {
        let services = services.iter().map(|text| pattern(text)).collect::<Result<_>>()?;
        let words = events.iter().map(|text| word(text)).collect::<Result<_>>()?;
        Ok(Self { services, words })
    }

    /// Whether it tells of this.
    #[must_use]
    pub fn tells(&self, event: &Event) -> bool {
        let of_service = match &event.service {
            Some(service) => self.about(service),
            None => self.is_about_all(),
        };
        of_service && self.words.iter().any(|word| word.tells(event.kind))
    }

    /// Whether it is about a service.
    #[must_use]
    pub fn about(&self, service: &ServiceName) -> bool {
        self.services.iter().any(|pattern| pattern.matches(service.as_str()))
    }

    /// Whether it is about all services, and so about what concerns none, such as edges.
    fn is_about_all(&self) -> bool {
        self.services.iter().any(|pattern| pattern.as_str() == "*")
    }

    /// The services, as they were written.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(Pattern::as_str)
    }

    /// The events, as they were written.
    pub fn events(&self) -> impl Iterator<Item = String> {
        self.words.iter().map(|word| match word {
            Word::Usual => "usual".to_owned(),
            Word::All => "all".to_owned(),
            Word::Group(group) => format!("{group:?}").to_lowercase(),
            Word::Kind(kind) => kind_word(*kind),
        })
    }
}

/// The word by which the API knows a kind of event.
pub(crate) fn kind_word(kind: EventKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        // A kind without fields is a string.
        _ => String::new(),
    }
}

fn pattern(text: &str) -> Result<Pattern> {
    Pattern::new(text).map_err(|error| Error::Rule {
        what: format!("services = [{text:?}]"),
        why: format!("{error}; write names, or globs such as \"shop*\""),
    })
}

fn word(text: &str) -> Result<Word> {
    match text {
        "usual" => return Ok(Word::Usual),
        "all" => return Ok(Word::All),
        _ => {}
    }
    let group: std::result::Result<Group, WordError> = Group::deserialize(text.into_deserializer());
    if let Ok(group) = group {
        return Ok(Word::Group(group));
    }
    let kind: std::result::Result<EventKind, WordError> =
        EventKind::deserialize(text.into_deserializer());
    kind.map(Word::Kind).map_err(|error| {
        let kinds = error.to_string();
        let kinds = kinds.split_once("expected one of ").map_or("", |(_, kinds)| kinds);
        Error::Rule {
            what: format!("events = [{text:?}]"),
            why: format!(
                "there is no such event; there are the groups {GROUPS}, and the events {}",
                kinds.replace('`', "")
            ),
        }
    })
}

impl Word {
    fn tells(self, kind: EventKind) -> bool {
        match self {
            Self::Usual => is_usual(kind),
            Self::All => true,
            Self::Group(group) => group == group_of(kind),
            Self::Kind(wanted) => wanted == kind,
        }
    }
}

/// What a team wants to hear of: what is there to look at, what is live, and what is broken.
fn is_usual(kind: EventKind) -> bool {
    use EventKind as K;
    matches!(
        kind,
        K::VersionLaunched
            | K::EnvironmentReady
            | K::EnvironmentFailed
            | K::EnvironmentTroubled
            | K::BuildFailed
            | K::DeploymentLive
            | K::DeploymentDrained
            | K::DeploymentAborted
            | K::AutoWaiting
            | K::AutoGivenUp
            | K::CertificateFailed
            | K::CertificateOverdue
            | K::MaintenanceOn
            | K::MaintenanceOff
            | K::ServiceDeleted
            | K::EdgeConnected
            | K::EdgeLost
            | K::EngineLost
            | K::EngineBack
    )
}

fn group_of(kind: EventKind) -> Group {
    use EventKind as K;
    match kind {
        K::DeploymentStarted
        | K::DeploymentLive
        | K::DeploymentDrained
        | K::DeploymentAborted
        | K::AutoWaiting
        | K::AutoGivenUp
        | K::RequestsHeld
        | K::RequestsReleased => Group::Deployments,
        K::VersionLaunched | K::ImageFollowed => Group::Versions,
        K::EnvironmentReady
        | K::EnvironmentFailed
        | K::EnvironmentTroubled
        | K::EnvironmentStopped
        | K::EnvironmentStarted
        | K::EnvironmentAsleep
        | K::EnvironmentWoken
        | K::EnvironmentDestroyed
        | K::EnvironmentScaled
        | K::EnvironmentPinned
        | K::EnvironmentUnpinned
        | K::BranchMoved
        | K::BranchGone => Group::Environments,
        K::BuildQueued
        | K::BuildStarted
        | K::BuildPassed
        | K::BuildFailed
        | K::BuildCancelled
        | K::BuildUnreported => Group::Builds,
        K::ContainerLost | K::ContainerUnhealthy | K::ContainerHealthy => Group::Containers,
        K::MaintenanceOn | K::MaintenanceOff => Group::Maintenance,
        K::EdgeConnected
        | K::EdgeLost
        | K::EdgeInvited
        | K::EdgeJoined
        | K::EdgeRevoked
        | K::CertificateIssued
        | K::CertificateRenewed
        | K::CertificateFailed
        | K::CertificateOverdue
        | K::CertificateAsked => Group::Edges,
        K::HostClosed
        | K::HostDraining
        | K::HostDrained
        | K::HostOpened
        | K::HostDescribed
        | K::EngineLost
        | K::EngineBack => Group::Hosts,
        K::ServiceCreated | K::ServiceChanged | K::ServiceDeleting | K::ServiceDeleted => {
            Group::Services
        }
        K::ImageRemoved | K::RegistryTroubled => Group::Registries,
        K::SecretSet
        | K::SecretUnset
        | K::TokenCreated
        | K::TokenRevoked
        | K::PersonAdded
        | K::PersonChanged
        | K::PersonRemoved => Group::Credentials,
    }
}

/// Whether something is broken: it needs eyes.
pub(crate) fn is_bad(kind: EventKind) -> bool {
    use EventKind as K;
    matches!(
        kind,
        K::EnvironmentFailed
            | K::EnvironmentTroubled
            | K::BuildFailed
            | K::DeploymentAborted
            | K::AutoGivenUp
            | K::ContainerLost
            | K::ContainerUnhealthy
            | K::EdgeLost
            | K::EngineLost
            | K::RegistryTroubled
            | K::BuildUnreported
            | K::CertificateFailed
            | K::CertificateOverdue
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn rule(services: &[&str], events: &[&str]) -> Result<Rule> {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        Rule::new(&owned(services), &owned(events))
    }

    fn event(kind: EventKind, service: Option<&str>) -> Event {
        let service = service.map(|name| ServiceName::new(name).unwrap());
        let (version, deployment, by) = (None, None, None);
        let (id, at, text) = (1, Timestamp::UNIX_EPOCH, String::new());
        Event { id, at, kind, service, version, deployment, by, text }
    }

    #[test]
    fn services_are_chosen_by_name_or_glob() {
        let of = |services: &[&str], service| {
            rule(services, &["all"]).unwrap().tells(&event(EventKind::DeploymentLive, service))
        };
        assert!(of(&["*"], Some("shop")) && of(&["*"], None));
        assert!(of(&["cart", "shop-*"], Some("shop-api")));
        assert!(!of(&["shop-*"], Some("shop")) && !of(&["shop"], Some("shops")));
        // An edge is no service's.
        assert!(!of(&["shop"], None) && !of(&[], Some("shop")));
    }

    #[test]
    fn events_are_chosen_by_name_group_or_all() {
        let of = |events: &[&str], kind| rule(&["*"], events).unwrap().tells(&event(kind, None));
        assert!(of(&["usual"], EventKind::DeploymentLive));
        assert!(!of(&["usual"], EventKind::BuildQueued) && of(&["all"], EventKind::BuildQueued));
        assert!(of(&["edges", "builds"], EventKind::BuildQueued));
        assert!(of(&["build_queued"], EventKind::BuildQueued));
        assert!(!of(&["build_queued"], EventKind::BuildFailed));
        assert!(!of(&["usual", "deployments"], EventKind::TokenCreated));
    }

    #[test]
    fn what_is_written_is_what_is_shown() {
        let rule = rule(&["shop-*"], &["usual", "edges", "build_failed"]).unwrap();
        assert_eq!(rule.services().collect::<Vec<_>>(), ["shop-*"]);
        assert_eq!(rule.events().collect::<Vec<_>>(), ["usual", "edges", "build_failed"]);
    }

    #[test]
    fn an_unknown_word_is_answered_with_those_there_are() {
        let error = rule(&["*"], &["deploys"]).unwrap_err().to_string();
        for word in ["deploys", "deployments", "deployment_live", "usual", "token_revoked"] {
            assert!(error.contains(word), "{error}");
        }
        assert!(rule(&["shop["], &["all"]).unwrap_err().to_string().contains("shop["));
    }
}
