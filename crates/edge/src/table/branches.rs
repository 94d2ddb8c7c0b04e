//! The environments of branches, as an edge sees them.

use std::collections::BTreeMap;

use launcher_model::VersionNumber;
use serde::{Deserialize, Serialize};

/// The environments of a service's branches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branches {
    /// What `<label>.<service>.<preview domain>` leads to.
    #[serde(default)]
    pub aliases: BTreeMap<String, VersionNumber>,
    /// Environments that do not serve now, and what requests for them come to.
    #[serde(default)]
    pub resting: BTreeMap<VersionNumber, Rest>,
}

impl Branches {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.resting.is_empty()
    }
}

/// An environment that does not serve now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Why.
    pub kind: RestKind,
    /// How long a request may wait for it, in milliseconds.
    pub within_ms: u64,
}

/// Why an environment does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestKind {
    /// It was stopped because nobody looked; a request has it started.
    Asleep,
    /// It is being started. While one of its containers serves already, requests go there.
    Starting,
    /// It could not be started.
    Failed,
}
