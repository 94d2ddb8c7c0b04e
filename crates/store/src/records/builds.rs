//! What goes into and comes out of the record of builds.

use launcher_model::build::{Build, BuildState, Origin, Step};
use launcher_model::image::PinnedImage;
use launcher_model::{BuildId, ServiceName};

use super::Page;

/// A build before it has its number.
#[derive(Debug, Clone)]
pub struct NewBuild {
    /// Whose.
    pub service: ServiceName,
    /// How its source came in.
    pub origin: Origin,
    /// The branch that it is of; none replaces nothing that waits.
    pub branch: Option<String>,
    /// The commit that is built.
    pub commit: Option<String>,
    /// The first line of what its author said of it.
    pub subject: Option<String>,
    /// Whose the commit is.
    pub author: Option<String>,
    /// Who brought it in.
    pub by: String,
}

/// A build that waits for its turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// The build.
    pub build: Build,
    /// Builds of the same branch that waited, whose place it has taken.
    pub superseded: Vec<BuildId>,
}

/// What shall change in a build; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct BuildChange {
    /// How far it has come.
    pub state: Option<BuildState>,
    /// All of its steps so far.
    pub steps: Option<Vec<Step>>,
    /// Its image.
    pub image: Option<PinnedImage>,
    /// The commit, when it was not known before.
    pub commit: Option<String>,
    /// The first line of what its author said of it, when it was not known before.
    pub subject: Option<String>,
    /// Whose the commit is, when it was not known before.
    pub author: Option<String>,
    /// Why it failed or was cancelled.
    pub reason: Option<String>,
}

/// Which builds.
#[derive(Debug, Clone)]
pub struct BuildFilter {
    /// Of one service, or of all.
    pub service: Option<ServiceName>,
    /// Of these services alone.
    pub among: Option<Vec<ServiceName>>,
    /// Of one branch, or of all.
    pub branch: Option<String>,
    /// Which part.
    pub page: Page,
}
