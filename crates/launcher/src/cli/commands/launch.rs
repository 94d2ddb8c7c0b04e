//! `launch`.

use launcher_model::{ServiceName, VersionNumber};
use launcher_server::api::views::{LaunchBody, ServiceView, VersionView};
use reqwest::Method;
use serde_json::Value;

use super::{Context, number, wait};
use crate::cli::Failure;
use crate::cli::args::client::Launch;
use crate::cli::output::say;
use crate::cli::render::services;

pub(super) async fn launch((context, launch): (Context, Launch)) -> Result<(), Failure> {
    let Launch { service, image, branch, commit, subject, author, wait, listing } = launch;
    let body = LaunchBody { image, commit, branch, subject, author };
    let path = ["services", service.as_str(), "versions"];
    let answer: Value = context.client.change(Method::POST, &path, &[], Some(&body)).await?;
    let view: VersionView = context.understand(answer.clone())?;
    let version = view.version.number;
    say(&format!("{service} {version} is being created from {}", view.version.image.requested));
    if !listing.json {
        // Before it is waited for: whoever reads it knows the number also when the environment fails.
        context.out.line(&format!("{version} {}", view.environment.preview_url))?;
    }
    let ready = if wait { wait::until_ready(&context, &service, version).await } else { Ok(()) };
    if listing.json {
        let path = ["services", service.as_str(), "versions", &number(version)];
        let last = if wait { context.client.get_as_it_is(&path).await? } else { answer };
        context.out.json(&last)?;
    }
    ready?;
    if wait {
        say_what_is_next(&context, &service, version).await;
    } else {
        say(&format!("`launcher status {service}` shows how far it is"));
    }
    Ok(())
}

/// Whether it goes live by itself, or who puts it live, and whether now is the time.
async fn say_what_is_next(context: &Context, service: &ServiceName, version: VersionNumber) {
    // It is ready: that no more can be said of it is no failure.
    let view: Option<ServiceView> = context.client.get(&["services", service.as_str()]).await.ok();
    let by_hand = format!("`launcher deploy {service} {version}` puts it live");
    let Some(view) = view else { return say(&format!("{service} {version} is ready; {by_hand}")) };
    let auto = view.auto.as_ref().filter(|auto| auto.version == version);
    let next = match auto {
        _ if view.live.contains_key(&version) => "it is live".to_owned(),
        Some(auto) => auto.text.clone(),
        None => by_hand,
    };
    say(&format!("{service} {version} is ready; {next}"));
    if let Some(freeze) = services::freeze(&view, context.look.now) {
        say(&format!("{service}: {} ({})", freeze.text, freeze.window));
    }
}
