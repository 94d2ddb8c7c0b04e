//! `services` and `status`.

use launcher_model::ServiceName;
use launcher_server::api::views::{ContainerView, ServiceView, VersionView};
use serde_json::Value;

use super::Context;
use crate::cli::Failure;
use crate::cli::args::client::{Listing, Status};
use crate::cli::output::say;
use crate::cli::render::services;

const NONE: &str =
    "there are no services yet; describe one in launcher.toml, then run `launcher apply`";

pub(super) async fn list((context, listing): (Context, Listing)) -> Result<(), Failure> {
    let items = context.client.list(&["services"]).await?;
    context.show(items, listing.json, NONE, services::list)
}

pub(super) async fn status((context, status): (Context, Status)) -> Result<(), Failure> {
    match &status.service {
        Some(service) => one(&context, service, status.listing.json).await,
        None => all(&context, status.listing.json).await,
    }
}

async fn all(context: &Context, json: bool) -> Result<(), Failure> {
    let items = context.client.list(&["services"]).await?;
    let containers: Vec<ContainerView> = if json || items.is_empty() {
        Vec::new()
    } else {
        context.understand(Value::Array(context.client.list(&["containers"]).await?))?
    };
    context.show(items, json, NONE, |views: &[ServiceView], look| {
        let blocks = views.iter().map(|view| services::block(view, &[], &containers, look));
        blocks.collect::<Vec<_>>().join("\n")
    })
}

async fn one(context: &Context, service: &ServiceName, json: bool) -> Result<(), Failure> {
    let answer = context.client.get_as_it_is(&["services", service.as_str()]).await?;
    if json {
        return context.out.json(&answer);
    }
    let view: ServiceView = context.understand(answer)?;
    let versions = context.client.list(&["services", service.as_str(), "versions"]).await?;
    let versions: Vec<VersionView> = context.understand(Value::Array(versions))?;
    let containers: Vec<_> = versions.iter().flat_map(|one| one.containers.clone()).collect();
    context.out.text(&services::block(&view, &versions, &containers, &context.look))?;
    let destroyed = versions.len().saturating_sub(view.environments.len());
    if destroyed > 0 {
        say(&format!("{destroyed} older, of which only the record is left, are not shown"));
    }
    Ok(())
}
