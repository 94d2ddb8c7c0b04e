//! Events: as a list, and as they happen.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use launcher_model::event::{Event, EventKind};
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::EventFilter;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::file::{BATCH as FILE_BATCH, Format, file};
use crate::App;
use crate::auth::Principal;
use crate::http::extract::Query;
use crate::http::moment::{kinds, span};
use crate::http::page::{Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::sse;

/// Which events.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Only of this service.
    #[param(value_type = Option<String>)]
    service: Option<ServiceName>,
    /// Only of this version of it.
    #[param(value_type = Option<u32>)]
    version: Option<VersionNumber>,
    /// Only of these kinds: names such as `deployment_live`, or first words of some, such as `build`,
    /// separated by commas.
    kind: Option<String>,
    /// Only what this person or token did.
    who: Option<String>,
    /// From when on: `-7d`, seconds since 1970, a time of RFC 3339, or a day or time in UTC. Not for a stream.
    from: Option<String>,
    /// Until when, likewise.
    to: Option<String>,
    /// Only behind this id, oldest first: what a reader resumes from.
    after: Option<i64>,
    /// As a file with all of them; a list in parts when nothing is said.
    #[param(inline)]
    format: Option<Format>,
    /// `next` of the part before; nothing for the first.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 50 when nothing is said.
    limit: Option<u32>,
}

/// Lists events that the caller may see, newest first (behind `after` oldest first); with `format` all of them come as a file;
/// asked for `text/event-stream`, sends each as it happens, beginning behind `after` or the `Last-Event-ID` header where one is given.
#[utoipa::path(get, path = "/events", tag = "events", params(EventQuery),
    responses((status = 200, body = Page<Event>,
        description = "The list; or with `format` a file of CSV or NDJSON; or a stream of server-sent events, each with an event as its data"),
        (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> Result<Response, Problem> {
    if let Some(service) = query.service.as_ref().filter(|service| !principal.roles.see(service)) {
        return Err(launcher_control::Error::NoService(service.clone()).into());
    }
    let wants_stream = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    let kinds = kinds(query.kind.as_deref().unwrap_or_default())?;
    let (from, to) = span(query.from.as_deref(), query.to.as_deref(), app.now())?;
    if wants_stream {
        if from.is_some() || to.is_some() || query.format.is_some() {
            let detail = "a stream tells what happens from now on, or behind `after`: leave from, to and format out";
            return Err(Problem::invalid(detail));
        }
        let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let after = resumed.or(query.after);
        return Ok(
            sse::stream(follow(app, principal, (query, kinds), after).await?).into_response()
        );
    }
    let page = PageQuery { cursor: query.cursor, limit: query.limit };
    let limit = page.limit()?;
    let cursor = page.before()?;
    // In whichever direction the list goes, its cursor is the last id of the part before.
    let (after, before) = match query.after {
        Some(after) => (cursor.or(Some(after)), None),
        None => (None, cursor),
    };
    let (service, version, by) = (query.service, query.version, query.who);
    let allowed = principal.events();
    let filter = EventFilter {
        service,
        version,
        kinds,
        by,
        from,
        to,
        after,
        before,
        limit: limit + 1,
        ..allowed
    };
    if let Some(format) = query.format {
        let id = |event: &Event| event.id;
        return Ok(file("events", format, id, move |behind| {
            let (app, filter) = (app.clone(), filter.clone());
            async move { app.store.events(&goes_on(filter, behind)).await }
        }));
    }
    let events = app.store.events(&filter).await?;
    Ok(Answer(Page::part(events, limit, |last| last.id.to_string())).into_response())
}

/// What comes behind an event, in the direction in which the list goes.
fn goes_on(filter: EventFilter, behind: Option<i64>) -> EventFilter {
    match filter.after {
        Some(after) => {
            EventFilter { after: Some(behind.unwrap_or(after)), limit: FILE_BATCH, ..filter }
        }
        None => EventFilter { before: behind.or(filter.before), limit: FILE_BATCH, ..filter },
    }
}

/// How many events are read at once when a reader catches up.
const BATCH: u32 = 200;

/// Every event behind `after` (from now on, when it is none), each once and in order, for as long as
/// it is read.
async fn follow(
    app: App,
    principal: Principal,
    (query, kinds): (EventQuery, Vec<EventKind>),
    after: Option<i64>,
) -> Result<impl Stream<Item = axum::response::sse::Event> + Send, Problem> {
    // Subscribed before the list is read, so that nothing falls between the two, and before the answer
    // begins, so that nothing falls behind that.
    let mut watch = app.store.watch();
    let mut behind = after.is_some();
    let mut last = match after {
        Some(after) => after,
        None => newest(&app).await?,
    };
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            if behind {
                let Some(now) = principal.again(&app).await else { return };
                let filter = EventFilter {
                    service: query.service.clone(),
                    version: query.version,
                    kinds: kinds.clone(),
                    by: query.who.clone(),
                    after: Some(last),
                    limit: BATCH,
                    ..now.events()
                };
                let Ok(missed) = app.store.events(&filter).await else { return };
                behind = missed.len() == BATCH as usize;
                for event in missed {
                    last = event.id;
                    if sender.send(rendered(&event)).await.is_err() {
                        return;
                    }
                }
                continue;
            }
            let heard = tokio::select! {
                heard = watch.recv() => heard,
                () = sender.closed() => return,
            };
            match heard {
                Ok(event) => {
                    let fits = query.service.is_none() || event.service == query.service;
                    let fits = fits && (query.version.is_none() || event.version == query.version);
                    let fits = fits && (kinds.is_empty() || kinds.contains(&event.kind));
                    let fits = fits && (query.who.is_none() || event.by == query.who);
                    if !fits || event.id <= last {
                        continue;
                    }
                    last = event.id;
                    // Who may not come in any more, or not see it, does not hear of it.
                    let Some(now) = principal.again(&app).await else { return };
                    if !now.sees(&event) {
                        continue;
                    }
                    if sender.send(rendered(&event)).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => behind = true,
                Err(RecvError::Closed) => return,
            }
        }
    });
    Ok(tokio_stream::wrappers::ReceiverStream::new(receiver))
}

/// The id of the newest event; 0 when there is none.
async fn newest(app: &App) -> Result<i64, Problem> {
    let filter = EventFilter { limit: 1, ..EventFilter::default() };
    Ok(app.store.events(&filter).await?.first().map_or(0, |event| event.id))
}

fn rendered(event: &Event) -> axum::response::sse::Event {
    let kind = serde_json::to_value(event.kind).ok();
    let name = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("event");
    sse::event(name, event).id(event.id.to_string())
}
