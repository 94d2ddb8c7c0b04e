//! What a service wants of HTTPS.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Span;

/// What a service wants of HTTPS, at edges that serve it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Production requests that come by HTTP are led to HTTPS.
    #[serde(default)]
    pub redirect: bool,
    /// For how long browsers are told to come by HTTPS alone (RFC 6797); nothing said, and they are not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1y")]
    pub hsts: Option<Span>,
}

impl Tls {
    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_unsaid(&self) -> bool {
        *self == Self::default()
    }
}
