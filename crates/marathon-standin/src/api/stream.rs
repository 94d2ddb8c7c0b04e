//! `/v2/events`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version as HttpVersion};
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval};

use super::Instance;
use super::answer::page;
use super::query::Query;
use crate::serve::Peer;
use crate::world::{Event, Frame, Subscription, World};

const TYPE: HeaderValue = HeaderValue::from_static("text/event-stream;charset=utf-8");
/// Between the two bytes of a heartbeat, so that they arrive apart.
const SPLIT: Duration = Duration::from_millis(5);

/// Whether an answer is a stream of events.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE) == Some(&TYPE)
}

pub(super) async fn events(
    State(instance): State<Instance>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    query: Query,
) -> Response {
    if !headers.get_all(ACCEPT).iter().any(|accept| accept == "text/event-stream") {
        return page(
            StatusCode::METHOD_NOT_ALLOWED,
            "HTTP method GET is not supported by this URL",
        );
    }
    let version = instance.version();
    let types: Vec<String> = query.all("event_type").map(str::to_owned).collect();
    let wants = Subscription {
        types: if version.filters_events() { types } else { Vec::new() },
        light: version.has_light_plans() && query.get("plan-format") == Some("light"),
    };
    let address = peer.ip().to_string();
    let frames = {
        let mut state = instance.world.state();
        let frames = state.bus.listen(wants);
        state.publish(Event::attached(&address));
        frames
    };
    let every = instance.world.options.heartbeat;
    let beats = tokio::time::interval_at(Instant::now() + every, every);
    let reader =
        Reader { frames, beats, is_half: false, _attached: Attached(instance.world, address) };
    let mut response = Response::new(Body::from_stream(written(reader)));
    *response.version_mut() = HttpVersion::HTTP_10;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TYPE);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

struct Reader {
    frames: mpsc::Receiver<Frame>,
    beats: Interval,
    /// The first byte of a heartbeat is written.
    is_half: bool,
    _attached: Attached,
}

/// Tells when it is over.
struct Attached(Arc<World>, String);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.state().publish(Event::detached(&self.1));
    }
}

fn written(reader: Reader) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures_util::stream::unfold(reader, |mut reader| async move {
        let piece = reader.next().await?;
        Some((Ok(piece), reader))
    })
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_half {
            tokio::time::sleep(SPLIT).await;
            self.is_half = false;
            return Some(Bytes::from_static(b"\n"));
        }
        tokio::select! {
            frame = self.frames.recv() => frame,
            _ = self.beats.tick() => {
                self.is_half = true;
                Some(Bytes::from_static(b"\r"))
            }
        }
    }
}
