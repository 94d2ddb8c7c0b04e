//! Builds: runs from source to a version.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use launcher_model::{BuildId, ServiceName};

use super::{Listing, To, examples};

/// `build`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SendIn {
    /// The service; without one, that of the folder's launcher.toml
    pub(crate) service: Option<ServiceName>,
    /// The application's folder, with its launcher.toml
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) from: PathBuf,
    /// The branch that it counts as [default: none]
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Do not wait until it is built
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `init`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Init {
    /// The application's folder
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The service's name [default: the folder's]
    #[arg(long)]
    pub(crate) name: Option<ServiceName>,
    /// Write launcher.toml anew when it is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not build the image and ask it for a path that answers
    #[arg(long)]
    pub(crate) no_probe: bool,
}

/// `builds`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Builds {
    /// What to do with one.
    #[command(subcommand)]
    pub(crate) act: Option<BuildsCommand>,
    #[command(flatten)]
    pub(crate) list: To<BuildList>,
}

/// Which builds to list.
#[derive(Debug, Clone, Args)]
pub(crate) struct BuildList {
    /// Only of this service
    pub(crate) service: Option<ServiceName>,
    /// Only of this branch
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Only the newest N [default: 20; all with --json]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// What can be done with a build.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BuildsCommand {
    /// Show a build with its steps
    #[command(after_help = examples::BUILDS_SHOW)]
    Show(To<OneBuild>),
    /// Print what a build's steps have said; of one that runs, until it is over
    #[command(after_help = examples::BUILDS_LOG)]
    Log(To<BuildLog>),
    /// End a build that waits or runs
    #[command(after_help = examples::BUILDS_CANCEL)]
    Cancel(To<OneBuild>),
    /// Run a build that is over once more, as a new one
    #[command(after_help = examples::BUILDS_RETRY)]
    Retry(To<OneBuild>),
}

/// `builds log`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BuildLog {
    #[command(flatten)]
    pub(crate) one: OneBuild,
    /// Go on until the build is over, which is done without it as well
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// A build.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneBuild {
    /// Its number
    pub(crate) id: BuildId,
    #[command(flatten)]
    pub(crate) listing: Listing,
}
