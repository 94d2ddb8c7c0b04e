//! One service's page.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use launcher_model::ServiceName;
use launcher_store::EventFilter;

use super::error::PageError;
use super::layout::{Follow, Frame, Page, render, render_once};
use super::live;
use super::view::event::EventLine;
use super::view::graph::GraphLine;
use super::view::history::{self, Moment};
use super::view::installation::Installation;
use super::view::service::ServiceView;
use super::visitor::Visitor;
use crate::App;

/// How many events are shown.
const EVENTS: u32 = 12;
/// How many moments of its history are shown.
const MOMENTS: usize = 16;

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage {
    frame: Frame,
    page: One,
}

#[derive(Template)]
#[template(path = "service_part.html")]
struct ServicePart {
    page: One,
}

struct One {
    form_secret: String,
    service: ServiceView,
    installation: Installation,
    /// What was done to its traffic.
    history: Vec<Moment>,
    events: Vec<EventLine>,
    /// What is live and what waits, side by side.
    graphs: Vec<GraphLine>,
    /// The same, as Graphite draws it.
    by_graphite: Vec<GraphLine>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Page {
    let name = known(&name)?;
    let events = live::events_url(&app, Some(&name)).await?;
    let page = One::of(&app, &visitor, &name).await?;
    let follow = Follow { events, part: format!("/live/services/{name}") };
    let frame = Frame::of(&visitor, &headers, follow);
    let flash = frame.flash.is_some();
    Ok(render_once(&app, flash, &ServicePage { frame, page }))
}

/// The part of the page that changes.
pub(super) async fn part(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Page {
    Ok(render(&ServicePart { page: One::of(&app, &visitor, &known(&name)?).await? }))
}

/// The service that an address names.
pub(super) fn known(name: &str) -> Result<ServiceName, PageError> {
    ServiceName::new(name).map_err(|_| PageError::missing("There is no service of this name."))
}

impl One {
    async fn of(app: &App, visitor: &Visitor, name: &ServiceName) -> Result<Self, PageError> {
        let now = app.now();
        let installation = Installation::of(app, now);
        let roles = &visitor.principal.roles;
        let service = ServiceView::named(app, name, &installation, roles).await?;
        let events =
            EventFilter { service: Some(name.clone()), limit: EVENTS, ..EventFilter::default() };
        let events = app.store.events(&events).await?;
        let closed = EventFilter {
            service: Some(name.clone()),
            kinds: history::KINDS.to_vec(),
            limit: u32::try_from(MOMENTS).unwrap_or(u32::MAX),
            ..EventFilter::default()
        };
        let closed = app.store.events(&closed).await?;
        Ok(Self {
            form_secret: visitor.form_secret(),
            history: history::history(&service.history, &closed, MOMENTS, now),
            events: events.iter().map(|one| EventLine::new(one, now)).collect(),
            graphs: GraphLine::of(&service, false),
            by_graphite: if app.telemetry.graphite_to_ask().is_some() {
                GraphLine::of(&service, true)
            } else {
                Vec::new()
            },
            service,
            installation,
        })
    }
}
