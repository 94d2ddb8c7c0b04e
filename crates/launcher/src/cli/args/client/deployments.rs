//! Where the production traffic goes, and what it was like before.

use clap::Args;
use launcher_model::{ServiceName, Span, VersionNumber, Weight};

use super::{Listing, OneVersion};

/// `deploy`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Deploy {
    /// The service
    pub(crate) service: ServiceName,
    /// The version, such as 42 or v42
    pub(crate) version: VersionNumber,
    /// So many percent of the traffic; the rest stays with what is live, and 0 takes the version out
    #[arg(long, value_name = "N")]
    pub(crate) weight: Option<Weight>,
    /// Deploy also during a freeze; say why with --note
    #[arg(long, requires = "note")]
    pub(crate) force: bool,
    /// Only show what it would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) switch: Switch,
}

/// `rollback`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rollback {
    /// The service
    pub(crate) service: ServiceName,
    /// The version [default: the one that had all traffic before]
    pub(crate) version: Option<VersionNumber>,
    /// Only show what it would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) switch: Switch,
}

/// `offline`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Offline {
    /// The service
    pub(crate) service: ServiceName,
    /// Do not ask for its name first
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take it offline also during a freeze; say why with --note
    #[arg(long, requires = "note")]
    pub(crate) force: bool,
    /// Only show what it would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) switch: Switch,
}

/// What a deployment and a rollback have in common.
#[derive(Debug, Clone, Args)]
pub(crate) struct Switch {
    /// Why, for the history
    #[arg(long)]
    pub(crate) note: Option<String>,
    /// Have new requests wait around the flip, at most for so long (up to 1m), until those before it are
    /// answered
    #[arg(long, value_name = "TIME")]
    pub(crate) hold: Option<Span>,
    /// Show each edge's part too
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `try`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Try {
    /// Print the header for a request instead
    #[arg(long)]
    pub(crate) header: bool,
    #[command(flatten)]
    pub(crate) of: OneVersion,
}

/// `hold`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Hold {
    /// The service
    pub(crate) service: ServiceName,
    /// At most for so long, such as 30s (up to 1m); then they are let go by themselves
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) within: Span,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `release`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Release {
    /// The service
    pub(crate) service: ServiceName,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// `history`.
#[derive(Debug, Clone, Args)]
pub(crate) struct History {
    /// The service
    pub(crate) service: ServiceName,
    /// Only the newest N
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}
