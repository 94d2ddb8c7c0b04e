//! Builds: how a state of an application's source becomes a version.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::image::PinnedImage;
use crate::{BuildId, ServiceName, VersionNumber};

/// How far a build has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuildState {
    /// It waits for its turn: a service's builds run one after the other.
    Queued,
    /// One of its steps is under way.
    Running,
    /// Its version's environment is ready.
    Passed,
    /// A step has failed.
    Failed,
    /// Somebody has cancelled it.
    Cancelled,
    /// A newer push of the same branch took its place in the queue.
    Superseded,
}

impl BuildState {
    /// The state's name, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }

    /// Whether nothing changes it any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What a build does, in this order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The source is read: its settings, and what is built.
    Source,
    /// The image is built.
    Build,
    /// The test command runs in a container of it.
    Test,
    /// The image is pushed to the registry.
    Push,
    /// The version is numbered, its release command runs, and its environment becomes ready.
    Launch,
}

impl StepKind {
    /// The step's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Build => "build",
            Self::Test => "test",
            Self::Push => "push",
            Self::Launch => "launch",
        }
    }
}

/// How a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It is under way.
    Running,
    /// It is done.
    Passed,
    /// It has failed, and the build with it.
    Failed,
    /// There was nothing to do, or it was not reached.
    Skipped,
    /// It was broken off, with the build.
    Cancelled,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Which one.
    pub kind: StepKind,
    /// How it goes.
    pub state: StepState,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// What came out of it, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How the source came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// By `git push` to this server.
    Push,
    /// A working copy was sent in.
    Upload,
    /// A code host or CI server told of it.
    Hook,
}

/// One run from source to a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Build {
    /// Counted over the whole installation.
    pub id: BuildId,
    /// Whose.
    pub service: ServiceName,
    /// How the source came in.
    pub origin: Origin,
    /// The branch that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit that is built; none of a working copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The first line of what its author said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whose the commit is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Who brought it in.
    pub by: String,
    /// How far it has come.
    pub state: BuildState,
    /// Its steps so far, in order.
    pub steps: Vec<Step>,
    /// The image, once it is built (and pushed, where it is).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<PinnedImage>,
    /// The version that came out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionNumber>,
    /// Why it failed, or who cancelled it, or what took its place: one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was begun: more than once when the server was restarted meanwhile.
    pub attempts: u32,
    /// When it came in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// A part of a build's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogEntry {
    /// A step began.
    Began {
        /// When.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
        /// Which.
        step: StepKind,
    },
    /// Something was printed.
    Line {
        /// When.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
        /// By which step.
        step: StepKind,
        /// What, without the end of the line.
        text: String,
    },
    /// A step is over.
    Ended {
        /// When.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
        /// Which.
        step: StepKind,
        /// How.
        state: StepState,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What came out of it, or why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Something that concerns the build as a whole.
    Note {
        /// When.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
        /// One sentence.
        text: String,
    },
}
