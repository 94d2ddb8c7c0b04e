//! What each call needs. A call that is not here is answered to nobody.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::Method;
use launcher_model::role::Role;
use launcher_model::role::Role::{Admin, Deployer, Viewer};

/// How a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// By a bearer token, or by the cookie of a session.
    Api,
    /// By the cookie of a session.
    Pages,
    /// By a token as the password.
    Git,
    /// By any of these, or by the signature in the address.
    Graphs,
    /// By a bearer token.
    Metrics,
    /// By a token in the query, or as the password.
    Jenkins,
    /// Not at all, or the handler itself finds out.
    Open,
}

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// That somebody is known.
    Anyone,
    /// That somebody is known who is no agent. What is answered is narrowed to what they may see.
    Somebody,
    /// The role, in the whole installation.
    Everywhere(Role),
    /// The role, in the whole installation or on any service.
    Somewhere(Role),
    /// The role on the service that the path names.
    Service(Role),
    /// The role on the service whose build the path names.
    Build(Role),
    /// To be the person whom the path names, or an administrator.
    Oneself,
    /// To be an agent, or an administrator.
    Agent,
}

/// What one call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The method; HEAD needs what GET does.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
    /// How the caller is known.
    pub door: Door,
    /// What they need.
    pub needs: Needs,
}

use Needs::{Agent, Anyone, Build, Everywhere, Nothing, Oneself, Service, Somebody, Somewhere};

type Row = (&'static str, &'static str, Needs);

