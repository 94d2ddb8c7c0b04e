//! What a service wants of HTTPS, in the form that requests need.

use std::sync::Arc;

use http::HeaderValue;
use launcher_model::service::Tls;

/// What a service wants of HTTPS.
#[derive(Debug, Default)]
pub(crate) struct Secured {
    /// Production requests that come by HTTP are led to HTTPS.
    pub(crate) redirect: bool,
    /// What browsers are told to remember (RFC 6797 §6.1).
    pub(crate) hsts: Option<Arc<HeaderValue>>,
}

impl Secured {
    pub(super) fn compile(tls: &Tls) -> Self {
        let told = tls.hsts.map(|span| format!("max-age={}", span.duration().as_secs()));
        let hsts = told.and_then(|told| HeaderValue::try_from(told).ok());
        Self { redirect: tls.redirect, hsts: hsts.map(Arc::new) }
    }
}
