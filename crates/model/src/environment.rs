//! Environments: the running containers of one version.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ServiceName, VersionNumber};

/// How far an environment has come. `creating` → `ready` or `failed`; `ready` ⇄ `stopped`; → `destroyed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentState {
    /// Its containers are on their way.
    Creating,
    /// All its containers were healthy at once, and it may be made live.
    Ready,
    /// It did not become ready by its deadline, or its release command failed.
    Failed,
    /// Its containers are kept, but do not run.
    Stopped,
    /// Its containers are gone; its record stays.
    Destroyed,
}

impl EnvironmentState {
    /// The state's name, as the API has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Destroyed => "destroyed",
        }
    }

    /// Whether the state machine has an arrow from here to there.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use EnvironmentState::{Creating, Destroyed, Failed, Ready, Stopped};
        matches!(
            (self, next),
            (Creating, Ready | Failed | Stopped | Destroyed)
                | (Ready, Stopped | Destroyed)
                | (Stopped, Ready | Failed | Destroyed)
                | (Failed, Stopped | Destroyed)
        )
    }
}

impl fmt::Display for EnvironmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is wanted of an environment's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// They run.
    Running,
    /// They are kept, but do not run.
    Stopped,
    /// They are removed.
    Gone,
}

impl Wanted {
    /// The wish's name, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Gone => "gone",
        }
    }
}

/// How the release command of an environment went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// There is none, or it exited 0.
    Passed,
    /// It has not exited yet.
    Pending,
}

/// The containers of one version: what is wanted of them, and how far they have come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    /// Whose it is.
    pub service: ServiceName,
    /// Whose containers these are.
    pub version: VersionNumber,
    /// What is wanted.
    pub wanted: Wanted,
    /// How many containers are wanted; begins as the version's setting and can be scaled.
    pub replicas: u16,
    /// How far it has come.
    pub state: EnvironmentState,
    /// Since when it is in that state.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why it failed, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How its release command went.
    pub release: Release,
    /// From when its start period counts: set when its containers are first asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starting_since: Option<Timestamp>,
    /// Retention leaves it alone.
    pub pinned: bool,
    /// When it was last live, or was created: what retention sorts by.
    #[schema(value_type = String, format = DateTime)]
    pub last_used: Timestamp,
    /// The branch whose environment it is; none for a version as any other, and for one that has been
    /// live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// It was stopped because nobody looked at it, and the next request starts it again.
    #[serde(default)]
    pub asleep: bool,
}

/// How many containers an environment may have.
pub const REPLICAS: RangeInclusive<u16> = 1..=1000;

/// A number of containers that no environment may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an environment has {} to {} containers; to have none, stop it",
    REPLICAS.start(),
    REPLICAS.end()
)]
pub struct ReplicasOutOfRange;

/// Checks a number of containers, however large it is.
///
/// # Errors
/// When it is not one of [`REPLICAS`].
pub fn replicas(number: impl TryInto<u16>) -> Result<u16, ReplicasOutOfRange> {
    let number = number.try_into().ok();
    number.filter(|number| REPLICAS.contains(number)).ok_or(ReplicasOutOfRange)
}

/// Why an environment failed: a sentence, and what the container said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// One sentence: what happened, such as `container 2 exited with status 1`.
    pub reason: String,
    /// The last lines of the log of the container that it speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::EnvironmentState::{self, Creating, Destroyed, Failed, Ready, Stopped};

    #[test]
    fn numbers_of_containers_are_told_apart_by_one_range() {
        assert_eq!((super::replicas(1_i64), super::replicas(1000_u16)), (Ok(1), Ok(1000)));
        for wrong in [-1_i64, 0, 1001, 70_000, i64::MAX] {
            let told = super::replicas(wrong).unwrap_err().to_string();
            assert_eq!(told, "an environment has 1 to 1000 containers; to have none, stop it");
        }
    }

    #[test]
    fn nothing_leaves_destroyed_and_nothing_failed_becomes_ready() {
        let all: [EnvironmentState; 5] = [Creating, Ready, Failed, Stopped, Destroyed];
        assert!(all.iter().all(|next| !Destroyed.may_become(*next)));
        assert!(!Failed.may_become(Ready));
        assert!(all.iter().all(|state| !state.may_become(Creating)));
    }
}
