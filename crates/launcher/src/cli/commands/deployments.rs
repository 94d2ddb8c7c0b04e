//! `deploy`, `rollback`, `offline`, `hold`, `release` and `history`.

use launcher_model::{ServiceName, VersionNumber};
use launcher_server::api::views::{
    DeployBody, DeployedView, HeldView, HoldBody, OutlookView, ReleasedView, RollbackBody,
};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Context, NO_BODY};
use crate::cli::args::client::{Deploy, History, Hold, Offline, Release, Rollback, Switch};
use crate::cli::output::say;
use crate::cli::progress::Progress;
use crate::cli::render::deployments;
use crate::cli::render::outlook::outlook;
use crate::cli::{Failure, input};

pub(super) async fn deploy((context, deploy): (Context, Deploy)) -> Result<(), Failure> {
    let Deploy { service, version, weight, force, dry_run, switch } = deploy;
    if dry_run {
        let weight = weight.map(|weight| weight.percent().to_string());
        let query = weight.as_deref().map(|weight| ("weight", weight));
        return foresee(&context, &service, Some(version), query, switch.listing.json).await;
    }
    let (note, hold) = (switch.note.clone(), switch.hold);
    let version_only = DeployBody { version: Some(version), ..DeployBody::default() };
    let body = DeployBody { weight, note, force, hold, ..version_only };
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
    version: Option<VersionNumber>,
    query: Option<(&str, &str)>,
    json: bool,
) -> Result<(), Failure> {
    let answer = ask_outlook(context, service, version, query).await?;
    if json {
        return context.out.json(&answer);
    }
    let view: OutlookView = context.understand(answer)?;
    context.out.text(&outlook(&view, &context.look))?;
    say("nothing was changed; run it without --dry-run to do it");
    Ok(())
}

async fn ask_outlook(
    context: &Context,
    service: &ServiceName,
    version: Option<VersionNumber>,
    query: Option<(&str, &str)>,
) -> Result<Value, Failure> {
    let number = version.map(super::number);
    let mut path = vec!["services", service.as_str()];
    path.extend(number.iter().flat_map(|number| ["versions", number.as_str()]));
    path.push("outlook");
    let query: Vec<_> = query.into_iter().collect();
    context.client.ask(&path, &query).await
}

pub(super) async fn rollback((context, rollback): (Context, Rollback)) -> Result<(), Failure> {
    let Rollback { service, version, dry_run, switch } = rollback;
    if dry_run {
        let query = version.map_or(("kind", "rollback"), |_| ("back", "true"));
        return foresee(&context, &service, version, Some(query), switch.listing.json).await;
    }
    let body = RollbackBody { version, note: switch.note.clone(), hold: switch.hold };
    let what = format!("{service}: going back");
    ask(&context, &service, "rollback", &body, what, &switch).await
}

pub(super) async fn offline((context, offline): (Context, Offline)) -> Result<(), Failure> {
    let Offline { service, yes, force, dry_run, switch } = offline;
    let query = Some(("kind", "offline"));
    if dry_run {
        return foresee(&context, &service, None, query, switch.listing.json).await;
    }
    if !yes {
        let told = ask_outlook(&context, &service, None, query).await?;
        let view: OutlookView = context.understand(told)?;
        agree(&view, &context)?;
    }
    let (note, hold) = (switch.note.clone(), switch.hold);
    let body = DeployBody { offline: true, note, force, hold, ..DeployBody::default() };
    let what = format!("{service}: taking it offline");
    ask(&context, &service, "deployments", &body, what, &switch).await
}

/// Has a person type the service's name, unless nothing would come of it.
fn agree(view: &OutlookView, context: &Context) -> Result<(), Failure> {
    if view.live_already {
        return Ok(());
    }
    let (service, what) = (&view.service, outlook(view, &context.look));
    let Some(typed) = input::line(&format!("{what}type its name to go on: "))? else {
        return Err(Failure::Senseless(format!(
            "this takes {service} offline, and nobody is there to ask; say that you mean it with --yes"
        )));
    };
    if typed.trim() == service.as_str() {
        return Ok(());
    }
    Err(Failure::Senseless(format!("{:?} is not {service}; nothing was done", typed.trim())))
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
