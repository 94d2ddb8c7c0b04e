//! The log of an environment.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{BoxStream, StreamExt};
use jiff::Timestamp;
use launcher_control::{Entry, LogQuery, Told};
use launcher_logs::{End, Meta, Position, short};
use launcher_model::{ServiceName, Span, VersionNumber};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::App;
use crate::http::extract::{Path, Query};
use crate::http::problem::Problem;
use crate::http::sse;

/// So many of the last lines are told when nothing is said.
const TAIL: u32 = 100;
const NDJSON: &str = "application/x-ndjson";

/// Which part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Go on with new lines until the environment runs no more.
    #[serde(default)]
    follow: bool,
    /// Only what was printed from then on: a time such as `2026-11-24T08:15:00Z`, or how long ago, such as `10m`.
    since: Option<String>,
    /// So many of the last lines, at most 10000, or `all`. 100 when nothing is said, and all with `since`.
    tail: Option<String>,
    /// Only of containers whose id or name begins with one of these; several with commas between.
    container: Option<String>,
    /// Only of the containers in this place.
    slot: Option<u16>,
    /// Only lines that have this in them, in letters of either case; `tail` counts those.
    find: Option<String>,
}

impl Asked {
    fn query(self, now: Timestamp, after: Option<Position>) -> Result<LogQuery, Problem> {
        let since = self.since.as_deref().map(|text| since(text, now)).transpose()?;
        let tail = match self.tail.as_deref() {
            Some("all") => None,
            Some(number) => Some(number.parse().map_err(|_| {
                Problem::invalid("tail: give a number of lines, such as 100, or all")
            })?),
            None => Some(TAIL).filter(|_| since.is_none()),
        };
        let containers = self.container.iter().flat_map(|all| all.split(',')).map(str::trim);
        let containers = containers.filter(|one| !one.is_empty()).map(str::to_owned).collect();
        let Self { follow, slot, .. } = self;
        let find = self.find.filter(|sought| !sought.is_empty());
        Ok(LogQuery { follow, since, tail, containers, slot, find, after })
    }
}

fn since(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let span = text.parse::<Span>().ok().and_then(|span| now.checked_sub(span.duration()).ok());
    span.ok_or_else(|| {
        Problem::invalid(
            "since: give a time, such as 2026-11-24T08:15:00Z, or how long ago, such as 10m",
        )
    })
}

/// Sends an environment's log, over all its containers and those that are gone: what was printed until now in
/// order of time, and with `follow` what is printed from then on.
///
/// Events are `line` with `{container, id, short, slot, host, at, stream, text}`; `began` and `ended` with the
/// container, and for the latter `{code, out_of_memory, at}`; `note` with `{detail}` where something was left out;
/// `error` with `{detail}` where lines are missing; and at last `end` with `{over}`. The `id` of a `line` or `began` is where a
/// reader goes on that gives it as `Last-Event-ID`. Asked for `application/x-ndjson`, each event is a line of JSON
/// with its name as `event`, and its id, where it has one, as `position`.
#[utoipa::path(get, path = "/services/{service}/versions/{version}/logs", tag = "environments",
    params(("service" = String, Path), ("version" = u32, Path), Asked,
        ("Last-Event-ID" = Option<String>, Header, description = "Go on behind the event with this id")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "4XX", body = Problem)))]
pub(super) async fn logs(
    State(app): State<App>,
    Path((service, number)): Path<(ServiceName, VersionNumber)>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let after = headers.get("last-event-id").filter(|id| !id.is_empty());
    let after = after.map(|id| id.to_str().unwrap_or_default().parse::<Position>());
    let after = after.transpose().map_err(|error| Problem::invalid(error.to_string()))?;
    let query = asked.query((app.clock)(), after)?;
    let told = app.control.logs(&service, number, query).await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains(NDJSON)) {
        return Ok(as_lines(told));
    }
    Ok(sse::stream(told.map(|told| as_event(&told))).into_response())
}

fn as_event(told: &Told) -> Event {
    let (name, data) = shape(&told.entry);
    let event = sse::event(name, &data);
    match &told.position {
        Some(position) => event.id(position),
        None => event,
    }
}

fn as_lines(told: BoxStream<'static, Told>) -> Response {
    let lines = told.map(|told| {
        let (name, mut data) = shape(&told.entry);
        data["event"] = name.into();
        if let Some(position) = told.position {
            data["position"] = position.into();
        }
        Ok::<_, std::convert::Infallible>(format!("{data}\n"))
    });
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

/// An entry's name, and what it carries.
fn shape(entry: &Entry) -> (&'static str, Value) {
    match entry {
        Entry::Line(container, line) => {
            let mut data = of(container);
            data["at"] = json!(line.at);
            data["stream"] = json!(line.stream);
            data["text"] = json!(line.text);
            ("line", data)
        }
        Entry::Began(container) => ("began", of(container)),
        Entry::Ended { container, end: End { code, out_of_memory, at } } => {
            let mut data = of(container);
            data["code"] = json!(code);
            data["out_of_memory"] = json!(out_of_memory);
            data["at"] = json!(at);
            ("ended", data)
        }
        Entry::Note(detail) => ("note", json!({ "detail": detail })),
        Entry::Trouble(detail) => ("error", json!({ "detail": detail })),
        Entry::End { over } => ("end", json!({ "over": over })),
    }
}

fn of(container: &Meta) -> Value {
    let Meta { id, name, host, slot, .. } = container;
    json!({ "container": name, "id": id, "short": short(id), "slot": slot, "host": host })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(since: Option<&str>, tail: Option<&str>) -> Result<LogQuery, Problem> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let container = Some(" ab, cd,".to_owned());
        let asked = Asked {
            follow: true,
            since: text(since),
            tail: text(tail),
            container,
            slot: None,
            find: None,
        };
        asked.query(Timestamp::from_second(1000).unwrap(), None)
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let query = asked(None, None).unwrap();
        assert_eq!((query.tail, query.since), (Some(TAIL), None));
        assert_eq!(query.containers, ["ab", "cd"]);
        let query = asked(Some("10m"), None).unwrap();
        assert_eq!((query.tail, query.since), (None, Timestamp::from_second(400).ok()));
        let query = asked(Some("1970-01-01T00:00:05Z"), Some("7")).unwrap();
        assert_eq!((query.tail, query.since), (Some(7), Timestamp::from_second(5).ok()));
        assert_eq!(asked(None, Some("all")).unwrap().tail, None);
        for (since, tail) in [(Some("yesterday"), None), (None, Some("-1")), (None, Some("x"))] {
            assert_eq!(asked(since, tail).unwrap_err().status(), 422);
        }
    }
}
