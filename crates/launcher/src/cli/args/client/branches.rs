//! Branches and their environments.

use clap::{Args, Subcommand};
use launcher_model::ServiceName;

use super::{Listing, To, examples};

/// `branches`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Branches {
    /// What to do with one.
    #[command(subcommand)]
    pub(crate) act: Option<BranchesCommand>,
    #[command(flatten)]
    pub(crate) list: To<BranchesOf>,
}

/// `branches SERVICE`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BranchesOf {
    /// The service
    #[arg(required = true)]
    pub(crate) service: Option<ServiceName>,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// What can be done with a branch.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BranchesCommand {
    /// Destroy a branch's environment and forget its name; the next push makes another
    #[command(after_help = examples::BRANCHES_DELETE)]
    Delete(To<OneBranch>),
}

/// A branch.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneBranch {
    /// The service
    pub(crate) service: ServiceName,
    /// The branch, as Git names it
    pub(crate) branch: String,
}
