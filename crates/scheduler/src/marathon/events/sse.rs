//! The stream of events (`GET /v2/events`, 0.9 and later).
//!
//! Its only sign of life is an empty line every 10 s, and it tells nothing again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use sse_stream::SseByteStream;
use tokio_stream::Elapsed;

use super::{Seen, Source};
use crate::Result;
use crate::marathon::Engine;
use crate::marathon::client::innermost;
use crate::marathon::version::Version;
use crate::marathon::wire::event::{Event, TYPES};

/// Three heartbeats.
const SILENCE: Duration = Duration::from_secs(30);
/// The longest event that is read, in bytes. Up to 1.6, those of deployments hold all groups twice.
const LONGEST: usize = 64 << 20;

/// Opens the stream. It ends with an error, or when Marathon ends it.
pub(super) async fn open(engine: &Arc<Engine>, dialect: Version) -> Result<Source> {
    const DOING: &str = "listening to events";
    let response = engine.client.open(path(dialect), DOING).await?;
    let length = Arc::new(AtomicUsize::new(0));
    let bytes = guarded(response.bytes_stream(), SILENCE, Arc::clone(&length));
    let engine = Arc::clone(engine);
    let events = SseByteStream::new(bytes)
        .map_err(move |error| engine.client.unreachable(DOING, innermost(&error)))
        .inspect_ok(move |_| length.store(0, Ordering::Relaxed))
        .try_filter_map(async |frame| Ok(frame.data.as_deref().and_then(read_event)));
    Ok(events.boxed())
}

fn path(dialect: Version) -> String {
    let mut query: Vec<String> = Vec::new();
    if dialect.has_event_filter() {
        query.extend(TYPES.iter().map(|kind| format!("event_type={kind}")));
    }
    if dialect.has_light_plans() {
        query.push("plan-format=light".to_owned());
    }
    if query.is_empty() {
        "/v2/events".to_owned()
    } else {
        format!("/v2/events?{}", query.join("&"))
    }
}

/// The pieces of the stream, until none has come for too long or one event has no end. Heartbeats count
/// as part of the event that follows them.
fn guarded(
    pieces: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    silence: Duration,
    length: Arc<AtomicUsize>,
) -> BoxStream<'static, io::Result<Bytes>> {
    let pieces = tokio_stream::StreamExt::timeout(pieces, silence);
    let check = move |piece: std::result::Result<reqwest::Result<Bytes>, Elapsed>| {
        let piece = piece.map_err(|_elapsed| {
            let why = format!("it was silent for {} s", silence.as_secs_f64());
            io::Error::new(io::ErrorKind::TimedOut, why)
        })?;
        let piece = piece.map_err(|error| io::Error::other(innermost(&error)))?;
        if length.fetch_add(piece.len(), Ordering::Relaxed) > LONGEST {
            return Err(io::Error::other(format!("an event has more than {} MiB", LONGEST >> 20)));
        }
        Ok(piece)
    };
    pieces.map(check).boxed()
}

/// What is no event is passed over: a look follows anyway.
fn read_event(data: &str) -> Option<Seen> {
    let event: Event = serde_json::from_str(data).ok()?;
    Some(Seen { event, is_trusted: true })
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_stream_without_heartbeats_is_dead() {
        let beats = stream::iter([Ok(Bytes::from_static(b"\r")), Ok(Bytes::from_static(b"\n"))]);
        let silence = Duration::from_millis(50);
        let begun = Instant::now();
        let mut guarded = guarded(beats.chain(stream::pending()), silence, Arc::default());
        for _ in 0..2 {
            assert!(guarded.next().await.unwrap().is_ok());
        }
        let error = guarded.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= silence);
    }

    #[tokio::test]
    async fn an_event_without_an_end_is_given_up() {
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let pieces = stream::iter((0..100).map(move |_| Ok(piece.clone())));
        let read: Vec<_> = guarded(pieces, SILENCE, Arc::default()).collect().await;
        assert!(read.iter().any(|piece| piece.is_err()));
        assert!(read.iter().take(64).all(|piece| piece.is_ok()));
    }
}
