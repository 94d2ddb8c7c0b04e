//! `builds`.

use launcher_model::BuildId;
use launcher_model::build::{Build, BuildState, LogEntry};
use reqwest::Method;
use serde_json::Value;

use super::{Context, NO_BODY};
use crate::cli::Failure;
use crate::cli::args::client::{BuildList, BuildLog, OneBuild};
use crate::cli::client::{Message, RECONNECT};
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
    let narrowed = tail == Some(0) || !query.is_empty();
    let empty = match narrowed {
        true => "there is no such build; `launcher builds` lists all".to_owned(),
        false => empty(&name, &context),
    };
    context.show(items, listing.json, &empty, builds::list)
}

fn empty(name: &str, context: &Context) -> String {
    format!(
        "nothing was built yet; `git push {}/git/{name}.git main` builds a service whose launcher.toml says build = \".\"",
        context.client.url()
    )
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

pub(super) async fn log((context, log): (Context, BuildLog)) -> Result<(), Failure> {
    // A log is told to its end, whether that is asked for or not.
    let BuildLog { one, follow: _ } = log;
    let told = if one.listing.json { Told::Json } else { Told::Printed };
    follow(&context, one.id, told).await
}

/// How a log is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// In words, on standard output.
    Printed,
    /// One object per line, on standard output.
    Json,
    /// In words, beside what is printed: on standard error.
    Said,
}

/// Tells a build's log until the build is over, also when the server is restarted meanwhile.
pub(super) async fn follow(context: &Context, id: BuildId, told: Told) -> Result<(), Failure> {
    let (mut seen, mut left) = (0, RECONNECT.1);
    loop {
        let before = seen;
        let failure = match follow_from(context, id, told, &mut seen).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        if seen > before {
            left = RECONNECT.1;
        }
        if !failure.is_absence() || left == 0 {
            return Err(failure);
        }
        if left == RECONNECT.1 {
            say(&format!("the connection to {} broke; trying again", context.client.url()));
        }
        left -= 1;
        tokio::time::sleep(RECONNECT.0).await;
    }
}

/// Tells what stands in the log behind the entries that were seen. A log only grows.
async fn follow_from(
    context: &Context,
    id: BuildId,
    told: Told,
    seen: &mut usize,
) -> Result<(), Failure> {
    let mut stream = context.client.stream(&["builds", &id.to_string(), "log"], &[]).await?;
    let mut passed = 0;
    while let Some(message) = stream.next().await? {
        match message.name.as_str() {
            "entry" if passed < *seen => passed += 1,
            "entry" => {
                tell(context, told, &message)?;
                passed += 1;
                *seen = passed;
            }
            "end" => return Ok(()),
            _ => {}
        }
    }
    Err(stream.cut_short())
}

fn tell(context: &Context, told: Told, message: &Message) -> Result<(), Failure> {
    if matches!(told, Told::Json) {
        return context.out.json_line(&message.read::<Value>()?);
    }
    let entry: LogEntry = message.read()?;
    let line = launcher_build::narrate(&entry);
    if matches!(told, Told::Said) {
        say(&line);
        return Ok(());
    }
    context.out.line(&line)
}

/// A build that is over, if it passed.
pub(super) async fn passed(context: &Context, id: BuildId) -> Result<Build, Failure> {
    let ended: Build = context.client.get(&["builds", &id.to_string()]).await?;
    match ended.state {
        BuildState::Passed => Ok(ended),
        state => Err(Failure::NotBuilt { id, state, reason: ended.reason.unwrap_or_default() }),
    }
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
    follow(&context, build.id, Told::Printed).await?;
    passed(&context, build.id).await.map(drop)
}
