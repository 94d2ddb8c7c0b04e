//! One environment: its containers, what they print, what was measured of it, and what it was made from.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use futures_util::StreamExt;
use launcher_control::{Entry, LogQuery};
use launcher_model::role::Role;
use launcher_model::{ServiceName, VersionNumber};

use super::error::PageError;
use super::layout::{Follow, Frame, Page, render, render_once};
use super::live;
use super::view::container::{ContainerLine, Used};
use super::view::environment::Card;
use super::view::escaped;
use super::view::graph::GraphLine;
use super::view::installation::Installation;
use super::view::log::LogLine;
use super::view::mark::Mark;
use super::view::service::ServiceView;
use super::visitor::Visitor;
use crate::App;
use crate::http::problem::Problem;
use crate::http::sse;

/// As many of the last lines of the log are shown, and of those that are sought.
const LINES: u32 = 200;
const FOUND: u32 = 1000;

#[derive(Template)]
#[template(path = "environment.html")]
struct EnvironmentPage {
    frame: Frame,
    page: One,
    log: Log,
}

#[derive(Template)]
#[template(path = "environment_part.html")]
struct EnvironmentPart {
    page: One,
}

struct One {
    form_secret: String,
    service: ServiceView,
    card: Card,
    containers: Vec<ContainerLine>,
    /// Whoever looks may run commands in them.
    may_enter: bool,
    graphs: Vec<GraphLine>,
    /// Its settings at that time, as `launcher.toml` has them.
    settings: String,
}

/// Which lines of the log.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(super) struct Sought {
    /// What they have in them.
    #[serde(default)]
    find: String,
    /// Of the container whose id or name begins so.
    #[serde(default)]
    container: String,
    /// From where on.
    after: Option<String>,
}

impl Sought {
    fn query(&self) -> LogQuery {
        let given = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let containers = given(&self.container).into_iter().collect();
        LogQuery { find: given(&self.find), containers, ..LogQuery::default() }
    }

    fn is_narrow(&self) -> bool {
        let query = self.query();
        query.find.is_some() || !query.containers.is_empty()
    }

    /// The same as the end of an address that has a question mark already.
    fn more(&self) -> String {
        let parts = [("find", &self.find), ("container", &self.container)];
        let given = parts.into_iter().filter(|(_, value)| !value.trim().is_empty());
        given.map(|(name, value)| format!("&{name}={}", escaped(value.trim()))).collect()
    }
}

/// The last lines, and where more come from.
struct Log {
    sought: Sought,
    /// The containers whose lines may be among them: their names.
    containers: Vec<String>,
    lines: Vec<LogLine>,
    /// Why there are none.
    trouble: Option<String>,
    /// Up to where it was read.
    position: Option<String>,
}

/// Which environment, as an address names it.
pub(super) type Named = Path<(String, String)>;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(named): Named,
    Query(sought): Query<Sought>,
    headers: HeaderMap,
) -> Page {
    let (service, version) = known(&named)?;
    let events = live::events_url(&app, Some(&service)).await?;
    let page = One::of(&app, &visitor, &service, version).await?;
    let containers = page.containers.iter().map(|one| one.name.clone()).collect();
    let log = Log::of(&app, &service, version, sought, containers).await;
    let follow =
        Follow { events, part: format!("/live/services/{service}/versions/{}", version.0) };
    let frame = Frame::of(&visitor, &headers, follow);
    let flash = frame.flash.is_some();
    Ok(render_once(&app, flash, &EnvironmentPage { frame, page, log }))
}

/// The part of the page that changes.
pub(super) async fn part(State(app): State<App>, visitor: Visitor, Path(named): Named) -> Page {
    let (service, version) = known(&named)?;
    Ok(render(&EnvironmentPart { page: One::of(&app, &visitor, &service, version).await? }))
}

