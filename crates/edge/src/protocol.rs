//! What the control plane and an edge say to each other.
//!
//! One connection per edge, opened by the edge; frames are a four-byte big-endian length and a JSON
//! message, an object with one key that names it (tables have numbers for keys, which serde cannot
//! read back inside of an object that carries its own tag). The edge begins with [`FromEdge::Hello`], the control plane answers with
//! [`ToEdge::Welcome`], and from then on each side speaks when it has something to say. Order within
//! one direction is kept; every message is safe to receive twice.
//!
//! A switch is [`Prepare`](ToEdge::Prepare) → [`Prepared`](FromEdge::Prepared) →
//! [`Commit`](ToEdge::Commit) → [`Committed`](FromEdge::Committed) → [`Drained`](FromEdge::Drained).
//! A connection that breaks abandons what was prepared on it; the welcome of the next one carries the
//! truth.

mod certificates;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use launcher_model::measure::TrafficSample;
use launcher_model::{DeploymentId, EdgeName, Generation, ServiceName, VersionNumber};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::table::{Digest, RouteTable, ServiceTable};

pub use certificates::{CertificateFile, CertificateKey, InFile, Issued};

/// The version of this protocol; a peer that speaks another one is refused.
pub const PROTOCOL: u32 = 9;

/// What is looked at is told so often at most.
pub const LOOKS_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// The longest frame that is taken, in bytes.
pub const MAX_FRAME: usize = 64 << 20;

/// From the control plane to an edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToEdge {
    /// The answer to a [`FromEdge::Join`]; the connection ends with it.
    Joined {
        /// The name that the edge has from now on.
        edge: EdgeName,
    },
    /// The answer to a hello: everything, replacing all that the edge has. Services that are not in it
    /// are gone. A route that changed while the edge was away flips now, and drains as after a commit.
    Welcome {
        /// The table, without the services that the edge has as they are.
        table: RouteTable,
        /// Those, and the revision that each has now.
        unchanged: Vec<(ServiceName, u64)>,
    },
    /// One service, whole, for every change but a switch: containers that came, went or changed their
    /// health, hostnames, timeouts. Answered with [`FromEdge::Applied`].
    Replace {
        /// The service as it now is.
        service: ServiceTable,
    },
    /// A service that is no more.
    Remove {
        /// Its name.
        service: ServiceName,
    },
    /// The first half of a switch: see that every endpoint of every version with a weight answers its
    /// health check from here, open connections to them, keep the table durably, change nothing yet.
    Prepare {
        /// The deployment that wants it.
        deployment: DeploymentId,
        /// The service as it shall be, with the next generation.
        service: ServiceTable,
        /// How long the edge may take, in milliseconds.
        within_ms: u64,
    },
    /// The second half: serve what was prepared, from the next request on.
    Commit {
        /// The deployment that was prepared.
        deployment: DeploymentId,
    },
    /// Forget what was prepared.
    Abort {
        /// The deployment that was prepared.
        deployment: DeploymentId,
    },
    /// The outcome of a drain has been stored; the edge may forget it.
    DrainSeen {
        /// The deployment whose [`FromEdge::Drained`] arrived.
        deployment: DeploymentId,
    },
    /// Have the production requests of a service that begin from now on wait, until they are
    /// released or the time has passed. Answered with [`FromEdge::Held`].
    Hold {
        /// The service.
        service: ServiceName,
        /// When the edge releases them by itself, in milliseconds.
        within_ms: u64,
    },
    /// Have those that wait go where the table says now. Answered with [`FromEdge::Released`].
    Release {
        /// The service that is held.
        service: ServiceName,
    },
    /// Wait until nothing of a version, or of some of its containers, is under way. The table leads no
    /// request there any more, or hardly. Answered with [`FromEdge::Rested`].
    Rest {
        /// Repeated in the answer.
        nonce: u64,
        /// The service.
        service: ServiceName,
        /// The version.
        version: VersionNumber,
        /// Those of its containers that have left the table, by id, and where the edge reached them; all of
        /// the version when there is nothing.
        containers: Option<BTreeMap<String, SocketAddr>>,
        /// How long to wait, in milliseconds.
        within_ms: u64,
    },
    /// What there is for HTTPS, whole, in the place of what there was. Answered with [`FromEdge::Certified`].
    Certify {
        /// Counts the changes.
        revision: u64,
        /// Certificates that the control plane has had issued.
        issued: Vec<Issued>,
        /// What is answered to an authority that asks whether names lead here (RFC 8555 §8.3), by its tokens.
        challenges: BTreeMap<String, String>,
    },
    /// Still there? Answered with [`FromEdge::Pong`].
    Ping {
        /// Repeated in the answer.
        nonce: u64,
    },
    /// The answer to the hello of an edge on this machine whose routes are of another installation; the
    /// connection ends with it.
    Foreign {
        /// The installation of the control plane.
        installation: String,
    },
    /// Why the control plane is about to close the connection.
    Refused {
        /// A sentence for the log.
        why: String,
    },
}

