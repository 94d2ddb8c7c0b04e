//! Who is told what happens.

use clap::{Args, Subcommand};

use super::{Listing, To, examples};

/// `notifications`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Notifications {
    /// What to do with one.
    #[command(subcommand)]
    pub(crate) act: Option<NotificationsCommand>,
    #[command(flatten)]
    pub(crate) list: To<Listing>,
}

/// What can be done with a target of notifications.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NotificationsCommand {
    /// Send a target a test message, and say how that went
    #[command(after_help = examples::NOTIFICATIONS_TEST)]
    Test(To<OneTarget>),
}

/// A target's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneTarget {
    /// Its name, as `launcher notifications` lists it
    pub(crate) name: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
