//! Who calls: a token, or a person in a session.

pub mod password;
pub mod session;
pub mod throttle;
pub mod token;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use launcher_model::event::{Event, EventKind};
use launcher_model::role::{Role, Roles};
use launcher_store::{EventFilter, Owner, Session, Token};

use crate::App;
use crate::http::problem::Problem;
use token::TokenText;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name of the token or the person; `by` of what is done.
    pub name: String,
    /// What they may do.
    pub roles: Roles,
    /// How they came in.
    pub via: Via,
}

/// How somebody came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// With the token that has this hash.
    Token {
        /// SHA-256 of its text.
        hash: [u8; 32],
    },
    /// In a session.
    Session {
        /// Its number.
        id: i64,
        /// SHA-256 of its cookie.
        hash: [u8; 32],
        /// For whom it is.
        owner: Owner,
        /// When it ends.
        expires_at: Timestamp,
        /// When something was last asked for in it.
        last_seen: Option<Timestamp>,
    },
}

/// What is said to whoever sends a token that is none of ours: nothing of whether it ever was.
pub(crate) const NOT_VALID: &str = "this token is not valid, or was revoked; an administrator creates one with `launcher token create \
    NAME`, with `--role agent` for an agent, and with `--role viewer` for what only looks";

/// That a session is used is written down so often.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(1);

impl Principal {
    /// Whose token this is, if it is valid.
    pub(crate) async fn with_token(app: &App, text: &str) -> launcher_store::Result<Option<Self>> {
        let Some(text) = TokenText::read(text) else { return Ok(None) };
        let hash = text.hash();
        let token = app.store.token_by_hash(&hash).await?;
        Ok(token.map(|token| Self::of_token(token, hash)))
    }

    fn of_token(token: Token, hash: [u8; 32]) -> Self {
        Self { name: token.name, roles: token.roles, via: Via::Token { hash } }
    }

    /// Whose session's cookie this is, if it is valid.
    pub(crate) async fn in_session(
        app: &App,
        cookie: &TokenText,
    ) -> launcher_store::Result<Option<Self>> {
        let hash = cookie.hash();
        let session = app.store.session(&hash, app.now()).await?;
        Ok(session.map(|session| Self::of_session(session, hash)))
    }

    fn of_session(session: Session, hash: [u8; 32]) -> Self {
        let Session { id, owner, roles, expires_at, last_seen, .. } = session;
        let name = owner.name().to_owned();
        Self { name, roles, via: Via::Session { id, hash, owner, expires_at, last_seen } }
    }

    /// The same as they are now; none when they may not come in any more.
    pub(crate) async fn again(&self, app: &App) -> Option<Self> {
        let found = match &self.via {
            Via::Token { hash } => app
                .store
                .token_by_hash(hash)
                .await
                .map(|token| token.map(|token| Self::of_token(token, *hash))),
            Via::Session { hash, .. } => app
                .store
                .session(hash, app.now())
                .await
                .map(|session| session.map(|session| Self::of_session(session, *hash))),
        };
        found.ok().flatten()
    }

    /// Whether they may hear of an event. What concerns no service is for those who may look everywhere, what
    /// concerns people for administrators.
    pub(crate) fn sees(&self, event: &Event) -> bool {
        if EventKind::OF_PEOPLE.contains(&event.kind) {
            return self.roles.include(Role::Admin);
        }
        match &event.service {
            Some(service) => self.roles.see(service),
            None => self.roles.include(Role::Viewer),
        }
    }

    /// The events that they may see.
    pub(crate) fn events(&self) -> EventFilter {
        let (among, without_people) = (self.roles.only(), !self.roles.include(Role::Admin));
        EventFilter { among, without_people, ..EventFilter::default() }
    }

    /// Whose the sessions are that they may see: of the token, or of the person.
    pub(crate) fn owner(&self) -> Owner {
        match &self.via {
            Via::Token { .. } => Owner::Token(self.name.clone()),
            Via::Session { owner, .. } => owner.clone(),
        }
    }

    /// Whether this is a person, and no token.
    pub(crate) fn is_person(&self) -> bool {
        matches!(self.owner(), Owner::Person(_))
    }

    /// The number of the session that they are in.
    pub(crate) fn session(&self) -> Option<i64> {
        match self.via {
            Via::Session { id, .. } => Some(id),
            Via::Token { .. } => None,
        }
    }

    /// Keeps that a session is used, once in a while.
    pub(crate) async fn is_here(&self, app: &App) {
        let Via::Session { id, last_seen, .. } = self.via else { return };
        let now = app.now();
        let recent = |at: Timestamp| now.duration_since(at).abs() < SEEN_EVERY;
        if last_seen.is_some_and(recent) {
            return;
        }
        if let Err(error) = app.store.session_seen(id, now).await {
            tracing::warn!(%error, "that a session is used could not be written down");
        }
    }

    /// Says to whom it is why they may not, and what would.
    pub(crate) fn not_allowed(&self, wanted: &str, role: Role) -> String {
        let Self { name, roles, .. } = self;
        let has = roles.in_words();
        if self.is_person() {
            return format!(
                "{name} has the role {has}, and this needs {wanted}; an administrator gives it with `launcher \
                 person set {name}`"
            );
        }
        // Without a name for it, a token may do everything.
        let flag = if role == Role::Admin { String::new() } else { format!(" --role {role}") };
        let may =
            if roles.services.is_empty() { format!("{has}: it {}", roles.role.may()) } else { has };
        format!(
            "the token {name} has the role {may}; this needs {wanted}: use another token, such as one that \
             `launcher token create NAME{flag}` makes"
        )
    }
}

/// The password of basic authentication (RFC 7617), or a bearer token.
pub(crate) fn password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(text.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    // Some tools give a token as the user, with no password.
    let is_given = !password.is_empty() || TokenText::read(user).is_some();
    is_given.then(|| if password.is_empty() { user } else { password }.to_owned())
}

/// A bearer token.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Self>().cloned();
        known.ok_or_else(|| Problem::unauthorized("this call needs a token"))
    }
}
