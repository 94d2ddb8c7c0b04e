//! What the API answers with, where it is not a word of the model.

mod branches;
mod certificates;
mod checkup;
mod credentials;
mod csv;
mod deployments;
mod edges;
mod environments;
mod freezes;
mod hosts;
mod maintenance;
mod metrics;
mod notifications;
mod outlook;
mod people;
mod services;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use branches::{BranchSummary, NextSummary};
pub use certificates::{
    CertificateFailureView, CertificateFileView, CertificateState, CertificateView,
};
pub use checkup::{CheckupView, ProviderCheckView, RegistryCheckView};
pub use credentials::{NewTokenView, SecretBody, SecretView, TokenBody, TokenView};
pub use csv::Csv;
pub(crate) use deployments::DeploymentPath;
pub use deployments::{
    DeployBody, DeployedView, HeldView, HoldBody, ReleasedView, RollbackBody, ShareBody,
};
pub use edges::{EdgeState, EdgeView, InvitationBody, InvitationView};
pub use environments::{
    CommandBody, ContainerView, EnvironmentSummary, LaunchBody, ScaleBody, VersionView,
};
pub use freezes::{AutoView, FreezeView};
pub use hosts::{HostView, OnHostView};
pub(crate) use hosts::{all_labels, host_address, state_word};
pub use maintenance::{
    AcknowledgementView, MaintainedView, MaintenanceBody, MaintenanceSummary, MaintenanceView,
};
pub use metrics::{GraphView, MarkView, MetricsView};
pub use notifications::{NotificationView, TestedView};
pub use outlook::{
    ChangeView, EvidenceAbout, EvidenceSpeaks, EvidenceView, OutlookView, StartsView,
};
pub use people::{
    AuditView, NewPersonView, PasswordBody, PasswordView, PersonBody, PersonChangeBody, PersonView,
    SessionView,
};
pub use services::{PreviewLoginsView, PutView, PutWord, ServiceView};

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
