//! Edges, and what lets one join.

use std::net::SocketAddr;

use jiff::Timestamp;
use launcher_model::EdgeName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An edge.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EdgeView {
    /// Its name.
    pub name: EdgeName,
    /// Whether it is there.
    pub state: EdgeState,
    /// It is on another machine than the server.
    pub remote: bool,
    /// Its program's version, as of when it was connected last.
    pub version: Option<String>,
    /// What carries its traffic.
    pub driver: Option<String>,
    /// Where it serves HTTP.
    #[schema(value_type = Vec<String>)]
    pub http: Vec<SocketAddr>,
    /// Where it serves HTTPS.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub https: Vec<SocketAddr>,
    /// Since when it is connected.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub connected_at: Option<Timestamp>,
    /// When it was connected last, where it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// Until when somebody may join under its name.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub invited_until: Option<Timestamp>,
    /// Microseconds from a question to its answer, the last time.
    pub lag_us: Option<u64>,
    /// Services whose newest table it has not acknowledged yet.
    pub behind: usize,
}

/// Whether an edge is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// It is connected.
    Connected,
    /// It has joined, and is not connected: it serves on with what it has.
    Away,
    /// It has not joined yet.
    Invited,
}

impl EdgeView {
    /// One that is known, connected or not.
    pub(crate) fn known(edge: launcher_store::Edge, now: Timestamp) -> Self {
        let about = edge.about.as_ref();
        Self {
            state: if edge.joined_at.is_some() { EdgeState::Away } else { EdgeState::Invited },
            remote: true,
            version: about.map(|about| about.version.clone()),
            driver: about.map(|about| about.driver.clone()),
            http: about.map(|about| about.http.clone()).unwrap_or_default(),
            https: about.map(|about| about.https.clone()).unwrap_or_default(),
            connected_at: None,
            last_seen: edge.last_seen,
            invited_until: edge.invited_until.filter(|until| *until > now),
            lag_us: None,
            behind: 0,
            name: edge.name,
        }
    }

    /// One that is connected, and what was known of it.
    pub(crate) fn connected(edge: launcher_control::hub::EdgeView, known: Option<Self>) -> Self {
        Self {
            name: edge.name,
            state: EdgeState::Connected,
            remote: edge.remote,
            version: Some(edge.version),
            driver: Some(edge.driver),
            http: edge.http,
            https: edge.https,
            connected_at: Some(edge.connected_at),
            last_seen: None,
            invited_until: known.and_then(|known| known.invited_until),
            lag_us: edge.lag.map(|lag| u64::try_from(lag.as_micros()).unwrap_or(u64::MAX)),
            behind: edge.behind,
        }
    }
}

/// Which edge to invite.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationBody {
    /// The name that it shall have.
    pub name: EdgeName,
}

/// What lets an edge join.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    /// The name that it will have.
    pub name: EdgeName,
    /// The join token; it is shown this once.
    pub token: String,
    /// When it is over.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Where this server listens for edges, as far as it knows.
    pub server: String,
}
