//! The first page: every service, sorted by what needs a person.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use jiff::Timestamp;
use launcher_model::role::Role;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::{DeploymentFilter, EventFilter, Page as Part};
use serde::Deserialize;

use super::error::PageError;
use super::layout::{Follow, Frame, Page, render, render_once};
use super::live;
use super::view::deployment::DeploymentLine;
use super::view::event::EventLine;
use super::view::failing::Need;
use super::view::installation::Installation;
use super::view::mark::Mark;
use super::view::service::ServiceView;
use super::view::spark::{Figures, most_errors};
use super::visitor::Visitor;
use crate::App;
use crate::http::problem::Problem;

/// How many deployments and events are shown.
const SHOWN: u32 = 8;

/// As many rows are brought up to date one by one; of more, all are.
const MOST_ROWS: usize = 20;

/// What a page that is there already wants to know.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Look {
    /// The services that have changed, their names separated by commas; all when there is none.
    #[serde(default)]
    only: String,
    /// Names, separated by commas. Sent while the pointer or the keyboard is on the list, so that
    /// nothing moves under it.
    #[serde(default)]
    keep: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    home: Home,
}

#[derive(Template)]
#[template(path = "home_part.html")]
struct HomePart {
    home: Home,
}

#[derive(Template)]
#[template(path = "home_rows.html")]
struct HomeRows {
    home: Home,
}

struct Home {
    /// These are some rows for a page that has the others.
    is_part: bool,
    form_secret: String,
    services: Vec<ServiceView>,
    /// What those have carried lately that have carried anything.
    figures: HashMap<ServiceName, Figures>,
    installation: Installation,
    deployments: Vec<DeploymentLine>,
    events: Vec<EventLine>,
    mark: Mark,
    filter: String,
    /// Whoever looks may create services.
    may_create: bool,
}

/// What has happened lately, to all that somebody may see.
struct Lately {
    deployments: Vec<DeploymentLine>,
    events: Vec<EventLine>,
}

impl Lately {
    async fn of(app: &App, visitor: &Visitor, now: Timestamp) -> Result<Self, Problem> {
        let page = Part { before: None, limit: SHOWN };
        let among = visitor.principal.roles.only();
        let deployments = DeploymentFilter { service: None, among, page };
        let events = EventFilter { limit: SHOWN, ..visitor.principal.events() };
        let (deployments, events) =
            tokio::try_join!(app.store.deployments(&deployments), app.store.events(&events))?;
        Ok(Self {
            deployments: deployments.iter().map(|one| DeploymentLine::new(one, now)).collect(),
            events: events.iter().map(|one| EventLine::new(one, now)).collect(),
        })
    }
}

/// How many services there are of a mark.
struct Count {
    mark: Mark,
    number: usize,
    /// What they do, for one and for more: a page that gets a row anew counts by itself.
    one: &'static str,
    many: &'static str,
}

impl Count {
    fn words(&self) -> &'static str {
        if self.number == 1 { self.one } else { self.many }
    }
}

/// Which services are shown; the others are there, and hidden.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sought {
    /// A part of a service's name or hostname.
    #[serde(default)]
    filter: String,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(Sought { filter }): Query<Sought>,
    headers: HeaderMap,
) -> Page {
    let events = live::events_url(&app, None).await?;
    let home = Home::of(&app, &visitor, "").await?;
    let home = Home { filter: filter.trim().to_lowercase(), ..home };
    let follow = Follow { events, part: "/live/home".to_owned() };
    let frame = Frame::of(&visitor, &headers, follow);
    let flash = frame.flash.is_some();
    Ok(render_once(&app, flash, &HomePage { frame, home }))
}

/// The part of the page that changes, or as much of it as is asked for.
pub(super) async fn part(
    State(app): State<App>,
    visitor: Visitor,
    Query(Look { only, keep }): Query<Look>,
) -> Page {
    if let Some(home) = Home::some(&app, &visitor, &only).await? {
        // Each piece names its place.
        return Ok(([("hx-reswap", "none")], render(&HomeRows { home })).into_response());
    }
    Ok(render(&HomePart { home: Home::of(&app, &visitor, &keep).await? }))
}

impl Home {
    /// All of it, with rows that stand on the page now kept where they are.
    async fn of(app: &App, visitor: &Visitor, keep: &str) -> Result<Self, PageError> {
        let installation = Installation::of(app, app.now());
        let roles = &visitor.principal.roles;
        let (services, lately) = tokio::try_join!(
            ServiceView::all(app, &installation, roles),
            Lately::of(app, visitor, installation.now),
        )?;
        let mut home = Self::with(app, visitor, installation, services, lately);
        sort(&mut home.services, keep);
        Ok(home)
    }

