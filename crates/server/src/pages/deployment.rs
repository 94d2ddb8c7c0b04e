//! One deployment: how far it has come, edge by edge, and at the end its receipt.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use launcher_model::{DeploymentId, ServiceName};

use super::error::PageError;
use super::layout::{Follow, Frame, Page, render, render_once};
use super::live;
use super::view::deployment::DeploymentLine;
use super::view::environment::Card;
use super::view::installation::Installation;
use super::view::progress::Progress;
use super::view::service::ServiceView;
use super::visitor::Visitor;
use crate::App;

#[derive(Template)]
#[template(path = "deployment.html")]
struct DeploymentPage {
    frame: Frame,
    page: One,
}

#[derive(Template)]
#[template(path = "deployment_part.html")]
struct DeploymentPart {
    page: One,
}

struct One {
    form_secret: String,
    service: ServiceView,
    installation: Installation,
    line: DeploymentLine,
    progress: Progress,
    /// What it makes live, as far as that is still there.
    cards: Vec<Card>,
}

/// Which deployment, as an address names it.
type Named = Path<(String, String)>;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(named): Named,
    headers: HeaderMap,
) -> Page {
    let (service, id) = known(&named)?;
    let events = live::events_url(&app, Some(&service)).await?;
    let page = One::of(&app, &visitor, &service, id).await?;
    let follow = Follow { events, part: format!("/live{}", page.line.path) };
    let frame = Frame::of(&visitor, &headers, follow);
    let flash = frame.flash.is_some();
    Ok(render_once(&app, flash, &DeploymentPage { frame, page }))
}

/// The part of the page that changes.
pub(super) async fn part(State(app): State<App>, visitor: Visitor, Path(named): Named) -> Page {
    let (service, id) = known(&named)?;
    Ok(render(&DeploymentPart { page: One::of(&app, &visitor, &service, id).await? }))
}

fn known((service, id): &(String, String)) -> Result<(ServiceName, DeploymentId), PageError> {
    let missing = || PageError::missing("There is no deployment at this address.");
    let service = ServiceName::new(service).map_err(|_| missing())?;
    Ok((service, DeploymentId(id.parse().map_err(|_| missing())?)))
}

impl One {
    async fn of(
        app: &App,
        visitor: &Visitor,
        name: &ServiceName,
        id: DeploymentId,
    ) -> Result<Self, PageError> {
        let now = app.now();
        let found = app.store.deployment(id).await?.filter(|one| one.service == *name);
        let none = || PageError::missing(format!("{name} has no deployment {id}."));
        let deployment = found.ok_or_else(none)?;
        let installation = Installation::of(app, now);
        let roles = &visitor.principal.roles;
        let service = ServiceView::named(app, name, &installation, roles).await?;
        let steps = app.control.hub().steps(id);
        let to = deployment.to.keys().copied();
        Ok(Self {
            form_secret: visitor.form_secret(),
            line: DeploymentLine::new(&deployment, now),
            progress: Progress::new(&deployment, &steps),
            cards: to.filter_map(|version| service.card(version).cloned()).collect(),
            service,
            installation,
        })
    }

    /// None came after it: the way back leads back from it.
    fn is_newest(&self) -> bool {
        self.service.history.first().is_some_and(|newest| newest.id == self.line.id)
    }

    fn title(&self) -> String {
        let to = if self.line.to.is_empty() { "nothing" } else { &self.line.to };
        format!("{}: {to}, {}", self.service.name, self.progress.word)
    }
}
