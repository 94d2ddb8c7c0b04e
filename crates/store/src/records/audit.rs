//! What goes into and comes out of the record of who did what.

use std::net::IpAddr;

use jiff::Timestamp;
use launcher_model::{ServiceName, VersionNumber};
use serde::{Deserialize, Serialize};

/// How somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// With a token.
    Token,
    /// In a session.
    Session,
    /// With a name and a password, to begin a session.
    Password,
    /// With a one-time link, to begin a session.
    Link,
    /// By a provider of OpenID Connect, to begin a session.
    #[serde(rename = "openid")]
    OpenId,
    /// Signed, as code hosts do.
    Signature,
    /// Not at all.
    Nobody,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// The server failed at it.
    Failed,
    /// The caller went away before the answer; what was begun may have been done.
    BrokenOff,
}

/// A call before it has its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAudit {
    /// When it came.
    pub at: Timestamp,
    /// Who called; none when nobody knows.
    pub who: Option<String>,
    /// How they came in.
    pub way: Way,
    /// The session that it was made in.
    pub session: Option<i64>,
    /// From where.
    pub address: Option<IpAddr>,
    /// Its method.
    pub method: String,
    /// Its path, without what is secret in it.
    pub path: String,
    /// The service that it was about.
    pub service: Option<ServiceName>,
    /// The version that it was about.
    pub version: Option<VersionNumber>,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// What became of it.
    pub outcome: Outcome,
}

/// A call as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// The call.
    pub call: NewAudit,
}

/// Which calls.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of one caller.
    pub who: Option<String>,
    /// About one service.
    pub service: Option<ServiceName>,
    /// With one of these outcomes; with any when there is none.
    pub outcomes: Vec<Outcome>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Before this number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}
