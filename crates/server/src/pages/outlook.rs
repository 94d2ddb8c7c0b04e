//! What making a version live will do, before one presses: what changes, what speaks for it and against it,
//! and the button.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use launcher_control::Target;
use launcher_model::route::DeploymentKind;
use launcher_model::{ServiceName, VersionNumber, Weight};

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
    /// The share in percent that is planned; none where it is to have all.
    share: Option<u8>,
    /// What is live and what would be, side by side.
    graphs: Vec<GraphLine>,
}

/// What is planned.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Plan {
    /// Which share it is to have, in percent; all where nothing is said.
    #[serde(default)]
    weight: String,
}

impl Plan {
    fn share(&self) -> Result<Option<Weight>, PageError> {
        let text = self.weight.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let percent = text.parse().ok().and_then(|percent| Weight::new(percent).ok());
        let weight = percent.ok_or_else(|| {
            let shown: String = text.chars().take(20).collect();
            let why = format!("{shown:?} is no share; write a whole number from 0 to 100.");
            PageError::malformed(StatusCode::UNPROCESSABLE_ENTITY, why)
        })?;
        Ok(Some(weight).filter(|weight| *weight != Weight::ALL))
    }
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(named): Named,
    Query(plan): Query<Plan>,
    headers: HeaderMap,
) -> Page {
    let (service, version) = known(&named)?;
    let share = plan.share()?;
    let events = live::events_url(&app, Some(&service)).await?;
    let page = One::of(&app, &visitor, (&service, version), share).await?;
    let more = share.map(|share| format!("?weight={}", share.percent())).unwrap_or_default();
    let part = format!("/live/services/{service}/versions/{}/deploy{more}", version.0);
    let frame = Frame::of(&visitor, &headers, Follow { events, part });
    let flash = frame.flash.is_some();
    Ok(render_once(&app, flash, &OutlookPage { frame, page }))
}

/// The part of the page that changes.
pub(super) async fn part(
    State(app): State<App>,
    visitor: Visitor,
    Path(named): Named,
    Query(plan): Query<Plan>,
) -> Page {
    let (service, version) = known(&named)?;
    let page = One::of(&app, &visitor, (&service, version), plan.share()?).await?;
    Ok(render(&OutlookPart { page }))
}

impl One {
    async fn of(
        app: &App,
        visitor: &Visitor,
        (name, number): (&ServiceName, VersionNumber),
        share: Option<Weight>,
    ) -> Result<Self, PageError> {
        let now = app.now();
        let installation = Installation::of(app, now);
        let roles = &visitor.principal.roles;
        let mut service = ServiceView::named(app, name, &installation, roles).await?;
        let none = || PageError::missing(format!("{name} has no {number} that could be live."));
        let card = service.take_card(number).ok_or_else(none)?;
        let kind = if card.back { DeploymentKind::Rollback } else { DeploymentKind::Deploy };
        let target = match share {
            Some(weight) => Target::Share(number, weight),
            None => outlook::target(number, kind),
        };
        let outlook = outlook::outlook(app, name, target).await?;
        let versions = outlook.from.keys().chain(outlook.to.keys()).copied();
        let versions: std::collections::BTreeSet<VersionNumber> = versions.collect();
        Ok(Self {
            form_secret: visitor.form_secret(),
            graphs: GraphLine::side_by_side(name, versions.into_iter().collect()),
            outlook: OutlookLines::new(outlook, &service, now),
            service,
            installation,
            card,
            share: share.map(Weight::percent),
        })
    }

    fn verb(&self) -> &'static str {
        if self.card.back && self.share.is_none() { "Roll back" } else { "Deploy" }
    }

    /// Whether it has fewer containers than what is launched for production.
    fn is_smaller(&self) -> bool {
        self.card.replicas < self.service.replicas
    }

    fn title(&self) -> String {
        let share = self.share.map(|share| format!(", {share} %")).unwrap_or_default();
        format!("{}: {} {}{share}", self.service.name, self.verb(), self.card.version)
    }
}
