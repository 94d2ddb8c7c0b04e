//! Services, and what putting one did.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launcher_control::{EnvironmentView, PreviewLogins};
use launcher_model::route::Route;
use launcher_model::service::ServiceSpec;
use launcher_model::{Generation, ServiceName, VersionNumber};
use launcher_store::Service;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AutoView, EnvironmentSummary, FreezeView, MaintenanceSummary};
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
    /// Who may look at previews; nothing when everybody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_logins: Option<PreviewLoginsView>,
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
    /// It is closed to its users; nothing while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceSummary>,
    /// Nothing is deployed now, unless somebody insists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeView>,
    /// When that is so next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_freeze: Option<FreezeView>,
    /// The version that goes live by itself next; nothing where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<AutoView>,
}

impl ServiceView {
    pub(crate) fn new(
        service: Service,
        route: &Route,
        environments: &[EnvironmentView],
        logins: Option<PreviewLogins>,
        (auto, now): (Option<AutoView>, Timestamp),
        settings: &Settings,
    ) -> Self {
        let summary = |view| EnvironmentSummary::new(view, settings);
        Self {
            name: service.spec.service.name.clone(),
            live: percents(route),
            generation: route.generation,
            urls: service.spec.service.hosts.iter().map(|host| settings.url(host)).collect(),
            environments: environments.iter().map(summary).collect(),
            preview_logins: logins.map(PreviewLoginsView::from),
            created_at: service.created_at,
            changed_at: service.changed_at,
            deleting_since: service.deletion.map(|deletion| deletion.since),
            maintenance: service.maintenance.map(Into::into),
            freeze: FreezeView::now(&service.spec.deploy, now),
            next_freeze: FreezeView::next(&service.spec.deploy, now),
            auto,
            spec: service.spec,
        }
    }
}

/// Who may look at a service's previews; never by name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PreviewLoginsView {
    /// The secret that says so.
    #[schema(example = "shop/preview-logins")]
    pub secret: String,
    /// How many they are; nothing for a moment while it is not known.
    pub users: Option<usize>,
    /// Why nobody may, and what to do.
    pub trouble: Option<String>,
}

impl From<PreviewLogins> for PreviewLoginsView {
    fn from(PreviewLogins { secret, users, trouble }: PreviewLogins) -> Self {
        Self { secret, users, trouble }
    }
}

fn percents(route: &Route) -> BTreeMap<VersionNumber, u8> {
    route.weights.iter().map(|(version, weight)| (*version, weight.percent())).collect()
}

/// What putting a service did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PutView {
    /// `created`, `changed` or `unchanged`.
    pub outcome: PutWord,
    /// What differs from the settings before; when there were none, what differs from the defaults.
    pub changes: Vec<launcher_model::service::Difference>,
    /// Secrets that the settings name and that are not set, with what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset_secrets: Vec<String>,
    /// Since when the service has the settings that it has now, which is its `ETag` as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
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
