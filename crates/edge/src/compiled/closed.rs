//! A service that is closed to its users while it is being maintained.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use crate::table::Maintenance;

/// What its production answers.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    /// The team's own page, in HTML.
    pub(crate) page: Option<Bytes>,
    /// When it is worth coming again.
    pub(crate) retry_after: Option<HeaderValue>,
}

impl Closed {
    pub(super) fn compile(maintenance: &Maintenance) -> Arc<Self> {
        Arc::new(Self {
            page: maintenance.page.clone().map(Bytes::from),
            retry_after: maintenance.retry_after_s.map(HeaderValue::from),
        })
    }
}
