//! `builds`.

use launcher_model::BuildId;
use launcher_model::build::{Build, BuildState, LogEntry};
use reqwest::Method;
use serde_json::Value;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{BuildList, OneBuild};
use crate::cli::output::say;
use crate::cli::render::builds;

/// As many as fit onto a page.
const SHOWN: usize = 20;

pub(super) async fn list((context, list): (Context, BuildList)) -> Result<(), Failure> {
    let BuildList { service, branch, tail, listing } = list;
    let path = match &service {
        Some(service) => vec!["services", service.as_str(), "builds"],
        None => vec!["builds"],
    };
    let query: Vec<(&str, &str)> = branch.iter().map(|name| ("branch", name.as_str())).collect();
    let tail = tail.or((!listing.json).then_some(SHOWN));
    let items = context.client.part_of(&path, &query, tail).await?;
    let name = service.map_or_else(|| "SERVICE".to_owned(), |service| service.to_string());
    let empty = format!(
        "nothing was built yet; `git push {}/git/{name}.git main` builds a service whose launcher.toml says build = \".\"",
        context.client.url()
    );
    context.show(items, listing.json, &empty, builds::list)
}

pub(super) async fn show((context, one): (Context, OneBuild)) -> Result<(), Failure> {
    let value: Value = context.client.get(&["builds", &one.id.to_string()]).await?;
    print(&context, value, one.listing.json)
}

fn print(context: &Context, value: Value, json: bool) -> Result<(), Failure> {
    if json {
        return context.out.json(&value);
    }
    context.out.text(&builds::build(&context.understand(value)?, &context.look))
}

pub(super) async fn log((context, one): (Context, OneBuild)) -> Result<(), Failure> {
    follow(&context, one.id, one.listing.json).await
}

/// Prints a build's log until the build is over.
async fn follow(context: &Context, id: BuildId, json: bool) -> Result<(), Failure> {
    let id = id.to_string();
    let mut stream = context.client.stream(&["builds", &id, "log"], &[]).await?;
    while let Some(message) = stream.next().await? {
        match message.name.as_str() {
            "entry" if json => context.out.json_line(&message.read::<Value>()?)?,
            "entry" => {
                let entry: LogEntry = message.read()?;
                context.out.text(&format!("{}\n", launcher_build::narrate(&entry)))?;
            }
            "end" => return Ok(()),
            _ => {}
        }
    }
    Err(stream.cut_short())
}

pub(super) async fn cancel((context, one): (Context, OneBuild)) -> Result<(), Failure> {
    let path = ["builds", &one.id.to_string(), "cancel"];
    let value: Value = context.client.change(Method::POST, &path, &[], NO_BODY).await?;
    if one.listing.json {
        return context.out.json(&value);
    }
    say(&format!("build {} is cancelled", one.id));
    Ok(())
}

pub(super) async fn retry((context, one): (Context, OneBuild)) -> Result<(), Failure> {
    let path = ["builds", &one.id.to_string(), "retry"];
    let value: Value = context.client.change(Method::POST, &path, &[], NO_BODY).await?;
    if one.listing.json {
        return context.out.json(&value);
    }
    let build: Build = context.understand(value)?;
    say(&format!("build {} runs build {} again", build.id, one.id));
    follow(&context, build.id, false).await?;
    let ended: Build = context.client.get(&["builds", &build.id.to_string()]).await?;
    match ended.state {
        BuildState::Passed => Ok(()),
        state => {
            Err(Failure::NotBuilt { id: ended.id, state, reason: ended.reason.unwrap_or_default() })
        }
    }
}
