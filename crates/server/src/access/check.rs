//! The one check: every call of every router comes through it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use launcher_model::role::Role;
use launcher_model::{BuildId, ServiceName};

use super::audit::{About, Audit};
use super::table::{Needs, rule};
use super::{Caller, Door, Note, Rule};
use crate::App;
use crate::auth::Principal;
use crate::http::problem::Problem;

/// What the check works with. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(super) app: App,
    pub(super) audit: Arc<Audit>,
}

impl Guard {
    pub(crate) fn new(app: &App) -> Self {
        Self { app: app.clone(), audit: Arc::new(Audit::new(app)) }
    }
}

/// Why a call is not made.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody knows who calls; or what they have shown is not valid.
    Unknown {
        /// They have shown something.
        shown: bool,
    },
    /// It is known who calls, and they may not.
    Forbidden(String),
    /// They may not even know that there is such a thing.
    Hidden(Problem),
    /// The server failed.
    Fault(Problem),
}

impl From<launcher_store::Error> for Refusal {
    fn from(error: launcher_store::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Lets a call through to whoever may make it, and writes it down.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = path.unwrap_or_default();
    let Some(rule) = rule(&parts.method, &path) else {
        tracing::error!(path, "no rule says who may make this call, so nobody may");
        return super::door::unruled(&path);
    };
    let named = Named::of(&mut parts, rule).await;
    let caller = Caller::of(&parts);
    let note = Note::default();
    let method = parts.method.clone();
    let begin = || {
        let about = About { path: named.shown(&path), service: named.service.clone() };
        guard.audit.begin(&method, about, &caller, &note, named.version)
    };
    let mut pending = rule.is_audited(&method).then(begin);
    let app = &guard.app;
    let response = match admitted(app, rule, &parts, &named, &note).await {
        Ok(principal) => {
            if let Some(principal) = principal {
                principal.is_here(app).await;
                parts.extensions.insert(principal);
            }
            parts.extensions.insert(note.clone());
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => {
            // A push that is refused does not come further than its first question; and that is asked
            // without a token first.
            if rule.door == Door::Git && !matches!(refusal, Refusal::Unknown { shown: false }) {
                pending.get_or_insert_with(begin);
            }
            super::door::refuse(rule.door, &parts, refusal).await
        }
    };
    if let Some(pending) = pending.take() {
        pending.end(response.status()).await;
    }
    response
}

/// Who calls, if they may.
async fn admitted(
    app: &App,
    rule: Rule,
    parts: &Parts,
    named: &Named,
    note: &Note,
) -> Result<Option<Principal>, Refusal> {
    if rule.needs == Needs::Nothing {
        return Ok(None);
    }
    let principal = match super::door::known(app, rule.door, parts).await {
        Ok(Some(principal)) => principal,
        // The signature in the address says enough.
        Ok(None) => return Ok(None),
        Err(refusal) => return Err(refusal),
    };
    note.principal(&principal);
    let service = match rule.needs {
        Needs::Build(_) => {
            let build = match named.build {
                Some(id) => app.store.build(id).await?,
                None => None,
            };
            build.map(|build| build.service)
        }
        _ => named.service.clone(),
    };
    if let Some(service) = &service {
        note.service(service);
    }
    let allowed = match rule.needs {
        Needs::Service(role) | Needs::Build(role) => match &service {
            Some(service) => principal.roles.include_on(role, service),
            None => principal.roles.include(role),
        },
        needs => principal.has(needs, named.name.as_deref()),
    };
    if allowed {
        return Ok(Some(principal));
    }
    Err(match (rule.needs, &service) {
        // An agent has nothing to do with services at all.
        (Needs::Service(_) | Needs::Build(_), Some(service))
            if !principal.roles.see(service) && principal.roles.role != Role::Agent =>
        {
            Refusal::Hidden(hidden(rule.needs, service.clone(), named))
        }
        (Needs::Build(_), None)
            if !principal.roles.include(Role::Viewer) && principal.roles.role != Role::Agent =>
        {
            let id = named.build.unwrap_or(BuildId(0));
            Refusal::Hidden(launcher_build::Error::NoBuild(id).into())
        }
        (needs, service) => {
            let wanted = needs.in_words(service.as_ref().map(ServiceName::as_str));
            Refusal::Forbidden(principal.not_allowed(&wanted, needs.role()))
        }
    })
}

/// The words that a handler has for what is not there.
fn hidden(needs: Needs, service: ServiceName, named: &Named) -> Problem {
    match (needs, named.build) {
        (Needs::Build(_), Some(id)) => launcher_build::Error::NoBuild(id).into(),
        _ => launcher_control::Error::NoService(service).into(),
    }
}

impl Principal {
    fn has(&self, needs: Needs, named: Option<&str>) -> bool {
        match needs {
            Needs::Nothing | Needs::Anyone => true,
            Needs::Somebody => self.roles.role != Role::Agent,
            Needs::Everywhere(role) => self.roles.include(role),
            Needs::Somewhere(role) => self.roles.include_somewhere(role),
            Needs::Oneself => {
                self.roles.include(Role::Admin) || (self.is_person() && named == Some(&self.name))
            }
            Needs::Agent => self.roles.include(Role::Admin) || self.roles.include(Role::Agent),
            // Said by the service.
            Needs::Service(_) | Needs::Build(_) => false,
        }
    }
}

/// What a call's path names.
#[derive(Default)]
struct Named {
    service: Option<ServiceName>,
    version: Option<launcher_model::VersionNumber>,
    build: Option<BuildId>,
    name: Option<String>,
    all: Vec<(String, String)>,
}

/// As much is kept of what a path names, in characters.
const SHOWN: usize = 100;

impl Named {
    async fn of(parts: &mut Parts, rule: Rule) -> Self {
        // What cannot be understood is for the handler to say.
        let Ok(given) = RawPathParams::from_request_parts(parts, &()).await else {
            return Self::default();
        };
        let mut named = Self::default();
        for (key, value) in &given {
            match key {
                "service" => named.service = ServiceName::new(value).ok(),
                "repository" => {
                    let name = value.strip_suffix(".git").unwrap_or(value);
                    named.service = ServiceName::new(name).ok();
                }
                "version" => named.version = value.parse().ok(),
                "id" if matches!(rule.needs, Needs::Build(_)) => {
                    named.build = value.parse().ok().map(BuildId);
                }
                "name" => named.name = Some(value.to_owned()),
                _ => {}
            }
            named.all.push((key.to_owned(), value.to_owned()));
        }
        named
    }

    /// The path, without what is secret in it.
    fn shown(&self, template: &str) -> String {
        let part = |part: &str| {
            let key = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let known = key.filter(|key| *key != "secret").and_then(|key| {
                let mut all = self.all.iter();
                all.find(|(name, _)| name == key).map(|(_, value)| value)
            });
            match known {
                Some(value) => value.chars().filter(|c| !c.is_control()).take(SHOWN).collect(),
                None => part.to_owned(),
            }
        };
        template.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}
