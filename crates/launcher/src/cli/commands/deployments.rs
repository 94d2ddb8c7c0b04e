//! `deploy`, `rollback`, `hold`, `release` and `history`.

use launcher_model::{ServiceName, VersionNumber, Weight};
use launcher_server::api::views::{
    DeployBody, DeployedView, HeldView, HoldBody, OutlookView, ReleasedView, RollbackBody,
};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{Deploy, History, Hold, Release, Rollback, Switch};
use crate::cli::output::say;
use crate::cli::progress::Progress;
use crate::cli::render::deployments;
use crate::cli::render::outlook::outlook;

pub(super) async fn deploy((context, deploy): (Context, Deploy)) -> Result<(), Failure> {
    let Deploy { service, version, weight, force, dry_run, switch } = deploy;
    if dry_run {
        return foresee(&context, &service, version, weight, switch.listing.json).await;
    }
    let (note, hold) = (switch.note.clone(), switch.hold);
    let body = DeployBody { version: Some(version), weight, split: None, note, force, hold };
    let what = match weight {
        Some(weight) => format!("{service}: giving {version} {}%", weight.percent()),
        None => format!("{service}: switching to {version}"),
    };
    ask(&context, &service, "deployments", &body, what, &switch).await
}

/// Shows what a deployment would do.
async fn foresee(
    context: &Context,
    service: &ServiceName,
    version: VersionNumber,
    weight: Option<Weight>,
    json: bool,
) -> Result<(), Failure> {
    let (number, weight) =
        (version.0.to_string(), weight.map(|weight| weight.percent().to_string()));
    let path = ["services", service.as_str(), "versions", &number, "outlook"];
    let query: Vec<(&str, &str)> =
        weight.iter().map(|weight| ("weight", weight.as_str())).collect();
    let answer = context.client.ask(&path, &query).await?;
    if json {
        return context.out.json(&answer);
    }
    let view: OutlookView = context.understand(answer)?;
    context.out.text(&outlook(&view, &context.look))?;
    say("nothing was changed; run it without --dry-run to deploy");
    Ok(())
}

pub(super) async fn rollback((context, rollback): (Context, Rollback)) -> Result<(), Failure> {
    let Rollback { service, version, switch } = rollback;
    let body = RollbackBody { version, note: switch.note.clone(), hold: switch.hold };
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
    for warning in &view.warnings {
        say(&format!("warning: {warning}"));
    }
    context.out.text(&deployments::deployed(&view, switch.verbose, &context.look))
}

/// Reads the two parts of the answer apart: a map with numbers as its keys, such as a deployment's shares,
/// cannot be read through a flattened field.
fn read(context: &Context, answer: Value) -> Result<DeployedView, Failure> {
    #[derive(Deserialize)]
    struct Outcome {
        changed: bool,
        #[serde(default)]
        warnings: Vec<String>,
    }
    let Outcome { changed, warnings } = context.understand(answer.clone())?;
    Ok(DeployedView { changed, warnings, deployment: context.understand(answer)? })
}

pub(super) async fn hold((context, hold): (Context, Hold)) -> Result<(), Failure> {
    let Hold { service, within, listing } = hold;
    let progress = Progress::begin(format!("{service}: waiting for what is in flight"));
    let path = ["services", service.as_str(), "hold"];
    let body = HoldBody { within };
    let view: HeldView = context.client.change(Method::POST, &path, &[], Some(&body)).await?;
    drop(progress);
    if listing.json {
        return context.out.json(&view);
    }
    context.out.text(&deployments::held(&service, within, &view))
}

pub(super) async fn release((context, release): (Context, Release)) -> Result<(), Failure> {
    let Release { service, listing } = release;
    let path = ["services", service.as_str(), "hold"];
    let view: ReleasedView = context.client.change(Method::DELETE, &path, &[], NO_BODY).await?;
    if listing.json {
        return context.out.json(&view);
    }
    context.out.text(&deployments::released(&service, &view))
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
