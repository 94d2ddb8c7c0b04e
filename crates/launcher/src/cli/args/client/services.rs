//! The services themselves.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use launcher_model::ServiceName;

use super::Listing;

/// `apply`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Apply {
    /// The file; `-` is standard input
    #[arg(short, long, value_name = "FILE", default_value = "launcher.toml")]
    pub(crate) file: PathBuf,
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only if nobody has changed the settings since then: a time that --dry-run has told
    #[arg(long, value_name = "TIME", conflicts_with = "dry_run")]
    pub(crate) seen: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Status {
    /// Only this service
    pub(crate) service: Option<ServiceName>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `delete`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Delete {
    /// The service
    pub(crate) service: ServiceName,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}
