//! The edges.

use clap::{Args, Subcommand};
use launcher_model::EdgeName;

use super::{Listing, To, examples};

/// `edges`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Edges {
    /// What to do with one.
    #[command(subcommand)]
    pub(crate) act: Option<EdgesCommand>,
    #[command(flatten)]
    pub(crate) list: To<Listing>,
}

/// What can be done with an edge.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EdgesCommand {
    /// Invite an edge of another machine: prints a token that lets it join, once, within an hour
    #[command(after_help = examples::EDGES_INVITE)]
    Invite(To<Invite>),
    /// Let an edge of another machine come no more
    #[command(after_help = examples::EDGES_REVOKE)]
    Revoke(To<OneEdge>),
}

/// `edges invite`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Invite {
    /// The name by which it will be listed
    pub(crate) name: EdgeName,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// An edge's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneEdge {
    /// Its name
    pub(crate) name: EdgeName,
}
