//! What a browser is told about every page.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// Nothing is loaded or run but what this server serves as a file: text that somehow came into a page
/// unescaped would still run nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Browsers leave `Origin` out of forms where the policy is stricter.
const REFERRER: &str = "same-origin";

const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, REFERRER),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

pub(crate) async fn page(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