/// Deployers: all that services need from day to day, their settings too, as a build brings its own along.
/// Not: deletion of services, and commands in containers, where production's data is.
const API: &[Row] = &[
    ("GET", "/api/openapi.json", Somebody),
    ("GET", "/api/v1/services", Somebody),
    ("POST", "/api/v1/services", Everywhere(Deployer)),
    ("GET", "/api/v1/services/{service}", Service(Viewer)),
    ("PUT", "/api/v1/services/{service}", Service(Deployer)),
    ("DELETE", "/api/v1/services/{service}", Service(Admin)),
    ("GET", "/api/v1/services/{service}/outlook", Service(Viewer)),
    ("GET", "/api/v1/services/{service}/versions", Service(Viewer)),
    ("POST", "/api/v1/services/{service}/versions", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/versions/{version}", Service(Viewer)),
    ("DELETE", "/api/v1/services/{service}/versions/{version}", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/versions/{version}/outlook", Service(Viewer)),
    ("POST", "/api/v1/services/{service}/versions/{version}/start", Service(Deployer)),
    ("POST", "/api/v1/services/{service}/versions/{version}/stop", Service(Deployer)),
    ("POST", "/api/v1/services/{service}/versions/{version}/scale", Service(Deployer)),
    ("POST", "/api/v1/services/{service}/versions/{version}/pin", Service(Deployer)),
    ("POST", "/api/v1/services/{service}/versions/{version}/unpin", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/versions/{version}/logs", Service(Viewer)),
    ("POST", EXEC, Service(Admin)),
    ("GET", EXEC, Service(Admin)),
    ("POST", "/api/v1/services/{service}/versions/{version}/run", Service(Admin)),
    ("GET", "/api/v1/services/{service}/branches", Service(Viewer)),
    ("DELETE", "/api/v1/services/{service}/branches/{branch}", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/deployments", Service(Viewer)),
    ("POST", "/api/v1/services/{service}/deployments", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/deployments/{id}", Service(Viewer)),
    ("POST", "/api/v1/services/{service}/rollback", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/builds", Service(Viewer)),
    ("POST", "/api/v1/services/{service}/builds", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/metrics", Service(Viewer)),
    ("GET", "/api/v1/services/{service}/graphs", Service(Viewer)),
    ("POST", "/api/v1/services/{service}/hold", Service(Deployer)),
    ("DELETE", "/api/v1/services/{service}/hold", Service(Deployer)),
    ("GET", "/api/v1/services/{service}/maintenance", Service(Viewer)),
    ("PUT", "/api/v1/services/{service}/maintenance", Service(Deployer)),
    ("DELETE", "/api/v1/services/{service}/maintenance", Service(Deployer)),
    ("GET", "/api/v1/deployments", Somebody),
    ("GET", "/api/v1/builds", Somebody),
    ("GET", "/api/v1/builds/{id}", Build(Viewer)),
    ("GET", "/api/v1/builds/{id}/log", Build(Viewer)),
    ("POST", "/api/v1/builds/{id}/cancel", Build(Deployer)),
    ("POST", "/api/v1/builds/{id}/retry", Build(Deployer)),
    ("GET", "/api/v1/events", Somebody),
    ("GET", "/api/v1/containers", Somebody),
    ("GET", "/api/v1/notifications", Everywhere(Viewer)),
    ("POST", "/api/v1/notifications/{name}/test", Everywhere(Admin)),
    ("GET", "/api/v1/hosts", Everywhere(Viewer)),
    ("GET", "/api/v1/hosts/{host}", Everywhere(Viewer)),
    ("POST", "/api/v1/hosts/{host}/close", Everywhere(Admin)),
    ("POST", "/api/v1/hosts/{host}/drain", Everywhere(Admin)),
    ("POST", "/api/v1/hosts/{host}/open", Everywhere(Admin)),
    ("PUT", "/api/v1/hosts/{host}/labels", Everywhere(Admin)),
    ("GET", "/api/v1/hosts/{host}/metrics", Everywhere(Viewer)),
    ("GET", "/api/v1/hosts/{host}/graphs", Everywhere(Viewer)),
    ("POST", REPORTS, Agent),
    ("GET", "/api/v1/certificates", Everywhere(Viewer)),
    ("POST", "/api/v1/certificates/{service}/renew", Service(Deployer)),
    ("GET", "/api/v1/edges", Everywhere(Viewer)),
    ("POST", "/api/v1/edges", Everywhere(Admin)),
    ("DELETE", "/api/v1/edges/{edge}", Everywhere(Admin)),
    ("GET", "/api/v1/server", Anyone),
    // It goes out with the server's own logins.
    ("GET", "/api/v1/server/checkup", Everywhere(Admin)),
    ("GET", "/api/v1/secrets", Everywhere(Viewer)),
    ("PUT", "/api/v1/secrets/{name}", Everywhere(Admin)),
    ("DELETE", "/api/v1/secrets/{name}", Everywhere(Admin)),
    ("GET", "/api/v1/tokens", Everywhere(Viewer)),
    ("POST", "/api/v1/tokens", Everywhere(Admin)),
    ("DELETE", "/api/v1/tokens/{name}", Everywhere(Admin)),
    ("GET", "/api/v1/people", Everywhere(Admin)),
    ("POST", "/api/v1/people", Everywhere(Admin)),
    ("GET", "/api/v1/people/{name}", Oneself),
    ("PUT", "/api/v1/people/{name}", Everywhere(Admin)),
    ("DELETE", "/api/v1/people/{name}", Everywhere(Admin)),
    ("POST", "/api/v1/people/{name}/password", Oneself),
    ("GET", "/api/v1/sessions", Somebody),
    ("DELETE", "/api/v1/sessions/{id}", Somebody),
    ("GET", "/api/v1/audit", Everywhere(Admin)),
    // It only has a look at the registry happen sooner.
    ("POST", "/api/v1/hooks/registry", Somewhere(Deployer)),
];

const PAGES: &[Row] = &[
    ("GET", "/", Somebody),
    ("GET", "/live", Somebody),
    ("GET", "/live/home", Somebody),
    ("GET", "/live/services/{service}", Service(Viewer)),
    ("GET", "/live/services/{service}/versions/{version}", Service(Viewer)),
    ("GET", "/live/services/{service}/versions/{version}/log", Service(Viewer)),
    ("GET", "/live/services/{service}/versions/{version}/deploy", Service(Viewer)),
    ("GET", "/live/services/{service}/deployments/{id}", Service(Viewer)),
    ("GET", "/live/builds", Somebody),
    ("GET", "/live/hosts", Everywhere(Viewer)),
    ("GET", "/live/certificates", Everywhere(Viewer)),
    ("GET", "/live/edges", Everywhere(Viewer)),
    ("GET", "/live/deployments", Somebody),
    ("GET", "/live/events", Somebody),
    ("GET", "/live/people", Everywhere(Admin)),
    ("GET", "/live/audit", Everywhere(Admin)),
    ("GET", "/live/sessions", Somebody),
    ("GET", "/people", Everywhere(Admin)),
    ("GET", "/new/person", Everywhere(Admin)),
    ("POST", "/new/person", Everywhere(Admin)),
    ("GET", "/people/{name}", Oneself),
    ("POST", "/people/{name}", Everywhere(Admin)),
    ("POST", "/people/{name}/password", Oneself),
    ("POST", "/people/{name}/link", Everywhere(Admin)),
    ("POST", "/people/{name}/remove", Everywhere(Admin)),
    ("GET", "/new/token", Everywhere(Admin)),
    ("POST", "/new/token", Everywhere(Admin)),
    ("POST", "/tokens/{name}/revoke", Everywhere(Admin)),
    ("GET", "/secrets", Everywhere(Viewer)),
    ("GET", "/new/secret", Everywhere(Admin)),
    ("GET", "/secrets/{name}", Everywhere(Admin)),
    ("POST", "/secrets/{name}", Everywhere(Admin)),
    ("POST", "/secrets/{name}/unset", Everywhere(Admin)),
    ("GET", "/server", Everywhere(Viewer)),
    ("GET", "/notifications", Everywhere(Viewer)),
    ("GET", "/live/notifications", Everywhere(Viewer)),
    ("POST", "/notifications/{name}/test", Everywhere(Admin)),
    ("GET", "/audit", Everywhere(Admin)),
    ("GET", "/sessions", Somebody),
    ("POST", "/sessions/{id}/end", Somebody),
    ("GET", "/jump", Somebody),
    ("GET", "/builds", Somebody),
    ("GET", "/builds/{id}", Build(Viewer)),
    ("GET", "/builds/{id}/log.txt", Build(Viewer)),
    ("POST", "/builds/{id}/cancel", Build(Deployer)),
    ("POST", "/builds/{id}/retry", Build(Deployer)),
    ("GET", "/live/builds/{id}", Build(Viewer)),
    ("GET", "/live/builds/{id}/log", Build(Viewer)),
    ("GET", "/hosts", Everywhere(Viewer)),
    ("GET", "/hosts/{host}", Everywhere(Viewer)),
    ("GET", "/live/hosts/{host}", Everywhere(Viewer)),
    ("GET", "/hosts/{host}/sure/{act}", Everywhere(Admin)),
    ("POST", "/hosts/{host}/{act}", Everywhere(Admin)),
    ("GET", "/certificates", Everywhere(Viewer)),
    ("POST", "/certificates/{service}/renew", Service(Deployer)),
    ("GET", "/edges", Everywhere(Viewer)),
    ("GET", "/edges/{edge}", Everywhere(Viewer)),
    ("GET", "/live/edges/{edge}", Everywhere(Viewer)),
    ("GET", "/edges/{edge}/revoke", Everywhere(Admin)),
    ("POST", "/edges/{edge}/revoke", Everywhere(Admin)),
    ("GET", "/new/edge", Everywhere(Admin)),
    ("POST", "/new/edge", Everywhere(Admin)),
    ("GET", "/deployments", Somebody),
    ("GET", "/events", Somebody),
    ("GET", "/services/{service}", Service(Viewer)),
    ("GET", "/services/{service}/versions/{version}", Service(Viewer)),
    ("GET", "/services/{service}/versions/{version}/log.txt", Service(Viewer)),
    ("GET", TERMINAL, Service(Admin)),
    ("GET", "/services/{service}/versions/{version}/deploy", Service(Viewer)),
    ("GET", "/services/{service}/deployments/{id}", Service(Viewer)),
    ("GET", "/new/service", Everywhere(Deployer)),
    ("POST", "/new/service", Everywhere(Deployer)),
    ("POST", CHECK_NEW, Everywhere(Deployer)),
    ("GET", "/services/{service}/settings", Service(Viewer)),
    ("POST", "/services/{service}/settings", Service(Deployer)),
    ("POST", CHECK, Service(Deployer)),
    ("GET", "/services/{service}/launch", Service(Deployer)),
    ("POST", "/services/{service}/launch", Service(Deployer)),
    ("POST", "/services/{service}/maintenance", Service(Deployer)),
    ("POST", "/services/{service}/hold", Service(Deployer)),
    ("POST", "/services/{service}/release", Service(Deployer)),
    ("GET", "/services/{service}/delete", Service(Admin)),
    ("POST", "/services/{service}/delete", Service(Admin)),
    ("GET", "/services/{service}/offline", Service(Deployer)),
    ("POST", "/services/{service}/offline", Service(Deployer)),
    ("GET", "/services/{service}/maintenance", Service(Deployer)),
    ("GET", "/services/{service}/versions/{version}/sure/{act}", Service(Deployer)),
    ("POST", "/services/{service}/{act}", Service(Deployer)),
    ("POST", "/logout", Somebody),
];

const GRAPHS: &[Row] = &[
    ("GET", "/graphs/{service}/{file}", Service(Viewer)),
    ("GET", "/graphs/hosts/{host}/{file}", Everywhere(Viewer)),
];

const GIT: &[Row] = &[
    ("GET", "/git/{repository}/info/refs", Service(Deployer)),
    ("POST", FETCH, Service(Deployer)),
    ("POST", "/git/{repository}/git-receive-pack", Service(Deployer)),
];

const OPEN: &[Row] = &[
    ("GET", "/login", Nothing),
    ("POST", "/login", Nothing),
    ("GET", "/login/openid", Nothing),
    ("GET", CALLBACK, Nothing),
    ("GET", "/login/{secret}", Nothing),
    ("POST", "/login/{secret}", Nothing),
    ("GET", "/assets/{hash}/{*file}", Nothing),
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    // What comes in is signed.
    ("POST", "/api/v1/hooks/{host}/{service}", Nothing),
];

const ALL: &[(Door, &[Row])] = &[
    (Door::Api, API),
    (Door::Pages, PAGES),
    (Door::Git, GIT),
    (Door::Graphs, GRAPHS),
    (Door::Metrics, &[("GET", "/metrics", Everywhere(Viewer))]),
    (Door::Jenkins, &[("POST", "/api/v1/hooks/jenkins/{service}", Service(Deployer))]),
    (Door::Open, OPEN),
];

/// A command in a container: a call, or a conversation over a WebSocket, which is a GET and may do anything.
const EXEC: &str = "/api/v1/services/{service}/versions/{version}/exec";
/// The page that has such a conversation.
const TERMINAL: &str = "/services/{service}/versions/{version}/terminal/{container}";
/// The provider leads a browser back, which begins a session.
const CALLBACK: &str = "/login/openid/callback";
/// The one call by which agents tell what they have measured, every second or so.
const REPORTS: &str = "/api/v1/hosts/{host}/reports";
/// A question of git's, which is a POST and changes nothing.
const FETCH: &str = "/git/{repository}/git-upload-pack";
/// Questions of the editors, as one types: POST, as what is asked about may be long, and nothing is changed.
const CHECK: &str = "/services/{service}/settings/check";
const CHECK_NEW: &str = "/new/service/check";

/// What every call needs.
pub fn rules() -> impl Iterator<Item = Rule> {
    let of_door = |(door, rows): &'static (Door, &'static [Row])| {
        rows.iter().map(|(method, path, needs)| Rule { method, path, door: *door, needs: *needs })
    };
    ALL.iter().flat_map(of_door)
}

static BY_PATH: LazyLock<HashMap<&'static str, Vec<Rule>>> = LazyLock::new(|| {
    let mut by_path: HashMap<_, Vec<Rule>> = HashMap::new();
    for rule in rules() {
        by_path.entry(rule.path).or_default().push(rule);
    }
    by_path
});

/// What a call needs; none when the table does not know its path.
pub(super) fn rule(method: &Method, path: &str) -> Option<Rule> {
    let rules = BY_PATH.get(path)?;
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let found = rules.iter().find(|rule| rule.method == method).copied();
    // Which methods a path takes is nobody's business who is not known.
    found.or_else(|| {
        let first = rules.first()?;
        let needs = if first.door == Door::Open { Nothing } else { Somebody };
        Some(Rule { method: "", needs, ..*first })
    })
}

impl Rule {
    /// Whether a call is written down: what may change something, a sign-in, and a command in a container; but
    /// not what comes all the time.
    pub(super) fn is_audited(&self, method: &Method) -> bool {
        let looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let unwritten = [REPORTS, FETCH, CHECK, CHECK_NEW];
        [CALLBACK, EXEC].contains(&self.path) || !looks && !unwritten.contains(&self.path)
    }
}

impl Needs {
    /// The least role that is enough, where it is held as widely as is needed.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Everywhere(role) | Self::Somewhere(role) => role,
            Self::Service(role) | Self::Build(role) => role,
            Self::Oneself => Admin,
            Self::Agent => Role::Agent,
            Self::Nothing | Self::Anyone | Self::Somebody => Viewer,
        }
    }

    /// The role, and where, as the end of a sentence.
    pub(super) fn in_words(self, service: Option<&str>) -> String {
        match (self, service) {
            (Self::Everywhere(role), _) => format!("{role} everywhere"),
            (Self::Somewhere(role), _) => format!("{role}, at least on one service"),
            (Self::Service(role) | Self::Build(role), Some(service)) => {
                format!("{role} on {service}")
            }
            (Self::Service(role) | Self::Build(role), None) => format!("{role} on the service"),
            (Self::Oneself, _) => format!("{Admin} everywhere, but for oneself"),
            (Self::Agent, _) => Role::Agent.to_string(),
            (Self::Nothing | Self::Anyone | Self::Somebody, _) => Viewer.to_string(),
        }
    }
}
