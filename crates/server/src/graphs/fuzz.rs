//! Doors to the addresses of graphs.

use axum::extract::Query;
use axum::http::Uri;

use super::picture::apart;
use super::{HostKind, Picture, Subject};

/// The address of the graph of a host that this address asks for; none where it is none of a graph.
#[must_use]
pub fn drawn_again(address: &Uri) -> Option<String> {
    let Query(picture) = Query::<Picture>::try_from_uri(address).ok()?;
    Some(picture.path(Subject::Host("one", HostKind::read("cpu").ok()?), "svg"))
}

/// What is signed of an address, and its signature.
#[must_use]
pub fn signed_part(address: &str) -> Option<(&str, &str)> {
    apart(address)
}