    /// The rows of some services; nothing when not each of these names is that of one which is seen.
    async fn some(app: &App, visitor: &Visitor, names: &str) -> Result<Option<Self>, PageError> {
        let installation = Installation::of(app, app.now());
        let roles = &visitor.principal.roles;
        let names: Vec<&str> = names.split(',').take(MOST_ROWS + 1).collect();
        let mut services = Vec::new();
        for name in names.iter().filter(|_| names.len() <= MOST_ROWS) {
            let Ok(name) = ServiceName::new(*name) else { return Ok(None) };
            let Some(service) = app.store.service(&name).await? else { return Ok(None) };
            if !roles.see(&name) {
                return Ok(None);
            }
            services.push(ServiceView::short(app, service, &installation, roles).await?);
        }
        if services.is_empty() {
            return Ok(None);
        }
        let lately = Lately::of(app, visitor, installation.now).await?;
        let home = Self::with(app, visitor, installation, services, lately);
        Ok(Some(Self { is_part: true, ..home }))
    }

    fn with(
        app: &App,
        visitor: &Visitor,
        installation: Installation,
        mut services: Vec<ServiceView>,
        lately: Lately,
    ) -> Self {
        let figures = figures(app, &services);
        for service in &mut services {
            service.need = Need::of(service, figures.get(&service.name));
            // Whose requests fail needs eyes, however its containers are.
            if service.need.as_ref().is_some_and(|need| need.mark == Mark::Trouble) {
                service.mark = Mark::Trouble;
            }
        }
        let mark = services.iter().map(|service| service.mark).min().unwrap_or(Mark::Idle);
        Self {
            is_part: false,
            form_secret: visitor.form_secret(),
            services,
            figures,
            installation,
            deployments: lately.deployments,
            events: lately.events,
            mark,
            filter: String::new(),
            may_create: visitor.principal.roles.include(Role::Deployer),
        }
    }

    fn is_shown(&self, service: &ServiceView) -> bool {
        let hosts = service.hosts.iter().map(|(_, host)| host.as_str());
        hosts.chain([service.name.as_str()]).any(|name| name.contains(&self.filter))
    }

    fn is_any_shown(&self) -> bool {
        self.services.iter().any(|service| self.is_shown(service))
    }

    fn title(&self) -> String {
        match (self.count(Mark::Trouble), self.count(Mark::Waiting)) {
            (0, 0) => "All quiet · Rocket Launcher".to_owned(),
            (0, waiting) => format!("{waiting} ready · Rocket Launcher"),
            (1, _) => "1 needs eyes · Rocket Launcher".to_owned(),
            (trouble, _) => format!("{trouble} need eyes · Rocket Launcher"),
        }
    }

    /// How many services there are of each mark, in words.
    fn counts(&self) -> [Count; 4] {
        let words = [
            (Mark::Trouble, "needs eyes", "need eyes"),
            (Mark::Closed, "in maintenance", "in maintenance"),
            (Mark::Waiting, "waits for you", "wait for you"),
            (Mark::Moving, "moving", "moving"),
        ];
        words.map(|(mark, one, many)| Count { mark, number: self.count(mark), one, many })
    }

    fn count(&self, mark: Mark) -> usize {
        self.services.iter().filter(|service| service.mark == mark).count()
    }
}

/// What the live versions of each service have carried lately.
fn figures(app: &App, services: &[ServiceView]) -> HashMap<ServiceName, Figures> {
    let live: HashMap<&ServiceName, Vec<VersionNumber>> = services
        .iter()
        .map(|service| (&service.name, service.live.iter().map(|card| card.version).collect()))
        .collect();
    let is_live = |service: &ServiceName, version| {
        live.get(service).is_some_and(|versions| versions.contains(&version))
    };
    let glances = app.telemetry.gathered().glances(is_live);
    let most_errors = most_errors(glances.values());
    let figures = glances.into_iter().map(|(service, glance)| {
        let figures = Figures::of(&glance, most_errors);
        (service, figures)
    });
    figures.collect()
}

/// By need, then by name; those that stand on the page already stay where they are, when that is asked
/// for.
fn sort(services: &mut [ServiceView], keep: &str) {
    let standing: Vec<&str> = keep.split(',').filter(|name| !name.is_empty()).collect();
    services.sort_by(|a, b| (a.mark, &a.name).cmp(&(b.mark, &b.name)));
    if !standing.is_empty() {
        let place = |service: &ServiceView| {
            let place = standing.iter().position(|name| *name == service.name.as_str());
            place.unwrap_or(usize::MAX)
        };
        services.sort_by_key(place);
    }
}
