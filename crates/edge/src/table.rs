//! What an edge knows: where each service's traffic goes.
//!
//! The control plane sends it, the edge keeps it on disk and compiles it into the form that requests
//! are looked up in.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use launcher_model::service::{
    Compression, Contact, Headers, Health, PathTarget, Protocol, Redirect, Tls, Traffic,
};
use launcher_model::{Generation, ServiceName, VersionNumber, Weight};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

mod branches;
mod login;

pub use branches::{Branches, Rest, RestKind};
pub use login::{LONGEST_PASSWORD, Login, SALT_BYTES};

/// Everything that one edge serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// What stands behind `vN.<service>.` in a preview's hostname, for example `localhost`.
    pub preview_domain: String,
    /// The installation whose services these are; none before an edge has heard of one.
    #[serde(default)]
    pub installation: Option<String>,
    /// The services.
    pub services: BTreeMap<ServiceName, ServiceTable>,
}

/// One service as an edge sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceTable {
    /// Its name.
    pub name: ServiceName,
    /// Production hostnames, in lower case, without a port.
    pub hosts: Vec<String>,
    /// Counts every change of this table, endpoints included. An edge never takes an older one.
    pub revision: u64,
    /// Counts changes of `weights` alone: the route's generation.
    pub generation: Generation,
    /// Shares of the production traffic; empty while nothing is live.
    pub weights: BTreeMap<VersionNumber, Weight>,
    /// Every environment that has running containers, live or not.
    pub pools: BTreeMap<VersionNumber, Pool>,
    /// Timeouts and limits.
    pub traffic: Traffic,
    /// What is done to requests on their way.
    #[serde(default)]
    pub rules: Rules,
    /// The environments of branches.
    #[serde(default, skip_serializing_if = "Branches::is_empty")]
    pub branches: Branches,
}

/// What is done to a service's requests before and while a version answers them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Paths under which other services answer: the longest that fits counts.
    #[serde(default)]
    pub paths: BTreeMap<String, PathTarget>,
    /// Addresses that have moved: the first that fits counts.
    #[serde(default)]
    pub redirects: Vec<Redirect>,
    /// Header fields that are set or taken away.
    #[serde(default)]
    pub headers: Headers,
    /// Files that are looked for in other versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<Assets>,
    /// What is compressed on its way to clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Who may look at previews. `None`: everybody; an empty list: nobody.
    #[serde(default)]
    pub preview_logins: Option<Vec<Login>>,
    /// While it is there, production is answered with it.
    #[serde(default)]
    pub maintenance: Option<Maintenance>,
    /// What is wanted of HTTPS.
    #[serde(default)]
    pub tls: Tls,
}

/// Files that the pages of one version ask of another one: what the version that is asked does not have
/// is looked for in the other live ones, and in those that were live lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    /// What their paths begin with.
    pub prefixes: Vec<String>,
    /// Versions that were live lately; the one that left last comes first.
    #[serde(default)]
    pub lately: Vec<VersionNumber>,
}

/// What production answers while a service is being maintained: 503, with a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// The team's own page, in HTML; a plain one when there is none.
    #[serde(default)]
    pub page: Option<String>,
    /// When it is worth coming again, in seconds (RFC 9110 §10.2.3).
    #[serde(default)]
    pub retry_after_s: Option<u32>,
}

/// What a table holds, in short. Its revision does not count: a server that was restarted numbers what
/// has not changed anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(String);

impl ServiceTable {
    /// The name of the cookie that keeps a user on a version while several are live.
    #[must_use]
    pub fn sticky_cookie(&self) -> String {
        format!("launcher-version-{}", self.name)
    }

    /// The name of the cookie with which a browser tries a version.
    #[must_use]
    pub fn try_cookie(&self) -> String {
        format!("launcher-try-{}", self.name)
    }

    /// The versions that production traffic goes to.
    pub(crate) fn live(&self) -> impl Iterator<Item = VersionNumber> {
        let weighted = self.weights.iter().filter(|(_, weight)| weight.percent() > 0);
        weighted.map(|(version, _)| *version)
    }

    /// The digest of all but the revision.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let numbered_alike = Self { revision: 0, ..self.clone() };
        // Maps are sorted, so that equal tables are equal texts. Nothing in a table fails to serialize.
        let text = serde_json::to_vec(&numbered_alike).unwrap_or_default();
        let hash = Sha256::digest(text);
        Digest(BASE64_URL_SAFE_NO_PAD.encode(&hash[..16]))
    }
}

/// The containers of one environment that may be sent requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// What its containers speak.
    #[serde(default, skip_serializing_if = "Protocol::is_http1")]
    pub protocol: Protocol,
    /// How an edge checks an endpoint from its own place; `exec` is checked by a connection.
    pub health: Health,
    /// The healthy containers, by container id.
    pub endpoints: BTreeMap<String, SocketAddr>,
    /// Where other machines reach those that they reach at another address. It stays with the control
    /// plane, which gives each edge the addresses that are right for it.
    #[serde(skip)]
    pub published: BTreeMap<String, SocketAddr>,
    /// By what a request names this version.
    #[serde(default)]
    pub passes: Passes,
}

impl Pool {
    /// How its containers are spoken with.
    #[must_use]
    pub fn contact(&self) -> Contact {
        Contact { protocol: self.protocol, health: self.health.clone() }
    }
}

impl ServiceTable {
    /// The table for an edge on another machine than the containers.
    #[must_use]
    pub fn from_afar(mut self) -> Self {
        for pool in self.pools.values_mut() {
            for (container, address) in std::mem::take(&mut pool.published) {
                if let Some(endpoint) = pool.endpoints.get_mut(&container) {
                    *endpoint = address;
                }
            }
        }
        self
    }
}

/// The texts by which a request names a version of its service. The control plane makes them with its
/// key, and an edge only compares them: it has no key, and a `map` of nginx can do the same. They stay as
/// they are as long as the key does. An empty one is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passes {
    /// The value of the [sticky cookie](ServiceTable::sticky_cookie) of those who are on this version.
    pub sticky: String,
    /// What a request carries that tries this version: in a [link](TRY_PARAMETER), in the header
    /// [`TRY_HEADER`], or in the [cookie](ServiceTable::try_cookie) that following the link sets.
    pub trial: String,
}

/// The header by which a request tries a version on a production hostname.
pub const TRY_HEADER: &str = "launcher-try";

/// The query parameter of a link that makes a browser try a version, or with no value leave it again.
pub const TRY_PARAMETER: &str = "launcher-try";

/// What stands behind the value of each cookie that an edge sets.
pub const COOKIE_ATTRIBUTES: &str = "; Path=/; HttpOnly; SameSite=Lax";
