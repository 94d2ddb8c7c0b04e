//! Versions, their environments and containers, and what is done with one.

use jiff::Timestamp;
use launcher_control::EnvironmentView;
use launcher_edge::table::TRY_PARAMETER;
use launcher_model::branch::Branch;
use launcher_model::container::{Container, Health};
use launcher_model::environment::{EnvironmentState, Failure, Wanted};
use launcher_model::plan::environment::Checked;
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{VersionNumber, Weight};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Settings;

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
    /// The branch whose environment it is; nothing for a version as any other.
    #[serde(default)]
    pub branch: Option<String>,
    /// It was stopped because nobody looked at it, and the next request starts it again.
    #[serde(default)]
    pub asleep: bool,
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
            branch: environment.branch.clone(),
            asleep: environment.asleep,
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
    /// Where its branch's environment is reached, while this is it or is to be; nothing otherwise.
    #[serde(default)]
    pub branch_url: Option<String>,
}

impl VersionView {
    /// One of `service`, with the pass for trying it.
    pub(crate) fn new(
        version: Version,
        view: &EnvironmentView,
        service: &ServiceSpec,
        try_pass: String,
        branches: &[Branch],
        settings: &Settings,
    ) -> Self {
        let environment = EnvironmentSummary::new(view, settings);
        let containers = view.containers.iter().map(ContainerView::new).collect();
        let host = service.service.hosts.first();
        let try_url =
            host.map(|host| format!("{}/?{TRY_PARAMETER}={try_pass}", settings.url(host)));
        let own = branches.iter().find(|branch| {
            environment.branch.as_ref() == Some(&branch.name)
                || branch.current == Some(version.number)
        });
        let branch_url = own.map(|branch| settings.branch_url(branch));
        Self { version, environment, containers, try_pass, try_url, branch_url }
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
    /// What the author of the commit said of it; its first line is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The author of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
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
