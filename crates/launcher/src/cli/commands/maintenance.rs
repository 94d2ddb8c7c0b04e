//! `maintenance`.

use std::path::Path;

use clap::CommandFactory;
use clap::error::ErrorKind;
use launcher_model::ServiceName;
use launcher_model::maintenance::check_page;
use launcher_server::api::views::{MaintainedView, MaintenanceBody, MaintenanceView};
use reqwest::Method;
use serde_json::Value;

use super::{Context, NO_BODY};
use crate::cli::args::client::{Maintenance, MaintenanceAct};
use crate::cli::progress::Progress;
use crate::cli::render::maintenance;
use crate::cli::{Cli, Failure};

pub(super) async fn maintenance((context, typed): (Context, Maintenance)) -> Result<(), Failure> {
    match typed.act {
        MaintenanceAct::On => on(&context, &typed).await,
        act if typed.shapes() => {
            let word = if act == MaintenanceAct::Off { "off" } else { "show" };
            let said =
                format!("--page, --no-page, --retry-after and --note go with `on`, not `{word}`");
            Cli::command().error(ErrorKind::ArgumentConflict, said).exit()
        }
        MaintenanceAct::Off => change(&context, &typed, Method::DELETE, NO_BODY).await,
        MaintenanceAct::Show => show(&context, &typed).await,
    }
}

async fn on(context: &Context, typed: &Maintenance) -> Result<(), Failure> {
    let page = match &typed.page {
        Some(file) => Some(read(file)?),
        None => typed.no_page.then(String::new),
    };
    let body = MaintenanceBody { page, retry_after: typed.retry_after, note: typed.note.clone() };
    let body = serde_json::to_value(body)
        .map_err(|error| Failure::io("write the call's body")(error.into()))?;
    change(context, typed, Method::PUT, Some(&body)).await
}

async fn change(
    context: &Context,
    typed: &Maintenance,
    method: Method,
    body: Option<&Value>,
) -> Result<(), Failure> {
    let service = &typed.service;
    let progress = Progress::begin(format!("{service}: waiting for the edges"));
    let path = ["services", service.as_str(), "maintenance"];
    let answer: Value = context.client.change(method, &path, &[], body).await?;
    drop(progress);
    if typed.listing.json {
        context.out.json(&answer)?;
    }
    let view: MaintainedView = context.understand(answer)?;
    if !typed.listing.json {
        context.out.text(&maintenance::changed(service, &view))?;
    }
    acknowledged(service, &view)
}

/// What follows in a script, such as a migration, must not begin while an edge serves as before.
fn acknowledged(service: &ServiceName, view: &MaintainedView) -> Result<(), Failure> {
    let missing = view.edges.iter().filter(|edge| edge.missing.is_some());
    let missing: Vec<&str> = missing.map(|edge| edge.edge.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Unacknowledged { service: service.clone(), edges: missing.join(", ") })
}

async fn show(context: &Context, typed: &Maintenance) -> Result<(), Failure> {
    let service = &typed.service;
    let path = ["services", service.as_str(), "maintenance"];
    let answer = context.client.get_as_it_is(&path).await?;
    if typed.listing.json {
        return context.out.json(&answer);
    }
    let view: MaintenanceView = context.understand(answer)?;
    context.out.text(&maintenance::shown(service, &view, &context.look))
}

/// A page, as far as can be said before it is sent.
fn read(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let page = std::fs::read(file).map_err(|source| Failure::Io {
        doing: format!("read the page {name}"),
        source,
        hint: None,
    })?;
    let page = String::from_utf8(page).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::Senseless(format!(
            "{name} is not UTF-8 from byte {at} on; save the page in that encoding"
        ))
    })?;
    if page.is_empty() {
        return Err(Failure::Senseless(format!(
            "{name} is empty; --no-page has the plain page shown"
        )));
    }
    check_page(&page).map_err(|why| Failure::Senseless(format!("{name}: {why}")))?;
    Ok(page)
}
