//! Pages that list what there is in the whole installation: builds, hosts, edges, deployments, events, people
//! and what they did.

mod audit;
mod builds;
mod certificates;
mod deployments;
pub(super) mod edges;
mod events;
pub(super) mod hosts;
mod notifications;
mod people;
mod sessions;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use launcher_model::ServiceName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::layout::{Follow, Frame, Page, render, render_once};
use super::live;
use super::view::mark::Mark;
use super::visitor::Visitor;
use crate::App;
use crate::auth::Principal;
use crate::http::moment::given;
use crate::http::page::{Page as Part, PageQuery};
use crate::http::problem::Problem;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/builds", get(page::<builds::Builds>))
        .route("/hosts", get(page::<hosts::Hosts>))
        .route("/certificates", get(page::<certificates::Certificates>))
        .route("/certificates/{service}/renew", post(certificates::renew))
        .route("/edges", get(page::<edges::Edges>))
        .route("/deployments", get(page::<deployments::Deployments>))
        .route("/events", get(page::<events::Events>))
        .route("/live/builds", get(part::<builds::Builds>))
        .route("/live/hosts", get(part::<hosts::Hosts>))
        .route("/live/certificates", get(part::<certificates::Certificates>))
        .route("/live/edges", get(part::<edges::Edges>))
        .route("/live/deployments", get(part::<deployments::Deployments>))
        .route("/live/events", get(part::<events::Events>))
        .route("/people", get(page::<people::People>))
        .route("/notifications", get(page::<notifications::Notifications>))
        .route("/notifications/{name}/test", post(notifications::test))
        .route("/live/notifications", get(part::<notifications::Notifications>))
        .route("/audit", get(page::<audit::Audit>))
        .route("/sessions", get(page::<sessions::Sessions>))
        .route("/sessions/{id}/end", post(sessions::end))
        .route("/live/people", get(part::<people::People>))
        .route("/live/audit", get(part::<audit::Audit>))
        .route("/live/sessions", get(part::<sessions::Sessions>))
}

/// As many lines stand on a page.
const LINES: u32 = 50;

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    /// Only of this service.
    #[serde(default, deserialize_with = "given")]
    service: Option<ServiceName>,
    /// What is older than this.
    #[serde(default, deserialize_with = "given")]
    before: Option<String>,
    /// Only of these kinds, where a list has some.
    #[serde(default, deserialize_with = "given")]
    kind: Option<String>,
    /// Only what this person or token did.
    #[serde(default, deserialize_with = "given")]
    who: Option<String>,
    /// From when on, as somebody has written it.
    #[serde(default, deserialize_with = "given")]
    from: Option<String>,
    /// Until when.
    #[serde(default, deserialize_with = "given")]
    to: Option<String>,
}

impl Which {
    /// The same, where it is of all services or of one that may be seen.
    fn seen(self, principal: &Principal) -> Result<Self, Problem> {
        match &self.service {
            Some(service) if !principal.roles.see(service) => {
                Err(launcher_control::Error::NoService(service.clone()).into())
            }
            _ => Ok(self),
        }
    }

    fn page(&self) -> Result<launcher_store::Page, Problem> {
        let page = PageQuery { cursor: self.before.clone(), limit: None };
        Ok(launcher_store::Page { before: page.before()?, limit: LINES + 1 })
    }

    /// What stands behind the address of a list, to have the same part of it again.
    fn query(&self, before: Option<&str>) -> String {
        let all: Vec<String> =
            self.filters().chain(before.map(|it| ("before", it))).map(pair).collect();
        if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
    }

    /// Where the API has all of a list as comma-separated values, narrowed as this one is.
    fn file(&self, path: &str) -> String {
        let query = self.query(None);
        let also = if query.is_empty() { "?" } else { "&" };
        format!("/api/v1{path}{query}{also}format=csv")
    }

    /// What it is narrowed to.
    fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("service", self.service.as_ref().map(ServiceName::as_str)),
            ("kind", self.kind.as_deref()),
            ("who", self.who.as_deref()),
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

fn pair((name, value): (&str, &str)) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}

