//! A terminal in a container, in the browser. Nothing runs before somebody presses: a link alone, which anybody
//! may send, does nothing.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use launcher_logs::short;
use launcher_model::{ServiceName, VersionNumber};

use super::environment::known;
use super::error::PageError;
use super::layout::{Frame, Page, render};
use super::visitor::Visitor;
use crate::App;

#[derive(Template)]
#[template(path = "terminal.html")]
struct TerminalPage {
    frame: Frame,
    service: ServiceName,
    version: VersionNumber,
    /// The container's name, which also names it in addresses.
    name: String,
    host: String,
    /// Why no command can be run in it.
    trouble: Option<String>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path((service, version, container)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Page {
    let (service, version) = known(&(service, version))?;
    let view = app.control.environment(&service, version).await?;
    let mut all = view.containers.iter().map(|one| &one.container);
    let named = |name: &str| *name == container || short(name) == container;
    let found = all.find(|one| named(&one.id) || named(&one.name));
    let Some(found) = found else {
        return Err(PageError::missing(format!(
            "{service} {version} has no container {container} any more."
        )));
    };
    let engine = app.scheduler.capabilities();
    let trouble = match (found.is_running(), engine.exec) {
        (false, _) => Some("This container does not run.".to_owned()),
        (true, false) => Some(format!(
            "Commands cannot be run in containers of {} until the server is told how the engines of its hosts \
             are reached.",
            engine.name
        )),
        (true, true) => None,
    };
    Ok(render(&TerminalPage {
        frame: Frame::still(&visitor, &headers),
        name: found.name.clone(),
        host: found.host.clone(),
        service,
        version,
        trouble,
    }))
}
