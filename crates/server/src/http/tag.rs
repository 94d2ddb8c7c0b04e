//! Which settings a caller has seen: `ETag` and `If-Match` (RFC 9110 §8.8.3, §13.1.1).

use axum::extract::OptionalFromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponseParts, ResponseParts};
use jiff::Timestamp;

use super::problem::Problem;

/// Settings, by the time since which they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(pub(crate) Timestamp);

impl IntoResponseParts for Tag {
    type Error = Problem;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Problem> {
        let value = format!("\"{}\"", self.0).parse();
        let value = value.map_err(|_| Problem::fault("the ETag cannot be written"))?;
        parts.headers_mut().insert(header::ETAG, value);
        Ok(parts)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Tag {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(None) };
        let tag = value.to_str().ok().and_then(read);
        tag.map(Some).ok_or_else(|| {
            let detail = "If-Match: write the ETag that the service was shown with, such as \
                \"2026-12-01T12:00:00.25Z\" with its quotes";
            Problem::malformed(StatusCode::BAD_REQUEST, detail)
        })
    }
}

fn read(value: &str) -> Option<Tag> {
    let time = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    time.parse().ok().map(Tag)
}
