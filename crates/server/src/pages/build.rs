//! One build: its steps, what came of it, what it prints, and the buttons that cancel it or run it again.

use std::convert::Infallible;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use futures_util::{StreamExt, stream};
use launcher_model::role::Role;
use launcher_model::{BuildId, VersionNumber};
use serde::Deserialize;

use super::acts::sentence;
use super::error::PageError;
use super::flash::Flash;
use super::forms::{ButtonForm, Signed};
use super::layout::{Follow, Frame, Page, render, render_once};
use super::live;
use super::settings::to;
use super::view::build::{BuildLine, PrintedLine, path};
use super::view::mark::Mark;
use super::visitor::Visitor;
use crate::App;
use crate::access::Note;
use crate::http::problem::Problem;
use crate::http::sse;

/// As many of the last lines of the log are shown.
const LINES: usize = 500;

#[derive(Template)]
#[template(path = "build.html")]
struct BuildPage {
    frame: Frame,
    page: One,
    log: Log,
}

#[derive(Template)]
#[template(path = "build_part.html")]
struct BuildPart {
    page: One,
}

struct One {
    form_secret: String,
    build: BuildLine,
    /// The image that it has made.
    image: Option<String>,
    /// Whoever looks may cancel it, and run it again.
    may_deploy: bool,
    /// Its service is there still.
    has_service: bool,
}

struct Log {
    lines: Vec<PrintedLine>,
    /// There are older ones.
    is_cut: bool,
    /// Up to where it was read.
    end: u64,
}

/// Which build, as an address names it.
type Named = Path<String>;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(named): Named,
    headers: HeaderMap,
) -> Page {
    let id = known(&named)?;
    let service = app.builds.find(id).await?.service;
    let events = live::events_url(&app, Some(&service)).await?;
    let so_far = app.builds.log_so_far(id, LINES).await?;
    let log = Log {
        lines: so_far.entries.iter().map(PrintedLine::new).collect(),
        is_cut: so_far.is_cut,
        end: so_far.end,
    };
    let page = One::of(&app, &visitor, id).await?;
    let follow = Follow { events, part: format!("/live{}", path(id)) };
    let frame = Frame::of(&visitor, &headers, follow).at("builds");
    let flash = frame.flash.is_some();
    Ok(render_once(&app, flash, &BuildPage { frame, page, log }))
}

/// The part of the page that changes.
pub(super) async fn part(State(app): State<App>, visitor: Visitor, Path(named): Named) -> Page {
    Ok(render(&BuildPart { page: One::of(&app, &visitor, known(&named)?).await? }))
}

/// From where on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Behind {
    #[serde(default)]
    after: u64,
}

/// What is printed from a place in the log on, until the build is over.
pub(super) async fn log(
    State(app): State<App>,
    _: Visitor,
    Path(named): Named,
    headers: HeaderMap,
    Query(behind): Query<Behind>,
) -> Page {
    // A browser that comes back says how far it is; one that begins, where its page ends.
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let entries = app.builds.log_from(known(&named)?, resumed.unwrap_or(behind.after)).await?;
    let events = entries
        .map(|(entry, place)| sse::event("line", &PrintedLine::new(&entry)).id(place.to_string()));
    let end = stream::once(async { sse::event("end", &()) });
    Ok(sse::stream(events.chain(end)).into_response())
}

/// All of the log that there is now, as a file.
pub(super) async fn download(State(app): State<App>, _: Visitor, Path(named): Named) -> Page {
    let id = known(&named)?;
    let end = app.builds.log_so_far(id, 0).await?.end;
    let entries = app.builds.log_from(id, 0).await?;
    // What is printed meanwhile is for those who come later.
    let lines = stream::unfold((end > 0).then_some(entries), move |rest| async move {
        let mut rest = rest?;
        let (entry, place) = rest.next().await?;
        let line = Ok::<_, Infallible>(PrintedLine::new(&entry).plain());
        Some((line, (place < end).then_some(rest)))
    });
    let body = Body::from_stream(lines);
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"build-{id}.log\"")),
    ];
    Ok((headers, body).into_response())
}

/// Cancels it.
pub(super) async fn cancel(
    State(app): State<App>,
    Path(named): Named,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let id = known(&named)?;
    let done = app.builds.cancel(id, &visitor.name).await;
    let done = done.map(|_| (id, format!("Build {id} is cancelled.")));
    Ok(led(&app, id, &note, done))
}

/// Runs it again, as a new one, to whose page it leads.
pub(super) async fn retry(
    State(app): State<App>,
    Path(named): Named,
    note: Note,
    Signed(visitor, _): Signed<ButtonForm>,
) -> Page {
    let id = known(&named)?;
    let done = app.builds.retry(id, &visitor.name).await;
    let done = done.map(|queued| {
        let new = queued.build.id;
        (new, format!("Build {id} is run again, as build {new}."))
    });
    Ok(led(&app, id, &note, done))
}

fn led(
    app: &App,
    id: BuildId,
    note: &Note,
    done: launcher_build::Result<(BuildId, String)>,
) -> axum::response::Response {
    match done {
        Ok((to_which, text)) => to(app, &path(to_which), &Flash::done(text)),
        Err(error) => {
            note.refused();
            let problem = Problem::from(error);
            to(app, &path(id), &Flash::refused(sentence(problem.detail())))
        }
    }
}

fn known(id: &str) -> Result<BuildId, PageError> {
    let id = id.parse().map_err(|_| PageError::missing("There is no build at this address."))?;
    Ok(BuildId(id))
}

impl One {
    async fn of(app: &App, visitor: &Visitor, id: BuildId) -> Result<Self, PageError> {
        let build = app.builds.find(id).await?;
        let has_service = app.store.service(&build.service).await?.is_some();
        let roles = &visitor.principal.roles;
        Ok(Self {
            form_secret: visitor.form_secret(),
            may_deploy: roles.include_on(Role::Deployer, &build.service),
            image: build.image.as_ref().map(|image| image.reference.to_string()),
            has_service,
            build: BuildLine::new(build, app.now()),
        })
    }

    /// The version, where its environment can be looked at.
    fn version(&self) -> Option<VersionNumber> {
        self.build.version.filter(|_| self.has_service)
    }

    fn title(&self) -> String {
        format!("Build {} of {}: {}", self.build.id, self.build.service, self.build.word)
    }
}
