//! Rows that are not words of the model.

mod audit;
mod builds;
mod images;
mod people;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use launcher_model::container::{Container, Host};
use launcher_model::environment::{EnvironmentState, Failure, Release, Wanted};
use launcher_model::event::EventKind;
use launcher_model::image::PinnedImage;
use launcher_model::role::Roles;
use launcher_model::route::{DeploymentKind, DeploymentState, Weights};
use launcher_model::secret::SecretVersion;
use launcher_model::service::ServiceSpec;
use launcher_model::{BuildId, DeploymentId, EdgeName, ServiceName, VersionNumber};
use serde::{Deserialize, Serialize};

pub use audit::{AuditEntry, AuditFilter, NewAudit, Outcome, Way};
pub use builds::{BuildChange, BuildFilter, NewBuild, Queued};
pub use images::{Following, LeftImage, SeenImage};
pub use people::{NewPerson, NewSession, Owner, Person, PersonChange, Session, Subject};

/// A service as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its settings.
    pub spec: ServiceSpec,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings were last changed.
    pub changed_at: Timestamp,
    /// Somebody wants it gone, with everything that it has.
    pub deletion: Option<Deletion>,
    /// It is closed to its users.
    pub maintenance: Option<Maintenance>,
}

/// The wish that a service and everything that it has be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Since when.
    pub since: Timestamp,
    /// Whose wish.
    pub by: String,
}

/// That a service is closed to its users, without the page that they see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// Since when.
    pub since: Timestamp,
    /// Who closed it.
    pub by: String,
    /// Why, in their words.
    pub note: Option<String>,
    /// After how many seconds it is worth coming again.
    pub retry_after_s: u32,
}

/// What is kept of a service's maintenance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaintenanceRecord {
    /// It is on.
    pub on: Option<Maintenance>,
    /// The team's page, in HTML, remembered while it is off.
    pub page: Option<String>,
}

/// What users shall see of a service that is closed to them.
#[derive(Debug, Clone)]
pub struct MaintenanceWish {
    /// Another page than the one that is remembered; or none.
    pub page: Option<Option<String>>,
    /// After how many seconds it is worth coming again.
    pub retry_after_s: u32,
    /// Why.
    pub note: Option<String>,
}

/// What putting a service did.
#[derive(Debug, Clone, PartialEq)]
pub enum PutOutcome {
    /// There was none.
    Created,
    /// There was one, with these settings.
    Changed(Box<ServiceSpec>),
    /// There was one, with the same settings.
    Unchanged,
}

/// A version before it has its number.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// Its image.
    pub image: PinnedImage,
    /// Its settings; they name the service.
    pub spec: ServiceSpec,
    /// Its secrets.
    pub secrets: BTreeMap<String, SecretVersion>,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// The branch that it was built from.
    pub branch: Option<String>,
    /// The first line of what its author said of the commit.
    pub subject: Option<String>,
    /// Whose the commit is.
    pub author: Option<String>,
    /// Its environment is that branch's.
    pub follows_branch: bool,
    /// Labels that the branch's hostname must not begin with, besides those of other branches.
    pub taken_labels: Vec<String>,
    /// How many containers its environment begins with; as many as the settings say when it is none.
    pub replicas: Option<u16>,
    /// Who launches it.
    pub by: String,
    /// The build that it comes out of, which makes one version at the most: the one that it has made
    /// already is handed out again.
    pub build: Option<BuildId>,
    /// The tag under which it was found in the repository that the service follows: its image makes one
    /// version at the most, and the one that it has made already is handed out again.
    pub followed: Option<String>,
    /// The claimed idempotency key of the call that asks for it.
    pub key: Option<String>,
}

/// What shall change in an environment; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentChange {
    /// What is wanted of its containers.
    pub wanted: Option<Wanted>,
    /// How many of them.
    pub replicas: Option<u16>,
    /// How far it has come.
    pub state: Option<EnvironmentState>,
    /// Why it failed.
    pub failure: Option<Option<Failure>>,
    /// How its release command went.
    pub release: Option<Release>,
    /// From when its start period counts.
    pub starting_since: Option<Option<Timestamp>>,
    /// Whether retention leaves it alone.
    pub pinned: Option<bool>,
    /// Whether the next request starts it again. One that is wanted otherwise without a word of this is
    /// not asleep.
    pub asleep: Option<bool>,
}

