//! Branches and their environments.

use jiff::Timestamp;
use launcher_control::BranchView;
use launcher_model::VersionNumber;
use launcher_model::branch::BranchState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Settings;

/// A branch with its environment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BranchSummary {
    /// Its name, as Git has it.
    pub name: String,
    /// Where its environment is reached.
    pub url: String,
    /// The version that is served there; nothing when there is none.
    pub version: Option<VersionNumber>,
    /// How it is.
    pub state: BranchState,
    /// The version is or was live: it is one as any other, and neither sleeps nor goes with the branch.
    #[serde(default)]
    pub ordinary: bool,
    /// The version that is to take its place.
    #[serde(default)]
    pub next: Option<NextSummary>,
    /// When a version of it was launched last.
    #[schema(value_type = String, format = DateTime)]
    pub pushed_at: Timestamp,
    /// When somebody looked at it last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub looked_at: Option<Timestamp>,
    /// When it is put to sleep, if nobody looks at it until then; nothing when it does not run.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sleeps_at: Option<Timestamp>,
    /// When it is gone, if nobody pushes to it or looks at it until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// A version that is on its way into a branch's environment, or has failed on it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NextSummary {
    /// Which.
    pub version: VersionNumber,
    /// How it is.
    pub state: BranchState,
}

impl BranchSummary {
    pub(crate) fn new(view: BranchView, settings: &Settings) -> Self {
        let BranchView { branch, version, state, ordinary, next, looked_at, .. } = view;
        Self {
            url: settings.branch_url(&branch),
            name: branch.name,
            version,
            state,
            ordinary,
            next: next.map(|(version, state)| NextSummary { version, state }),
            pushed_at: branch.pushed_at,
            looked_at,
            sleeps_at: view.sleeps_at,
            expires_at: view.expires_at,
        }
    }
}
