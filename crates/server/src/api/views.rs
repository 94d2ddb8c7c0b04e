//! What the API answers with, where it is not a word of the model.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use launcher_control::EnvironmentView;
use launcher_edge::table::TRY_PARAMETER;
use launcher_model::container::{Container, Health};
use launcher_model::environment::{EnvironmentState, Failure, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::route::Route;
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{
    DeploymentId, EdgeName, Generation, ServiceName, Span, VersionNumber, Weight,
};
use launcher_store::Service;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Settings;

/// A service and where its traffic goes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// Its settings.
    pub spec: ServiceSpec,
    /// Shares of the production traffic by version; empty while nothing is live.
    #[schema(value_type = BTreeMap<String, u8>)]
    pub live: BTreeMap<VersionNumber, u8>,
    /// How often the route was changed.
    pub generation: Generation,
    /// Where its production hostnames are reached, as far as this server knows.
    pub urls: Vec<String>,
    /// Its environments, newest first, without those that are destroyed.
    pub environments: Vec<EnvironmentSummary>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its settings were last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// Since when it is being deleted; nothing while nobody wants that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleting_since: Option<Timestamp>,
}

impl ServiceView {
    pub(crate) fn new(
        service: Service,
        route: &Route,
        environments: &[EnvironmentView],
        settings: &Settings,
    ) -> Self {
        let summary = |view| EnvironmentSummary::new(view, settings);
        Self {
            name: service.spec.service.name.clone(),
            live: percents(route),
            generation: route.generation,
            urls: service.spec.service.hosts.iter().map(|host| settings.url(host)).collect(),
            environments: environments.iter().map(summary).collect(),
            created_at: service.created_at,
            changed_at: service.changed_at,
            deleting_since: service.deletion.map(|deletion| deletion.since),
            spec: service.spec,
        }
    }
}

fn percents(route: &Route) -> BTreeMap<VersionNumber, u8> {
    route.weights.iter().map(|(version, weight)| (*version, weight.percent())).collect()
}

/// An environment in a line.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentSummary {
    /// Whose containers these are.
    pub version: VersionNumber,
    /// How far it has come.
    pub state: EnvironmentState,
    /// Since when it is in that state.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What is wanted of its containers.
    pub wanted: Wanted,
    /// Its share of the production traffic in percent; nothing when it is not live.
    pub weight: Option<u8>,
    /// Containers that may be sent requests.
    pub healthy: usize,
    /// Containers of a ready environment that were not checked yet, since they or the server were
    /// started.
    #[serde(default)]
    pub unchecked: usize,
    /// Containers that are wanted.
    pub replicas: u16,
    /// Retention leaves it alone.
    pub pinned: bool,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why containers that are missing cannot be made; nothing while all is well.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Where it can be looked at.
    pub preview_url: String,
}

impl EnvironmentSummary {
    pub(crate) fn new(view: &EnvironmentView, settings: &Settings) -> Self {
        let environment = &view.environment;
        Self {
            version: environment.version,
            state: environment.state,
            since: environment.since,
            wanted: environment.wanted,
            weight: view.weight.map(Weight::percent),
            healthy: view.healthy(),
            unchecked: view.unchecked(),
            replicas: environment.replicas,
            pinned: environment.pinned,
            failure: environment.failure.clone(),
            trouble: view.trouble.clone(),
            preview_url: settings.preview_url(&environment.service, environment.version),
        }
    }
}

/// A version with its environment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// What was launched: it does not change any more.
    #[serde(flatten)]
    pub version: Version,
    /// How it is now.
    pub environment: EnvironmentSummary,
    /// Its containers.
    pub containers: Vec<ContainerView>,
    /// What a request to a production hostname carries in the header `Launcher-Try` to be served by this
    /// version, live or not, while it has containers.
    #[serde(default)]
    pub try_pass: String,
    /// A link that has a browser try this version on the service's first production hostname; nothing
    /// while it has none.
    #[serde(default)]
    pub try_url: Option<String>,
}

impl VersionView {
    /// One of `service`, with the pass for trying it.
    pub(crate) fn new(
        version: Version,
        view: &EnvironmentView,
        service: &ServiceSpec,
        try_pass: String,
        settings: &Settings,
    ) -> Self {
        let environment = EnvironmentSummary::new(view, settings);
        let containers = view.containers.iter().map(ContainerView::new).collect();
        let host = service.service.hosts.first();
        let try_url =
            host.map(|host| format!("{}/?{TRY_PARAMETER}={try_pass}", settings.url(host)));
        Self { version, environment, containers, try_pass, try_url }
    }
}

/// A container and its health.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContainerView {
    /// The container.
    #[serde(flatten)]
    pub container: Container,
    /// Its health.
    #[serde(flatten)]
    pub health: Health,
}

impl ContainerView {
    pub(crate) fn new(checked: &Checked) -> Self {
        Self { container: checked.container.clone(), health: checked.health.clone() }
    }
}

/// An edge.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EdgeView {
    /// Its name.
    pub name: EdgeName,
    /// Whether it is there.
    pub state: EdgeState,
    /// It is on another machine than the server.
    pub remote: bool,
    /// Its program's version, as of when it was connected last.
    pub version: Option<String>,
    /// What carries its traffic.
    pub driver: Option<String>,
    /// Where it serves HTTP.
    #[schema(value_type = Vec<String>)]
    pub http: Vec<SocketAddr>,
    /// Since when it is connected.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub connected_at: Option<Timestamp>,
    /// When it was connected last, where it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// Until when somebody may join under its name.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub invited_until: Option<Timestamp>,
    /// Microseconds from a question to its answer, the last time.
    pub lag_us: Option<u64>,
    /// Services whose newest table it has not acknowledged yet.
    pub behind: usize,
}

