//! How long a container may say nothing before more of its response comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::{Instant, Sleep};

use super::events::is_event_stream;

/// Watches one response. Services without a limit have none of these, and responses that keep coming
/// never look at a clock: the time runs from when a part had to be waited for.
pub(super) struct Silence {
    most: Duration,
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl Silence {
    /// For a response with these fields. A stream of events is silent while nothing happens.
    pub(super) fn of(most: Option<Duration>, headers: &HeaderMap) -> Option<Box<Self>> {
        let most = most.filter(|_| !is_event_stream(headers))?;
        let timer = Box::pin(tokio::time::sleep(most));
        Some(Box::new(Self { most, timer, waiting: false }))
    }

    /// A part has come, or the container is not the one who is waited for.
    pub(super) fn broken(&mut self) {
        self.waiting = false;
    }

    /// There is nothing yet. Ready when that has gone on for too long.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            self.waiting = true;
            self.timer.as_mut().reset(Instant::now() + self.most);
        }
        self.timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    #[tokio::test]
    async fn streams_of_events_may_be_silent() {
        let most = Some(Duration::from_secs(1));
        for (kind, watched) in [
            ("text/event-stream", false),
            ("Text/Event-Stream ; charset=utf-8", false),
            ("text/event-streams", true),
            ("text/html", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(Silence::of(most, &headers).is_some(), watched, "{kind}");
            assert!(Silence::of(None, &headers).is_none());
        }
        assert!(Silence::of(most, &HeaderMap::new()).is_some());
    }
}
