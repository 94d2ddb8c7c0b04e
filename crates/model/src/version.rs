//! Versions: immutable releases of a service.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::image::PinnedImage;
use crate::secret::SecretVersion;
use crate::service::ServiceSpec;
use crate::{ServiceName, VersionNumber};

/// An immutable release: an image and the whole configuration that it was created with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Whose release it is.
    pub service: ServiceName,
    /// Counted per service, never reused.
    pub number: VersionNumber,
    /// The image, pinned to its content.
    pub image: PinnedImage,
    /// The service's settings at that time.
    pub spec: ServiceSpec,
    /// The values of its secrets at that time, by variable.
    pub secrets: BTreeMap<String, SecretVersion>,
    /// The commit that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The first line of what its author said of that commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whose that commit is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was launched.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who launched it.
    pub created_by: String,
}
