//! Holding a service's requests without a switch, such as while a database is changed.

use std::sync::Arc;
use std::time::Duration;

use launcher_edge::protocol::HoldOutcome;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::route::LONGEST_HOLD;
use launcher_model::{ServiceName, Span};

use crate::{Control, Error, Inner, Result};

impl Control {
    /// Has every edge hold the production requests of a service that begin from now on, until they are
    /// [released](Self::release) or the time has passed. Returns when what is in flight has come to
    /// rest, or half of the time has passed: whether it came to rest. It goes on when the caller goes
    /// away.
    ///
    /// # Errors
    /// When there is no such service, the time is none or too long, or an edge cannot hold them; none
    /// are held then.
    pub async fn hold(&self, service: &ServiceName, within: Span, by: &str) -> Result<bool> {
        self.inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
        check(within.duration())?;
        let inner = Arc::clone(&self.inner);
        let (service, by) = (service.clone(), by.to_owned());
        let task = tokio::spawn(async move {
            let held = inner.hub.hold(&service, within.duration()).await;
            let rested = held.map_err(|why| Error::Refused(why.to_string()))?;
            let text = format!("{by} holds new requests, for at most {within}");
            tell(&inner, EventKind::RequestsHeld, &service, &by, text).await;
            Ok(rested)
        });
        task.await.unwrap_or_else(|error| {
            Err(Error::Refused(format!("the hold ended in a fault of the program: {error}")))
        })
    }

    /// Lets the requests go that are held. Returns how they waited.
    ///
    /// # Errors
    /// When there is no such service.
    pub async fn release(&self, service: &ServiceName, by: &str) -> Result<HoldOutcome> {
        self.inner.slot(service).ok_or_else(|| Error::NoService(service.clone()))?;
        let outcome = self.inner.hub.release(service).await;
        let (requests, longest_ms) = (outcome.requests, outcome.longest_us / 1000);
        let waited = match requests {
            0 => "none had come".to_owned(),
            _ => format!("{requests} had waited, the longest for {longest_ms} ms"),
        };
        let text = format!("{by} released the requests that were held: {waited}");
        tell(&self.inner, EventKind::RequestsReleased, service, by, text).await;
        Ok(outcome)
    }
}

/// Whether requests may be held for so long.
pub(crate) fn check(within: Duration) -> Result<()> {
    if within.is_zero() || within > LONGEST_HOLD.duration() {
        return Err(Error::Invalid(format!(
            "requests cannot be held for {}ms: give longer than no time and at most {LONGEST_HOLD}, such as 30s",
            within.as_millis()
        )));
    }
    Ok(())
}

async fn tell(inner: &Inner, kind: EventKind, service: &ServiceName, by: &str, text: String) {
    let event = NewEvent::new(kind, text).service(service).by(by);
    if let Err(error) = inner.store.record(&[event], inner.now()).await {
        tracing::error!(%service, %error, "cannot record that requests were held or released");
    }
}
