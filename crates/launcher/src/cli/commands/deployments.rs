//! `deploy`, `rollback` and `history`.

use launcher_model::ServiceName;
use launcher_server::api::views::{DeployBody, DeployedView, RollbackBody};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Context;
use crate::cli::Failure;
use crate::cli::args::client::{Deploy, History, Rollback, Switch};
use crate::cli::progress::Progress;
use crate::cli::render::deployments;

pub(super) async fn deploy((context, deploy): (Context, Deploy)) -> Result<(), Failure> {
    let Deploy { service, version, weight, switch } = deploy;
    let note = switch.note.clone();
    let body = DeployBody { version: Some(version), weight, split: None, note };
    let what = match weight {
        Some(weight) => format!("{service}: giving {version} {}%", weight.percent()),
        None => format!("{service}: switching to {version}"),
    };
    ask(&context, &service, "deployments", &body, what, &switch).await
}

pub(super) async fn rollback((context, rollback): (Context, Rollback)) -> Result<(), Failure> {
    let Rollback { service, version, switch } = rollback;
    let body = RollbackBody { version, note: switch.note.clone() };
    let what = format!("{service}: going back");
    ask(&context, &service, "rollback", &body, what, &switch).await
}

async fn ask(
    context: &Context,
    service: &ServiceName,
    call: &str,
    body: &impl Serialize,
    what: String,
    switch: &Switch,
) -> Result<(), Failure> {
    let progress = Progress::begin(what);
    let path = ["services", service.as_str(), call];
    let answer: Value = context.client.change(Method::POST, &path, &[], Some(body)).await?;
    drop(progress);
    if switch.listing.json {
        return context.out.json(&answer);
    }
    let view = read(context, answer)?;
    context.out.text(&deployments::deployed(&view, switch.verbose, &context.look))
}

/// Reads the two parts of the answer apart: a map with numbers as its keys, such as a deployment's shares,
/// cannot be read through a flattened field.
fn read(context: &Context, answer: Value) -> Result<DeployedView, Failure> {
    #[derive(Deserialize)]
    struct Outcome {
        changed: bool,
    }
    let Outcome { changed } = context.understand(answer.clone())?;
    Ok(DeployedView { changed, deployment: context.understand(answer)? })
}

pub(super) async fn history((context, history): (Context, History)) -> Result<(), Failure> {
    let service = &history.service;
    let path = ["services", service.as_str(), "deployments"];
    let items = context.client.part_of(&path, &[], history.tail).await?;
    let empty = format!(
        "{service} was never deployed; `launcher deploy {service} VERSION` puts a version live"
    );
    context.show(items, history.listing.json, &empty, deployments::history)
}
