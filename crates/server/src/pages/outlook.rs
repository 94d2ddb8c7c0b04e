//! What making a version live will do, before one presses: what changes, what speaks for it and against it,
//! and the button.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use launcher_model::route::DeploymentKind;
use launcher_model::{ServiceName, VersionNumber};

use super::environment::{Named, known};
use super::error::PageError;
use super::layout::{Follow, Frame, Page, render, render_once};
use super::live;
use super::view::environment::Card;
use super::view::graph::GraphLine;
use super::view::installation::Installation;
use super::view::outlook::OutlookLines;
use super::view::service::ServiceView;
use super::visitor::Visitor;
use crate::App;
use crate::outlook;

#[derive(Template)]
#[template(path = "outlook.html")]
struct OutlookPage {
    frame: Frame,
    page: One,
}

#[derive(Template)]
#[template(path = "outlook_part.html")]
struct OutlookPart {
    page: One,
}

struct One {
    form_secret: String,
    service: ServiceView,
    installation: Installation,
    /// What would be live.
    card: Card,
    outlook: OutlookLines,
    /// What is live and what would be, side by side.
    graphs: Vec<GraphLine>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(named): Named,
    headers: HeaderMap,
) -> Page {
    let (service, version) = known(&named)?;
    let events = live::events_url(&app, Some(&service)).await?;
    let page = One::of(&app, &visitor, &service, version).await?;
    let part = format!("/live/services/{service}/versions/{}/deploy", version.0);
    let frame = Frame::of(&visitor, &headers, Follow { events, part });
    let flash = frame.flash.is_some();
    Ok(render_once(&app, flash, &OutlookPage { frame, page }))
}

/// The part of the page that changes.
pub(super) async fn part(State(app): State<App>, visitor: Visitor, Path(named): Named) -> Page {
    let (service, version) = known(&named)?;
    Ok(render(&OutlookPart { page: One::of(&app, &visitor, &service, version).await? }))
}

impl One {
    async fn of(
        app: &App,
        visitor: &Visitor,
        name: &ServiceName,
        number: VersionNumber,
    ) -> Result<Self, PageError> {
        let now = app.now();
        let installation = Installation::of(app, now);
        let roles = &visitor.principal.roles;
        let mut service = ServiceView::named(app, name, &installation, roles).await?;
        let none = || PageError::missing(format!("{name} has no {number} that could be live."));
        let card = service.take_card(number).ok_or_else(none)?;
        let kind = if card.back { DeploymentKind::Rollback } else { DeploymentKind::Deploy };
        let outlook = outlook::outlook(app, name, outlook::target(number, kind)).await?;
        let versions = outlook.from.keys().chain(outlook.to.keys()).copied();
        let versions: std::collections::BTreeSet<VersionNumber> = versions.collect();
        Ok(Self {
            form_secret: visitor.form_secret(),
            graphs: GraphLine::side_by_side(name, versions.into_iter().collect()),
            outlook: OutlookLines::new(outlook, &service, now),
            service,
            installation,
            card,
        })
    }

    fn verb(&self) -> &'static str {
        if self.card.back { "Roll back" } else { "Deploy" }
    }

    fn title(&self) -> String {
        format!("{}: {} {}", self.service.name, self.verb(), self.card.version)
    }
}
