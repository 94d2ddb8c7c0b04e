//! What a deployment would do.

use jiff::Timestamp;
use launcher_model::route::{DeploymentKind, Weights};
use launcher_model::{EdgeName, Generation, ServiceName, VersionNumber};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FreezeView;

/// What a deployment would do if it were asked for now. Nothing is promised by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutlookView {
    /// Whose traffic.
    pub service: ServiceName,
    /// What it would be asked for as.
    pub kind: DeploymentKind,
    /// The route's generation that it would begin from.
    pub generation: Generation,
    /// Shares before.
    #[schema(value_type = std::collections::BTreeMap<String, u8>)]
    pub from: Weights,
    /// Shares after.
    #[schema(value_type = std::collections::BTreeMap<String, u8>)]
    pub to: Weights,
    /// What it would make live is live already.
    pub live_already: bool,
    /// Why it would be refused, in a sentence; nothing when it would not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// The freeze that `force` and a `note` would have to break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeView>,
    /// What whoever asks would be told, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Containers that would be started first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<StartsView>,
    /// The edges that would be switched, by name.
    pub edges: Vec<EdgeName>,
    /// How long it takes, in words.
    #[schema(example = "instant")]
    pub takes: String,
    /// The versions that go live with it, or that are taken back with it, newest first.
    pub versions: Vec<ChangeView>,
    /// There are more of those than are listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_versions: bool,
    /// What speaks for it and against it.
    pub evidence: Vec<EvidenceView>,
}

/// Containers that would be started first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartsView {
    /// Whose.
    pub version: VersionNumber,
    /// How many.
    pub containers: u16,
}

/// A version between what is live and what would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// Which.
    pub version: VersionNumber,
    /// The commit that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The first line of what its author said of it, where it was built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who launched it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// One thing to know before one deploys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// What it is about.
    pub about: EvidenceAbout,
    /// What there is to know, in a few words.
    pub text: String,
    /// The same in full, a line each; names of secrets, and never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// How it speaks.
    pub speaks: EvidenceSpeaks,
}

/// What a piece of evidence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceAbout {
    /// Its containers.
    Containers,
    /// The tests of the build that it came out of.
    Tests,
    /// Its image, against what is live.
    Image,
    /// Its settings, against what is live.
    Settings,
    /// The values of its secrets, against what is live.
    Secrets,
    /// The release commands, such as migrations, of the versions that go live or are taken back with it.
    Release,
}

impl EvidenceAbout {
    /// In a word, for a person.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Containers => "Containers",
            Self::Tests => "Tests",
            Self::Image => "Image",
            Self::Settings => "Settings",
            Self::Secrets => "Secrets",
            Self::Release => "Release command",
        }
    }
}

/// How a piece of evidence speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSpeaks {
    /// For it.
    For,
    /// Neither for it nor against it.
    Neither,
    /// Against it: look before you press.
    Against,
}
