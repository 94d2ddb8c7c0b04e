//! Versions and their environments: making one, and what is done with it.

use std::num::IntErrorKind;

use clap::Args;
use launcher_model::environment::{self, ReplicasOutOfRange};
use launcher_model::{ServiceName, VersionNumber};

use super::Listing;

/// `launch`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Launch {
    /// The service
    pub(crate) service: ServiceName,
    /// The image: a reference, an image id of the engine, or `:TAG` of the service's repository
    /// [default: the repository's `latest`]
    #[arg(long, value_name = "REF")]
    pub(crate) image: Option<String>,
    /// The branch that it was built from
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// The commit that it was built from
    #[arg(long)]
    pub(crate) commit: Option<String>,
    /// What the author of the commit said of it; its first line is kept
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,
    /// The author of the commit
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Wait until the environment is ready, or has failed
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// An environment.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneVersion {
    /// The service
    pub(crate) service: ServiceName,
    /// The version, such as 42 or v42
    pub(crate) version: VersionNumber,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `scale`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Scale {
    #[command(flatten)]
    pub(crate) of: OneVersion,
    /// How many containers, from 1 to 1000
    #[arg(value_name = "N", value_parser = replicas, allow_negative_numbers = true)]
    pub(crate) replicas: u16,
}

/// What the server takes, told in its words before it is asked.
fn replicas(text: &str) -> Result<u16, String> {
    // What has too many digits for this type is no less out of range.
    let number = text.parse::<i64>().map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => ReplicasOutOfRange.to_string(),
        _ => "it takes a whole number".to_owned(),
    })?;
    environment::replicas(number).map_err(|error| error.to_string())
}

/// `logs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Logs {
    /// The service
    pub(crate) service: ServiceName,
    /// The version [default: the live one]
    pub(crate) version: Option<VersionNumber>,
    /// Go on with new lines until the environment runs no more
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only what was printed from then on: how long ago (10m, 2h), or a time (2026-11-24T08:15:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// So many of the last lines, or `all` [default: 100, with --since all]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<String>,
    /// Only of containers whose id or name begins like this; may be given several times
    #[arg(long, value_name = "ID")]
    pub(crate) container: Vec<String>,
    /// Only lines that have this in them, in letters of either case; -n counts those
    #[arg(long, value_name = "TEXT")]
    pub(crate) find: Option<String>,
    /// Leave the time out of each line
    #[arg(long, overrides_with = "timestamps")]
    pub(crate) no_timestamps: bool,
    /// Begin each line with its time, as is the default
    #[arg(long, overrides_with = "no_timestamps")]
    pub(crate) timestamps: bool,
    /// Only of the container in this place, counted from 1
    #[arg(long, value_name = "N")]
    pub(crate) slot: Option<u16>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `exec`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Exec {
    /// The service
    pub(crate) service: ServiceName,
    /// The version
    pub(crate) version: VersionNumber,
    /// In the container in this place, counted from 1 [default: any that runs]
    #[arg(long, value_name = "N")]
    pub(crate) slot: Option<u16>,
    /// In a container whose id or name begins like this
    #[arg(long, value_name = "ID", conflicts_with = "slot")]
    pub(crate) container: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunOnce {
    /// The service
    pub(crate) service: ServiceName,
    /// The version [default: the live one]
    pub(crate) version: Option<VersionNumber>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}
