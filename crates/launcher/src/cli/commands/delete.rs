//! `delete`.

use launcher_model::ServiceName;
use launcher_model::event::{Event, EventKind};
use launcher_server::api::views::ServiceView;
use reqwest::Method;

use super::{Context, NO_BODY};
use crate::cli::args::client::Delete;
use crate::cli::client::Follow;
use crate::cli::output::say;
use crate::cli::progress::Progress;
use crate::cli::render::services::what_goes;
use crate::cli::{Failure, input};

pub(super) async fn delete((context, delete): (Context, Delete)) -> Result<(), Failure> {
    let Delete { service, yes } = delete;
    let path = ["services", service.as_str()];
    let view: ServiceView = context.client.get(&path).await?;
    if !yes {
        agree(&view)?;
    }
    let last = newest_event(&context, &service).await?;
    let all = [("destroy", "true")];
    let () = context.client.change(Method::DELETE, &path, &all, NO_BODY).await?;
    until_gone(&context, &service, last).await?;
    say(&format!("{service} is deleted; `launcher events {service}` tells what it was"));
    Ok(())
}

/// Has a person type the service's name.
fn agree(view: &ServiceView) -> Result<(), Failure> {
    let (service, what) = (&view.name, what_goes(view));
    let Some(typed) = input::line(&format!("{what}; type its name to go on: "))? else {
        return Err(Failure::Senseless(format!(
            "{what}, and nobody is there to ask; say that you mean it with --yes"
        )));
    };
    if typed.trim() == service.as_str() {
        return Ok(());
    }
    Err(Failure::Senseless(format!("{:?} is not {service}; nothing was done", typed.trim())))
}

async fn newest_event(context: &Context, service: &ServiceName) -> Result<i64, Failure> {
    let query = [("service", service.as_str())];
    let newest = context.client.part_of(&["events"], &query, Some(1)).await?;
    Ok(newest.first().and_then(|event| event.get("id")?.as_i64()).unwrap_or(0))
}

/// Tells what happens behind an event, until the service is gone.
async fn until_gone(context: &Context, service: &ServiceName, last: i64) -> Result<(), Failure> {
    let query = vec![("service", service.to_string())];
    let mut events = Follow::new(&context.client, query, last);
    let progress = Progress::begin(format!("{service}: being deleted"));
    loop {
        let event: Event = context.understand(events.next().await?)?;
        if event.kind == EventKind::ServiceDeleted {
            return Ok(());
        }
        progress.say(&event.text);
    }
}
