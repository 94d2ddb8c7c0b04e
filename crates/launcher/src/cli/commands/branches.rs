//! `branches`.

use launcher_model::ServiceName;
use launcher_server::api::views::ServiceView;
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
    let empty = if items.is_empty() { none(&context, &service).await? } else { String::new() };
    context.show(items, of.listing.json, &empty, branches::list)
}

/// What to do where no branch has an environment.
async fn none(context: &Context, service: &ServiceName) -> Result<String, Failure> {
    let view: ServiceView = context.client.get(&["services", service.as_str()]).await?;
    let wanted = &view.spec.branches.matching;
    let launch = format!("`launcher launch {service} --image REF --branch NAME`");
    if wanted.is_empty() {
        return Ok(format!(
            "no branch of {service} has an environment; with match = [\"*\"] under [branches] in launcher.toml each gets one with its next version: {launch}"
        ));
    }
    let push = match view.spec.service.build {
        Some(_) => format!("`git push {}/git/{service}.git NAME`, or ", context.client.url()),
        None => String::new(),
    };
    Ok(format!(
        "no branch of {service} has an environment yet; one that matches {} gets it with its next version: {push}{launch}",
        wanted.join(", ")
    ))
}

pub(super) async fn delete((context, one): (Context, OneBranch)) -> Result<(), Failure> {
    let (service, branch) = (one.service.as_str(), one.branch.as_str());
    let path = ["services", service, "branches", branch];
    let () = context.client.change(Method::DELETE, &path, &[], NO_BODY).await?;
    say(&format!("branch {branch} of {service} has no environment any more"));
    Ok(())
}
