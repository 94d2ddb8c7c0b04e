//! `branches`.

use reqwest::Method;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{BranchesOf, OneBranch};
use crate::cli::output::say;
use crate::cli::render::branches;

pub(super) async fn list((context, of): (Context, BranchesOf)) -> Result<(), Failure> {
    // clap asks for it.
    let Some(service) = of.service else { return Ok(()) };
    let items = context.client.list(&["services", service.as_str(), "branches"]).await?;
    let empty = format!(
        "no branch of {service} has an environment; with `match = [\"*\"]` under [branches] in launcher.toml each gets one with its next version: `launcher launch {service} --branch NAME`"
    );
    context.show(items, of.listing.json, &empty, branches::list)
}

pub(super) async fn delete((context, one): (Context, OneBranch)) -> Result<(), Failure> {
    let (service, branch) = (one.service.as_str(), one.branch.as_str());
    let path = ["services", service, "branches", branch];
    let () = context.client.change(Method::DELETE, &path, &[], NO_BODY).await?;
    say(&format!("branch {branch} of {service} has no environment any more"));
    Ok(())
}
