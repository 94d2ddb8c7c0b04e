//! Closing a service to its users.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use launcher_model::{ServiceName, Span};

use super::Listing;

/// `maintenance`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Maintenance {
    /// The service
    pub(crate) service: ServiceName,
    /// What to do
    #[arg(value_enum, value_name = "ACT", default_value_t = MaintenanceAct::Show)]
    pub(crate) act: MaintenanceAct,
    /// With `on`: the page that users see, HTML of up to 256 KiB [default: the one that was given last]
    #[arg(long, value_name = "FILE", conflicts_with = "no_page")]
    pub(crate) page: Option<PathBuf>,
    /// With `on`: forget the page that was given last, and show a plain one
    #[arg(long)]
    pub(crate) no_page: bool,
    /// With `on`: when users are told to come again [default: 5m]
    #[arg(long, value_name = "TIME")]
    pub(crate) retry_after: Option<Span>,
    /// With `on`: why, for the events and for who looks at the service
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

impl Maintenance {
    /// Whether something is said of what users shall see.
    pub(crate) fn shapes(&self) -> bool {
        self.page.is_some() || self.no_page || self.retry_after.is_some() || self.note.is_some()
    }
}

/// What to do about a service's maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MaintenanceAct {
    /// Close the service to its users
    On,
    /// Open it again
    Off,
    /// Say whether it is closed, and what users see then
    Show,
}