/// What a list is narrowed to, as its form shows it.
#[derive(Debug, Default)]
struct Sought {
    /// The list's address.
    path: &'static str,
    service: String,
    /// The services that there are to choose from.
    services: Vec<String>,
    kind: String,
    /// What kinds there are, and what they are called.
    kinds: Vec<(String, String)>,
    who: String,
    from: String,
    to: String,
    /// It is narrowed at all.
    is_narrow: bool,
    /// What cannot be looked for.
    fault: Option<String>,
}

impl Sought {
    async fn of(
        app: &App,
        path: &'static str,
        which: &Which,
        kinds: Vec<(String, String)>,
        visitor: &Visitor,
    ) -> Result<Self, Problem> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let roles = &visitor.principal.roles;
        let services = app.store.services().await?.into_iter();
        let services = services.map(|service| service.spec.service.name);
        Ok(Self {
            path,
            service: which.service.as_ref().map(ToString::to_string).unwrap_or_default(),
            services: services
                .filter(|name| roles.see(name))
                .map(|name| name.to_string())
                .collect(),
            kind: text(&which.kind),
            kinds,
            who: text(&which.who),
            from: text(&which.from),
            to: text(&which.to),
            is_narrow: which.filters().next().is_some(),
            fault: None,
        })
    }
}

impl Sought {
    /// It is narrowed to kinds that its form does not offer.
    fn is_other_kind(&self) -> bool {
        !self.kind.is_empty() && self.kinds.iter().all(|(kind, _)| *kind != self.kind)
    }
}

/// One of the lists.
trait List: Template + Sized + Send {
    /// Its name, as it stands in addresses.
    const NAME: &'static str;
    /// Where it stands in the bar; it may be a part of another one.
    const BAR: &'static str = Self::NAME;

    /// Reads it.
    fn of(
        app: &App,
        which: Which,
        visitor: &Visitor,
    ) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// What the page's icon tells.
    fn mark(&self) -> Mark;

    /// What the page is called.
    fn title(&self) -> String;
}

#[derive(Template)]
#[template(path = "list.html")]
struct Outer {
    frame: Frame,
    title: String,
    mark: Mark,
    list: String,
}

#[derive(Template)]
#[template(path = "list_part.html")]
pub(super) struct OuterPart {
    pub(super) title: String,
    pub(super) list: String,
}

async fn page<L: List>(
    State(app): State<App>,
    visitor: Visitor,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Page {
    let events = live::events_url(&app, which.service.as_ref()).await?;
    let part = format!("/live/{}{}", L::NAME, which.query(which.before.as_deref()));
    let list = L::of(&app, which.seen(&visitor.principal)?, &visitor).await?;
    let frame = Frame::of(&visitor, &headers, Follow { events, part }).at(L::BAR);
    let flash = frame.flash.is_some();
    let (title, mark, list) = (list.title(), list.mark(), drawn(&list)?);
    Ok(render_once(&app, flash, &Outer { frame, title, mark, list }))
}

/// The part of the page that changes.
async fn part<L: List>(
    State(app): State<App>,
    visitor: Visitor,
    Query(which): Query<Which>,
) -> Page {
    let list = L::of(&app, which.seen(&visitor.principal)?, &visitor).await?;
    let (title, list) = (list.title(), drawn(&list)?);
    Ok(render(&OuterPart { title, list }))
}

pub(super) fn drawn(list: &impl Template) -> Result<String, Problem> {
    list.render()
        .map_err(|error| Problem::later(format!("a part of the page was not drawn: {error}")))
}

/// The lines that fit on a page, and where the older ones are.
fn cut<T>(
    found: Vec<T>,
    which: &Which,
    path: &str,
    id: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let part = Part::part(found, LINES, |last| id(last));
    let older = part.next.map(|next| format!("{path}{}", which.query(Some(&next))));
    (part.items, older)
}

fn of_service(title: &str, service: Option<&ServiceName>) -> String {
    match service {
        Some(service) => format!("{title} of {service}"),
        None => title.to_owned(),
    }
}
