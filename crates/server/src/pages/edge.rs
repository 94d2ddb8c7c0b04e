//! One edge: what it serves, how far it is, and its end; and the page that invites another one.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use launcher_model::role::Role;
use launcher_model::{DeploymentId, EdgeName, ServiceName};
use serde::Deserialize;

use super::acts::sentence;
use super::error::PageError;
use super::flash::Flash;
use super::forms::{ButtonForm, Carries, Signed};
use super::layout::{Frame, Page, render, render_once};
use super::lists::edges::EdgeLine;
use super::one::One;
use super::settings::to;
use super::sure::{Question, Sure};
use super::view::ago::Ago;
use super::view::mark::Mark;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::api::edges;
use crate::api::views::{EdgeState, InvitationView};
use crate::http::problem::Problem;
use crate::words::shares;

#[derive(Template)]
#[template(path = "edge_live.html")]
pub(super) struct Edge {
    line: EdgeLine,
    /// It is there.
    is_here: bool,
    /// It is on another machine than the server, which can turn it out.
    may_revoke: bool,
    /// When it was connected last, where it is not.
    last_seen: Option<Ago>,
    /// Until when somebody may join under its name.
    invited_until: Option<String>,
    behind: usize,
    serves: Vec<Served>,
    drains: Vec<(DeploymentId, ServiceName)>,
}

/// What it serves of a service.
struct Served {
    service: ServiceName,
    hosts: Vec<(String, String)>,
    live: String,
    generation: String,
    is_closed: bool,
}

impl One for Edge {
    const LIST: (&'static str, &'static str) = ("edges", "Edges");
    const HAS_GRAPHS: bool = false;

    fn name(&self) -> &str {
        &self.line.name
    }

    fn word(&self) -> &str {
        &self.line.word
    }

    fn mark(&self) -> Mark {
        self.line.mark
    }

    async fn of(app: &App, visitor: &Visitor, name: &str) -> Result<Self, PageError> {
        let now = app.now();
        let all = edges::all(app).await?.into_iter();
        let edge = all.into_iter().find(|edge| edge.name.as_str() == name);
        let none = || PageError::missing(format!("There is no edge {name}; /edges lists them."));
        let edge = edge.ok_or_else(none)?;
        let may_revoke = edge.remote && visitor.principal.roles.include(Role::Admin);
        Ok(Self {
            is_here: edge.state == EdgeState::Connected,
            may_revoke,
            last_seen: edge.last_seen.map(|seen| Ago::new(seen, now)),
            invited_until: edge.invited_until.map(|until| Ago::new(until, now).full()),
            behind: edge.behind,
            serves: served(app).await?,
            drains: app.control.draining_on(&edge.name),
            line: EdgeLine::new(edge, now),
        })
    }
}

/// What every edge serves: the services with something live, by name.
async fn served(app: &App) -> Result<Vec<Served>, Problem> {
    let (services, routes) = tokio::try_join!(app.store.services(), app.store.routes())?;
    let served = services.into_iter().filter_map(|service| {
        let basics = service.spec.service;
        let route = routes.iter().find(|route| route.service == basics.name)?;
        let live = shares(&route.weights);
        let hosts = basics.hosts.into_iter().map(|host| (app.settings.url(&host), host));
        (!live.is_empty()).then(|| Served {
            hosts: hosts.collect(),
            live,
            generation: route.generation.to_string(),
            is_closed: service.maintenance.is_some(),
            service: basics.name,
        })
    });
    Ok(served.collect())
}

/// The page before an edge is revoked.
pub(super) async fn sure(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Page {
    let page = Edge::of(&app, &visitor, &name).await?;
    if !page.may_revoke {
        let text = format!(
            "{name} is the edge of the server's own machine: it is not revoked, but stopped there."
        );
        return Ok(to(&app, &format!("/edges/{name}"), &Flash::refused(text)));
    }
    let question = Question {
        title: format!("Revoke {name}?"),
        told: vec![
            format!("{name} is a stranger from then on: it hears of no deployment any more, and switches nothing."),
            "It serves on with the routes that it has until somebody stops it on its machine: take it out of DNS or the balancer before it first.".to_owned(),
        ],
        verb: format!("Revoke {name}"),
        action: format!("/edges/{name}/revoke"),
        command: format!("launcher edges revoke {name}"),
        of: (format!("/edges/{name}"), name),
    };
    Ok(Sure::new(&visitor, &headers, question).at("edges").shown(&app))
}

/// Revokes an edge.
pub(super) async fn revoke(
    State(app): State<App>,
    Path(name): Path<String>,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let done = match known(&name) {
        Ok(edge) => edges::revoked(&app, &edge, &visitor.name).await,
        Err(problem) => Err(problem),
    };
    let flash = match done {
        Ok(()) => Flash::done(format!(
            "{name} is revoked; stop it on its machine, it serves on with the routes that it has."
        )),
        Err(problem) => {
            note.refused();
            Flash::refused(sentence(problem.detail()))
        }
    };
    Ok(to(&app, "/edges", &flash))
}

fn known(name: &str) -> Result<EdgeName, Problem> {
    EdgeName::new(name.trim()).map_err(|error| Problem::invalid(error.to_string()))
}

#[derive(Template)]
#[template(path = "new_edge.html")]
struct NewEdge {
    frame: Frame,
    form_secret: String,
    name: String,
    /// Edges of other machines may come in.
    is_open: bool,
    /// What lets it join: shown once.
    invitation: Option<InvitationView>,
    fault: Option<String>,
}

/// What the form carries.
#[derive(Debug, Deserialize)]
pub(super) struct EdgeForm {
    form_secret: String,
    #[serde(default)]
    name: String,
}

impl Carries for EdgeForm {
    fn form_secret(&self) -> &str {
        &self.form_secret
    }
}

impl NewEdge {
    fn new(app: &App, visitor: &Visitor, headers: &HeaderMap, name: String) -> Self {
        Self {
            frame: Frame::still(visitor, headers).at("edges"),
            form_secret: visitor.form_secret(),
            name,
            is_open: app.settings.edges.is_some(),
            invitation: None,
            fault: None,
        }
    }
}

pub(super) async fn new_page(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Page {
    let page = NewEdge::new(&app, &visitor, &headers, String::new());
    Ok(render_once(&app, page.frame.flash.is_some(), &page))
}

/// Invites an edge, and shows what it joins by.
pub(super) async fn invite(
    State(app): State<App>,
    note: Note,
    headers: HeaderMap,
    Signed(visitor, form): Signed<EdgeForm>,
) -> Page {
    let done = match known(&form.name) {
        Ok(name) => edges::invited(&app, name, &visitor.name).await,
        Err(problem) => Err(problem),
    };
    let page = NewEdge::new(&app, &visitor, &headers, form.name);
    Ok(match done {
        Ok(invitation) => {
            let page = NewEdge { invitation: Some(invitation), ..page };
            (StatusCode::CREATED, render(&page)).into_response()
        }
        Err(problem) => {
            note.refused();
            let page = NewEdge { fault: Some(sentence(problem.detail())), ..page };
            (problem.status(), render(&page)).into_response()
        }
    })
}
