//! One host: what it has, what runs on it, how it fares, and the buttons that empty it and open it again.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use launcher_control::OnHost;
use launcher_logs::short;
use launcher_model::container::{Container, ContainerPhase};
use launcher_model::host::HostState;
use launcher_model::measure::ContainerSample;
use launcher_model::role::Role;
use launcher_model::{ServiceName, VersionNumber};
use serde::Deserialize;

use super::acts::sentence;
use super::error::PageError;
use super::flash::Flash;
use super::forms::{ButtonForm, Signed};
use super::layout::Page;
use super::lists::hosts::HostLine;
use super::one::One;
use super::settings::to;
use super::sure::{Question, Sure};
use super::view::ago::Ago;
use super::view::graph::GraphLine;
use super::view::mark::Mark;
use super::view::{bytes, escaped};
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::api::views::HostView;
use crate::http::problem::Problem;
use crate::words::count;

#[derive(Template)]
#[template(path = "host_live.html")]
pub(super) struct Host {
    form_secret: String,
    line: HostLine,
    /// The engine's labels, and those of other systems.
    labels: Vec<(String, String)>,
    free: String,
    /// Why nothing is placed on it.
    trouble: Option<String>,
    containers: Vec<Line>,
    graphs: Vec<GraphLine>,
    /// Why those that are to take the places of some here have no host yet.
    waits: Vec<String>,
    /// Whoever looks may close it and open it.
    is_admin: bool,
    /// Somebody has closed it here.
    is_closed: bool,
    is_draining: bool,
}

/// A container that runs on it.
struct Line {
    id: String,
    name: String,
    service: ServiceName,
    version: VersionNumber,
    since: Option<Ago>,
    address: String,
    memory: String,
}

/// What is done with a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Act {
    /// It takes nothing new.
    Close,
    /// And what is on it goes elsewhere.
    Drain,
    /// It takes containers again.
    Open,
}

type Named = Result<Path<(String, Act)>, PathRejection>;

fn known(path: Named) -> Result<(String, Act), PageError> {
    let Path(named) = path.map_err(|fault| {
        PageError::malformed(fault.status(), "There is no such button on the page of a host.")
    })?;
    Ok(named)
}

/// The page before a host is closed or drained.
pub(super) async fn sure(
    State(app): State<App>,
    path: Named,
    visitor: Visitor,
    headers: HeaderMap,
) -> Page {
    let (name, act) = known(path)?;
    let view = app.control.host(&name).await?;
    let running: usize = view.containers.iter().map(|on| on.running.len()).sum();
    let on_it = count(running, "container of ours runs", "containers of ours run");
    let services: std::collections::BTreeSet<&str> =
        view.containers.iter().map(|on| on.service.as_str()).collect();
    let whose = if services.is_empty() {
        String::new()
    } else {
        format!(", of {}", services.into_iter().collect::<Vec<_>>().join(", "))
    };
    let (verb, told) = match act {
        Act::Drain => (
            "Drain",
            vec![
                format!(
                    "{on_it} on {name}{whose}. Others take their places elsewhere, and each ends when nothing is in flight on it any more; no request is lost."
                ),
                format!("Nothing new is placed on {name} until somebody opens it again."),
            ],
        ),
        Act::Close => (
            "Close",
            vec![format!(
                "Nothing new is placed on {name} until somebody opens it again. What runs on it stays: {on_it} there{whose}."
            )],
        ),
        Act::Open => (
            "Open",
            vec![format!(
                "{name} takes containers again; those that went elsewhere stay where they are."
            )],
        ),
    };
    let (at, path) = (verb.to_lowercase(), escaped(&name));
    let question = Question {
        title: format!("{verb} {name}?"),
        told,
        verb: format!("{verb} {name}"),
        action: format!("/hosts/{path}/{at}"),
        command: format!("launcher hosts {at} {name}"),
        of: (format!("/hosts/{path}"), name),
    };
    Ok(Sure::new(&visitor, &headers, question).at("hosts").shown(&app))
}

/// Closes, drains or opens a host.
pub(super) async fn act(
    State(app): State<App>,
    path: Named,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let (name, act) = known(path)?;
    let by = visitor.name.as_str();
    let done = match act {
        Act::Close => app.control.close_host(&name, by).await,
        Act::Drain => app.control.drain_host(&name, by).await,
        Act::Open => app.control.open_host(&name, by).await,
    };
    let flash = match done {
        Ok(false) => Flash::done(format!("{name} is so already; nothing was changed.")),
        Ok(true) => Flash::done(match act {
            Act::Close => format!("{name} takes nothing new; what is on it stays."),
            Act::Drain => format!("{name} is being drained: what is on it goes elsewhere."),
            Act::Open => format!("{name} takes containers again."),
        }),
        Err(error) => {
            note.refused();
            Flash::refused(sentence(Problem::from(error).detail()))
        }
    };
    Ok(to(&app, &format!("/hosts/{}", escaped(&name)), &flash))
}

impl One for Host {
    const LIST: (&'static str, &'static str) = ("hosts", "Hosts");
    const HAS_GRAPHS: bool = true;

    fn name(&self) -> &str {
        &self.line.name
    }

    fn word(&self) -> &str {
        self.line.word
    }

    fn mark(&self) -> Mark {
        self.line.mark
    }

    async fn of(app: &App, visitor: &Visitor, name: &str) -> Result<Self, PageError> {
        let (now, host) = (app.now(), app.control.host(name).await?);
        let used = app.telemetry.gathered().containers();
        let all = host.containers.iter().flat_map(|on| on.running.iter());
        let containers = all.map(|one| Line::new(one, &used, now)).collect();
        let waits = host.containers.iter().filter_map(waits).collect();
        let view = HostView::new(host);
        let labels = view.all_labels().into_iter();
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        let cpus = f64::from(u32::try_from(view.free.milli_cpus).unwrap_or(u32::MAX)) / 1e3;
        Ok(Self {
            form_secret: visitor.form_secret(),
            labels,
            free: format!("{cpus} processors, {}", bytes(view.free.memory)),
            trouble: view.host.trouble.clone(),
            containers,
            graphs: GraphLine::of_host(name),
            waits,
            is_admin: visitor.principal.roles.include(Role::Admin),
            is_closed: view.closure.is_some(),
            is_draining: view.state == HostState::Draining,
            line: HostLine::new(view, now),
        })
    }
}

fn waits(on: &OnHost) -> Option<String> {
    let why = on.waits.as_ref()?;
    Some(format!("what is to take the places of {} {} waits: {why}", on.service, on.version))
}

impl Line {
    fn new(container: &Container, used: &[ContainerSample], now: jiff::Timestamp) -> Self {
        let since = match &container.phase {
            ContainerPhase::Running { since, .. } => Some(Ago::new(*since, now)),
            _ => None,
        };
        let sample = used.iter().find(|sample| sample.container == container.id);
        Self {
            id: short(&container.id),
            name: container.name.clone(),
            service: container.service.clone(),
            version: container.version,
            since,
            address: container.address.map(|address| address.to_string()).unwrap_or_default(),
            memory: sample.map(|sample| bytes(sample.usage.memory)).unwrap_or_default(),
        }
    }
}
