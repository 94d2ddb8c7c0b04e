//! What a server needs of others.

use launcher_model::ServiceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a server needs of others, and whether it has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckupView {
    /// The registries that services use, by name.
    pub registries: Vec<RegistryCheckView>,
    /// The provider of OpenID Connect; nothing where there is none.
    pub openid: Option<ProviderCheckView>,
}

/// A registry that services use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryCheckView {
    /// `host[:port]`, or `docker.io`.
    #[schema(example = "registry.example.com")]
    pub registry: String,
    /// The services whose images it has.
    pub services: Vec<ServiceName>,
    /// Why it cannot be used, and what to do; nothing when it can.
    pub trouble: Option<String>,
    /// It does not take the login that the server has.
    pub login_refused: bool,
}

/// Who people sign in by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderCheckView {
    /// Its address.
    pub issuer: String,
    /// Why nobody can sign in by it; nothing when they can.
    pub trouble: Option<String>,
}