/// From an edge to the control plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromEdge {
    /// The first message of an edge that wants to join, which nobody knows yet.
    Join {
        /// [`PROTOCOL`].
        protocol: u32,
        /// What shows that it has a join token.
        secret: JoinSecret,
    },
    /// The first message.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Who this is.
        edge: EdgeName,
        /// The program's version.
        version: String,
        /// What carries the traffic: `builtin`, later `nginx`.
        driver: String,
        /// The addresses on which it serves HTTP.
        http: Vec<SocketAddr>,
        /// Those on which it serves HTTPS.
        #[serde(default)]
        https: Vec<SocketAddr>,
        /// Deployments whose previous versions still drain here.
        draining: Vec<DeploymentId>,
        /// The installation whose routes it has; none when it has none.
        #[serde(default)]
        installation: Option<String>,
        /// The digests of the service tables that it has, so that those are not sent again.
        has: Vec<(ServiceName, Digest)>,
    },
    /// A [`ToEdge::Welcome`] or [`ToEdge::Replace`] is in force.
    Applied {
        /// The services and the revision that each now has.
        revisions: Vec<(ServiceName, u64)>,
    },
    /// The answer to [`ToEdge::Prepare`].
    Prepared {
        /// The deployment.
        deployment: DeploymentId,
        /// What was done, or a sentence that says what stood in the way.
        outcome: Result<Readiness, String>,
    },
    /// The answer to [`ToEdge::Commit`]: every request that begins from now on goes where the new
    /// table says.
    Committed {
        /// The deployment.
        deployment: DeploymentId,
        /// What the edge now serves, or why it does not.
        outcome: Result<Flip, String>,
    },
    /// Nothing of the versions that left is in flight here any more. Repeated after a reconnect until
    /// [`ToEdge::DrainSeen`].
    Drained {
        /// The deployment.
        deployment: DeploymentId,
        /// What happened to what was in flight.
        outcome: DrainOutcome,
    },
    /// The answer to [`ToEdge::Hold`], when what was in flight has come to rest or half of the time
    /// has passed.
    Held {
        /// The service.
        service: ServiceName,
        /// Whether what was in flight has come to rest, or why requests do not wait.
        outcome: Result<bool, String>,
    },
    /// The answer to [`ToEdge::Release`].
    Released {
        /// The service.
        service: ServiceName,
        /// How the requests waited.
        outcome: HoldOutcome,
    },
    /// The answer to [`ToEdge::Rest`].
    Rested {
        /// As in the question.
        nonce: u64,
        /// Whether nothing is under way.
        at_rest: bool,
    },
    /// Somebody looks at the environments of branches, or has something under way with them. Told at most
    /// [so often](LOOKS_EVERY), and not while nobody does.
    Looked {
        /// The service.
        service: ServiceName,
        /// Its versions.
        versions: Vec<VersionNumber>,
    },
    /// Requests wait for an environment that is [asleep](crate::table::RestKind::Asleep). Told once while
    /// they do, and again on another connection.
    Wake {
        /// The service.
        service: ServiceName,
        /// The version.
        version: VersionNumber,
    },
    /// What was carried in a second, for each version for which anything was. Told soon after its end, and
    /// again on another connection when that may not have arrived.
    Measured {
        /// The second, since 1970.
        at: i64,
        /// What was carried.
        samples: Vec<TrafficSample>,
    },
    /// What the edge's files of certificates hold, whole, in the place of what was told before. Told once it is
    /// welcomed, if there are such files, and whenever it changes.
    CertificateFiles {
        /// Them.
        files: Vec<CertificateFile>,
    },
    /// The answer to [`ToEdge::Certify`].
    Certified {
        /// As in the message.
        revision: u64,
    },
    /// The answer to [`ToEdge::Ping`].
    Pong {
        /// As in the question.
        nonce: u64,
    },
}

/// The secret part of a join token. It goes over the wire, and cannot be printed by accident.
#[derive(Debug, Clone, Deserialize)]
pub struct JoinSecret(pub SecretString);

impl Serialize for JoinSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl PartialEq for JoinSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// What a preparing edge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Endpoints that answered their health check.
    pub checked: u32,
    /// Connections opened and kept.
    pub warmed: u32,
    /// Microseconds from the message to the answer.
    pub took_us: u64,
}

/// What an edge did at a commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    /// The generation that it now serves.
    pub generation: Generation,
    /// Microseconds from the message until every thread served the new table.
    pub took_us: u64,
    /// What was in flight on the versions that left, at that moment.
    pub in_flight: InFlight,
}

/// What was under way on the versions that a switch took out of production.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Requests without the end of their response.
    pub requests: u64,
    /// Upgraded connections, such as WebSockets.
    pub connections: u64,
}

/// How requests waited while their service was held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldOutcome {
    /// Those that waited, also those whose client gave up.
    pub requests: u64,
    /// The longest wait, in microseconds.
    pub longest_us: u64,
    /// The deadline passed before they were released.
    pub lapsed: bool,
}

/// How the versions that left came to rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainOutcome {
    /// The versions that left.
    pub versions: Vec<VersionNumber>,
    /// Of what was in flight at the flip: requests and connections that ended by themselves.
    pub drained: u64,
    /// Requests that failed after the flip on the versions that left.
    pub failed: u64,
    /// Requests and connections that the deadline cut off.
    pub cut: u64,
    /// WebSockets and streams of events that were ended for their clients to come again.
    #[serde(default)]
    pub moved: u64,
    /// One of the versions went live again before it had drained.
    pub superseded: bool,
    /// Milliseconds from the flip.
    pub took_ms: u64,
}
