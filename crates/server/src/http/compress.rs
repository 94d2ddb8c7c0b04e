//! Answers in fewer bytes, for callers who take them so.
//!
//! Compressed, an answer's length tells whether what somebody had reflected in it is also elsewhere in it
//! (BREACH). The one secret that stands in a page again and again, what its forms carry, is therefore
//! written otherwise in each answer; other secrets are told once, in answers that reflect nothing.

use axum::http::{HeaderMap, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

/// What is not worth it or must not wait: streams, whose reader waits for each line, and what git sends,
/// which is compressed already.
const NEVER: [&str; 3] = ["text/event-stream", "application/x-ndjson", "application/x-git-"];

/// Compresses answers by gzip or brotli. Fast: a page is made anew each time, and nobody waits for the last
/// percent.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new().and(is_worth_it))
}

fn is_worth_it(_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| !NEVER.iter().any(|never| kind.starts_with(never)))
}