/// A deployment before it has its number.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// Whose route.
    pub service: ServiceName,
    /// What it is asked for as.
    pub kind: DeploymentKind,
    /// The state that it begins in.
    pub state: DeploymentState,
    /// Shares now.
    pub from: Weights,
    /// Shares after.
    pub to: Weights,
    /// Who asks.
    pub by: String,
    /// Nobody does: it goes live by itself.
    pub automatic: bool,
    /// Why.
    pub note: Option<String>,
    /// The claimed idempotency key of the call that asks for it.
    pub key: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only what is older than this id.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Which deployments.
#[derive(Debug, Clone)]
pub struct DeploymentFilter {
    /// Of one service, or of all.
    pub service: Option<ServiceName>,
    /// Of these services alone.
    pub among: Option<Vec<ServiceName>>,
    /// Which part.
    pub page: Page,
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of one service, or of all.
    pub service: Option<ServiceName>,
    /// Of these services alone, and nothing that concerns no service.
    pub among: Option<Vec<ServiceName>>,
    /// Of these kinds alone; of all when there is none.
    pub kinds: Vec<EventKind>,
    /// Not of people: who was added, changed or removed.
    pub without_people: bool,
    /// Done by one person or token.
    pub by: Option<String>,
    /// From then on.
    pub from: Option<Timestamp>,
    /// Before then.
    pub to: Option<Timestamp>,
    /// Of one version.
    pub version: Option<VersionNumber>,
    /// Oldest first, behind this id.
    pub after: Option<i64>,
    /// Newest first, before this id (when `after` is none).
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// A secret that is set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecretRecord {
    /// Its newest value.
    pub newest: SecretVersion,
    /// When that was set.
    pub set_at: Timestamp,
    /// Who set it.
    pub set_by: String,
}

/// A token before it is kept.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is called.
    pub name: String,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
    /// What it may do.
    pub roles: Roles,
}

/// A token as it is kept: never its text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Token {
    /// What it is called; `by` of what is done with it.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// An invitation of an edge.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The name that it shall have.
    pub edge: EdgeName,
    /// What its join token is known by.
    pub hash: [u8; 32],
    /// When it is over.
    pub expires_at: Timestamp,
}

/// An edge on another machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Its name.
    pub name: EdgeName,
    /// Who invited it last.
    pub invited_by: String,
    /// When.
    pub invited_at: Timestamp,
    /// Until when somebody may join under its name; none when nobody may.
    pub invited_until: Option<Timestamp>,
    /// When it joined.
    pub joined_at: Option<Timestamp>,
    /// When it was connected last.
    pub last_seen: Option<Timestamp>,
    /// What it said of itself then.
    pub about: Option<AboutEdge>,
}

/// What an edge says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AboutEdge {
    /// What carries its traffic.
    pub driver: String,
    /// Its program's version.
    pub version: String,
    /// Where it serves HTTP.
    pub http: Vec<SocketAddr>,
    /// Where it serves HTTPS.
    #[serde(default)]
    pub https: Vec<SocketAddr>,
}

/// What a claim of an idempotency key found.
#[derive(Debug, Clone, PartialEq)]
pub enum IdempotencyClaim {
    /// The key is new and now ours: do the work, then answer or release it.
    Claimed,
    /// The key is ours, and the same request has made this already before its process died, or failed:
    /// answer with it.
    Made(Made),
    /// The same request is under way.
    InProgress,
    /// The same request was answered.
    Answered(Answer),
    /// The key was used for another request.
    Mismatch,
}

/// What a request has made, that must not be made twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// A version.
    Version(VersionNumber),
    /// A deployment.
    Deployment(DeploymentId),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// A container as it was last observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedContainer {
    /// The container.
    pub container: Container,
    /// When it was first seen so.
    pub recorded_at: Timestamp,
    /// When it was first missed.
    pub ended_at: Option<Timestamp>,
}

/// A host as it was last observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedHost {
    /// The host.
    pub host: Host,
    /// When it was first seen so.
    pub recorded_at: Timestamp,
    /// When it was first missed.
    pub gone_at: Option<Timestamp>,
}
