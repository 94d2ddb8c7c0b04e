//! Streams of server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt};
use launcher_scheduler::Output;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// A comment is sent when nothing else was for so long, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A stream of events as a response.
pub fn stream<S>(events: S) -> Sse<impl Stream<Item = Result<Event, Infallible>> + Send>
where
    S: Stream<Item = Event> + Send + 'static,
{
    Sse::new(events.map(Ok)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// Ends a stream when the server is told to stop: it would go on for as long as its reader likes. Other
/// responses pass as they are.
pub(crate) async fn until(stopping: CancellationToken, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let streams: [&[u8]; 2] = [b"text/event-stream", b"application/x-ndjson"];
    if !kind.is_some_and(|kind| streams.iter().any(|one| kind.as_bytes().starts_with(one))) {
        return response;
    }
    response.map(|body| {
        Body::from_stream(body.into_data_stream().take_until(stopping.cancelled_owned()))
    })
}

/// An event with a JSON body.
pub fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).unwrap_or_else(|error| {
        Event::default().event("error").data(format!("this event cannot be written: {error}"))
    })
}

/// What a command prints, and its end.
pub fn output<S>(output: S) -> impl Stream<Item = Event> + Send
where
    S: Stream<Item = launcher_scheduler::Result<Output>> + Send,
{
    output.map(|item| match item {
        Ok(Output::Line(one)) => event("line", &one),
        Ok(Output::Exit { code }) => event("exit", &serde_json::json!({ "code": code })),
        Err(error) => event("error", &serde_json::json!({ "detail": error.to_string() })),
    })
}
