//! How edges treat a service's traffic: what its `[traffic]` says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Bytes, Span};

/// How edges treat a service's traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// How long requests and upgraded connections may stay with an environment that is no longer live.
    #[serde(default = "defaults::drain")]
    pub drain: Span,
    /// How long a container may take until the head of its response.
    #[serde(default = "defaults::response_timeout")]
    pub response_timeout: Span,
    /// How long connecting to a container may take.
    #[serde(default = "defaults::connect_timeout")]
    pub connect_timeout: Span,
    /// How long a container may be silent before more of a response comes. It does not concern upgraded
    /// connections and streams of events; nothing said is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1m")]
    pub silence_timeout: Option<Span>,
    /// While several versions are live, a cookie keeps each user on the version that they were given.
    #[serde(default = "defaults::sticky")]
    pub sticky: bool,
    /// The largest body of a request; nothing said is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10MiB")]
    pub max_body: Option<Bytes>,
    /// So many requests in a row that a container fails to answer take it out of an edge's choice for a
    /// while, before its next check does; 0 takes none out.
    #[serde(default = "defaults::eject_after")]
    #[schema(maximum = 1000)]
    pub eject_after: u16,
    /// How long the share of a container that has become healthy grows until it has as much as the
    /// others; nothing said is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub slow_start: Option<Span>,
    /// After a switch, WebSockets and streams of events that are still with the version that left are
    /// ended one by one over this time, so that their clients come again and find the new one; nothing
    /// said leaves them until `drain` is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1m")]
    pub move_within: Option<Span>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            drain: defaults::drain(),
            response_timeout: defaults::response_timeout(),
            connect_timeout: defaults::connect_timeout(),
            silence_timeout: None,
            sticky: defaults::sticky(),
            max_body: None,
            eject_after: defaults::eject_after(),
            slow_start: None,
            move_within: None,
        }
    }
}

mod defaults {
    use crate::Span;

    pub(super) fn drain() -> Span {
        Span::secs(300)
    }
    pub(super) fn response_timeout() -> Span {
        Span::secs(60)
    }
    pub(super) fn connect_timeout() -> Span {
        Span::secs(1)
    }
    pub(super) fn sticky() -> bool {
        true
    }
    pub(super) fn eject_after() -> u16 {
        5
    }
}