/// Whether an edge is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// It is connected.
    Connected,
    /// It has joined, and is not connected: it serves on with what it has.
    Away,
    /// It has not joined yet.
    Invited,
}

impl EdgeView {
    /// One that is known, connected or not.
    pub(super) fn known(edge: launcher_store::Edge, now: Timestamp) -> Self {
        let about = edge.about.as_ref();
        Self {
            state: if edge.joined_at.is_some() { EdgeState::Away } else { EdgeState::Invited },
            remote: true,
            version: about.map(|about| about.version.clone()),
            driver: about.map(|about| about.driver.clone()),
            http: about.map(|about| about.http.clone()).unwrap_or_default(),
            connected_at: None,
            last_seen: edge.last_seen,
            invited_until: edge.invited_until.filter(|until| *until > now),
            lag_us: None,
            behind: 0,
            name: edge.name,
        }
    }

    /// One that is connected, and what was known of it.
    pub(super) fn connected(edge: launcher_control::hub::EdgeView, known: Option<Self>) -> Self {
        Self {
            name: edge.name,
            state: EdgeState::Connected,
            remote: edge.remote,
            version: Some(edge.version),
            driver: Some(edge.driver),
            http: edge.http,
            connected_at: Some(edge.connected_at),
            last_seen: None,
            invited_until: known.and_then(|known| known.invited_until),
            lag_us: edge.lag.map(|lag| u64::try_from(lag.as_micros()).unwrap_or(u64::MAX)),
            behind: edge.behind,
        }
    }
}

/// Which edge to invite.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationBody {
    /// The name that it shall have.
    pub name: EdgeName,
}

/// What lets an edge join.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    /// The name that it will have.
    pub name: EdgeName,
    /// The join token; it is shown this once.
    pub token: String,
    /// When it is over.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Where this server listens for edges, as far as it knows.
    pub server: String,
}

/// What a version is launched from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LaunchBody {
    /// The image: a reference, an image id of the engine, or `:TAG` of the service's repository, whose
    /// `latest` is taken when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The commit that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// What to make live: `version`, or `split`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployBody {
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Its share of the traffic in percent, all of it when nothing is said. The rest stays with what is
    /// live, in proportion; 0 takes the version out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// Several versions with their shares, which sum to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Vec<ShareBody>>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long new requests may wait around the flip, such as `5s`, so that what is in flight comes to rest
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
}

/// How long new requests shall wait.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// At most, such as `30s`; then they are let go by themselves.
    #[serde(rename = "for")]
    pub within: Span,
}

/// That new requests wait.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeldView {
    /// What was in flight has come to rest.
    pub rested: bool,
}

/// How requests waited that were let go.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReleasedView {
    /// How many, over all edges; also those whose client gave up.
    pub requests: u64,
    /// Microseconds that the longest of them waited.
    pub longest_us: u64,
    /// On some edge the time had passed before.
    pub lapsed: bool,
}

/// A version's share of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareBody {
    /// The version.
    pub version: VersionNumber,
    /// Its share in percent.
    pub weight: Weight,
}

/// Which version to go back to.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// The version; the one that had all traffic before when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long new requests may wait around the flip, such as `5s`, so that what is in flight comes to rest
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
}

/// How many containers an environment shall have.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleBody {
    /// The number.
    #[schema(minimum = 1, maximum = 1000)]
    pub replicas: u16,
}

/// A command.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Which of the environment's containers, by its place; any when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u16>,
}

/// A secret's new value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretBody {
    /// The value.
    #[schema(value_type = String, write_only)]
    pub value: secrecy::SecretString,
}

/// A secret that is set; never its value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// Its name.
    pub name: launcher_model::secret::SecretName,
    /// How many values it has had.
    pub number: u32,
    /// When the newest was set.
    #[schema(value_type = String, format = DateTime)]
    pub set_at: Timestamp,
    /// Who set it.
    pub set_by: String,
}

/// A token's name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What it is called, such as whose it is.
    pub name: String,
}

/// A token, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// What it is called.
    pub name: String,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// A token that was just created, with its text, which is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTokenView {
    /// What it is called.
    pub name: String,
    /// Its text.
    pub token: String,
}

/// What putting a service did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PutView {
    /// `created`, `changed` or `unchanged`.
    pub outcome: PutWord,
    /// What differs from the settings before; when there were none, what differs from the defaults.
    pub changes: Vec<launcher_model::service::Difference>,
}

/// What putting a service did, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PutWord {
    /// There was none.
    Created,
    /// There was one, with other settings.
    Changed,
    /// There was one, with the same settings.
    Unchanged,
}

/// What a deployment became.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeployedView {
    /// False when the target was live already: then this is the deployment that made it so.
    pub changed: bool,
    /// The deployment.
    #[serde(flatten)]
    pub deployment: launcher_model::route::Deployment,
}

/// The server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServerView {
    /// Its program's version.
    pub version: String,
    /// The id that its containers' labels carry.
    pub installation: String,
    /// What places containers.
    pub scheduler: String,
    /// Why the scheduler's engine does not answer; nothing while it does.
    pub engine_trouble: Option<String>,
    /// Whose token this call was made with.
    pub you: String,
    /// How preview addresses are made: `{version}` and `{service}` are to be filled in.
    pub preview_url: String,
}

/// A deployment's number in a path.
pub(crate) type DeploymentPath = (ServiceName, DeploymentId);