/// What is printed from a place in the log on.
pub(super) async fn log(
    State(app): State<App>,
    _: Visitor,
    Path(named): Named,
    headers: HeaderMap,
    Query(sought): Query<Sought>,
) -> Page {
    let (service, version) = known(&named)?;
    // A browser that comes back says how far it is; one that begins, where its page ends.
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = resumed.or(sought.after.as_deref()).and_then(|id| id.parse().ok());
    let tail = after.is_none().then_some(0);
    let query = LogQuery { follow: true, after, tail, ..sought.query() };
    let told = app.control.logs(&service, version, query).await?;
    let events = told.filter_map(async |told| {
        let event = match &told.entry {
            Entry::End { .. } => sse::event("end", &()),
            entry => sse::event("line", &LogLine::of(entry)?),
        };
        Some(match told.position {
            Some(position) => event.id(position),
            None => event,
        })
    });
    Ok(sse::stream(Box::pin(events)).into_response())
}

/// The whole log, or what is sought of it, as a file.
pub(super) async fn download(
    State(app): State<App>,
    _: Visitor,
    Path(named): Named,
    Query(sought): Query<Sought>,
) -> Page {
    let (service, version) = known(&named)?;
    let told = app.control.logs(&service, version, sought.query()).await?;
    let lines = told.filter_map(async |told| {
        let line = LogLine::of(&told.entry)?;
        Some(Ok::<_, std::convert::Infallible>(line.plain()))
    });
    let name = format!("attachment; filename=\"{service}-{version}.log\"");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, axum::body::Body::from_stream(lines)).into_response())
}

pub(super) fn known(
    (service, version): &(String, String),
) -> Result<(ServiceName, VersionNumber), PageError> {
    let missing = || PageError::missing("There is no environment at this address.");
    let service = ServiceName::new(service).map_err(|_| missing())?;
    let digits = version.strip_prefix('v').unwrap_or(version);
    let version = digits.parse().map_err(|_| missing())?;
    Ok((service, VersionNumber(version)))
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
        let service = ServiceView::named(app, name, &installation, roles).await?;
        let none = || PageError::missing(format!("{name} has no version {number}."));
        let version = app.store.version(name, number).await?.ok_or_else(none)?;
        let view = app.control.environment(name, number).await?;
        let known = service.card(number);
        let press = known.and_then(|card| card.press.clone());
        let mut card = Card::new(&view, &version, press, &app.settings, now);
        card.may_act = service.may_deploy;
        card.build = app.store.builds_of(name, &[number]).await?.remove(&number);
        if let Some(known) = known {
            card.since = known.since.clone();
        }
        let used = Used::of(app);
        let containers = view.containers.iter().map(|one| ContainerLine::new(one, &used, now));
        Ok(Self {
            form_secret: visitor.form_secret(),
            containers: containers.collect(),
            may_enter: roles.include_on(Role::Admin, name) && app.scheduler.capabilities().exec,
            graphs: GraphLine::of_version(&service.name, number),
            settings: launcher_model::service::write(&version.spec),
            service,
            card,
        })
    }

    /// Where what is printed is heard of.
    fn log_url(&self) -> String {
        format!("/live/services/{}/versions/{}/log", self.service.name, self.card.version.0)
    }

    fn title(&self) -> String {
        format!("{} {}: {}", self.service.name, self.card.version, self.card.word)
    }
}

impl Log {
    /// The containers that can be chosen: those that there are, and the one that was.
    fn named(&self) -> Vec<&String> {
        let chosen = Some(&self.sought.container).filter(|name| !name.is_empty());
        let gone = chosen.filter(|name| !self.containers.contains(name));
        self.containers.iter().chain(gone).collect()
    }

    /// A log that cannot be had is no broken page.
    async fn of(
        app: &App,
        service: &ServiceName,
        version: VersionNumber,
        sought: Sought,
        containers: Vec<String>,
    ) -> Self {
        let tail = Some(if sought.is_narrow() { FOUND } else { LINES });
        let query = LogQuery { tail, ..sought.query() };
        match app.control.logs(service, version, query).await {
            Ok(mut told) => {
                let (mut lines, mut position) = (Vec::new(), None);
                while let Some(one) = told.next().await {
                    lines.extend(LogLine::of(&one.entry));
                    position = one.position.or(position);
                }
                Self { sought, containers, lines, trouble: None, position }
            }
            Err(error) => {
                let trouble = Some(Problem::from(error).detail().to_owned());
                Self { sought, containers, lines: Vec::new(), trouble, position: None }
            }
        }
    }
}
