//! How large a request's body may be.

use http::StatusCode;
use http::header::{self, HeaderValue};
use launcher_model::Bytes;
use launcher_model::service::Traffic;

use super::outgoing::{Length, Outgoing};
use super::page::Page;

/// The largest body that a service takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimit(Option<Bytes>);

impl BodyLimit {
    pub(super) fn of(traffic: &Traffic) -> Self {
        Self(traffic.max_body)
    }

    /// In bytes.
    pub(super) fn most(self) -> Option<u64> {
        self.0.map(|most| most.0)
    }

    /// Refuses a request whose head says already that its body is too large.
    pub(super) fn take(self, request: Outgoing) -> Result<Outgoing, Page> {
        match (self.0, request.length) {
            (Some(most), Length::Known(bytes)) if bytes > most.0 => Err(self.too_large()),
            _ => Ok(request),
        }
    }

    /// The answer to a request whose body is too large (RFC 9110 §15.5.14). It is the connection's last
    /// one, because the rest of the body stands before any further request.
    pub(super) fn too_large(self) -> Page {
        let text = match self.0 {
            Some(most) => format!("This service takes bodies of up to {most}."),
            None => "The body is too large.".to_owned(),
        };
        Page::new(StatusCode::PAYLOAD_TOO_LARGE, text)
            .with(header::CONNECTION, HeaderValue::from_static("close"))
    }
}
