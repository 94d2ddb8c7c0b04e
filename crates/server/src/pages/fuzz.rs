//! Doors to what pages read of a request.

use axum::http::HeaderMap;

use super::{cookies, forms};

/// A request's cookie of this name.
#[must_use]
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    cookies::read(headers, name)
}

/// Whether another site's page has sent a form.
#[must_use]
pub fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    forms::comes_from_elsewhere(headers)
}
