//! Secrets and tokens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::role::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// The services whose previews it opens: those take each new value at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews_of: Vec<ServiceName>,
}

/// A token that is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What it is called, such as whose it is.
    pub name: String,
    /// What it may do; everything when nothing is said.
    #[serde(default)]
    pub role: Role,
    /// What it may do beside that with single services: `admin`, `deployer` or `viewer`, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Role>)]
    pub services: BTreeMap<ServiceName, Role>,
}

/// A token, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// What it is called.
    pub name: String,
    /// What it may do.
    #[serde(default)]
    pub role: Role,
    /// What it may do beside that with single services.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Role>)]
    pub services: BTreeMap<ServiceName, Role>,
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
