//! Who did what, when and from where: one entry for each call that may change something, what is refused
//! too. Never what was in it, but for commands in containers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::{NewAudit, Outcome, Way};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Caller;
use crate::App;
use crate::auth::{Principal, Via};

/// As many refused calls of people whom nobody knows are written down in a minute: they can send as many as
/// they like.
const STRANGERS: u32 = 60;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// How often what is too old is looked for.
const FORGET_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// As much is kept of a command, in characters.
const COMMAND: usize = 1000;

/// What ends a part of a query, or is no character that one sees.
const QUERY: &AsciiSet = &CONTROLS.add(b'&').add(b'+').add(b'%').add(b'#').add(b'=');

/// A value as a query has it, as legible as that can be.
fn in_query(value: &str) -> String {
    utf8_percent_encode(value, QUERY).to_string().replace(' ', "+")
}

/// Writes down who did what.
pub(super) struct Audit {
    app: App,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when strangers are counted.
    since: Option<Timestamp>,
    strangers: u32,
    forgot_at: Option<Timestamp>,
}

/// What a call is about.
pub(super) struct About {
    pub(super) path: String,
    pub(super) service: Option<ServiceName>,
}

/// What handlers know better than the path says. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note(Arc<Mutex<Noted>>);

#[derive(Debug, Clone, Default)]
struct Noted {
    who: Option<String>,
    way: Option<Way>,
    session: Option<i64>,
    service: Option<ServiceName>,
    version: Option<VersionNumber>,
    refused: bool,
    command: Option<String>,
}

impl Note {
    fn with(&self, note: impl FnOnce(&mut Noted)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn noted(&self) -> Noted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn principal(&self, principal: &Principal) {
        self.with(|noted| {
            noted.who = Some(principal.name.clone());
            (noted.way, noted.session) = match &principal.via {
                Via::Token { .. } => (Some(Way::Token), None),
                Via::Session { id, .. } => (Some(Way::Session), Some(*id)),
            };
        });
    }

    pub(super) fn service(&self, service: &ServiceName) {
        self.with(|noted| noted.service = Some(service.clone()));
    }

    /// Somebody signs in, or tries to.
    pub(crate) fn signs_in(&self, who: Option<&str>, way: Way) {
        self.with(|noted| {
            noted.who = who.map(str::to_owned);
            noted.way = Some(way);
        });
    }

    /// The session that begins.
    pub(crate) fn session(&self, id: i64) {
        self.with(|noted| noted.session = Some(id));
    }

    /// The version that it is about.
    pub(crate) fn version(&self, version: VersionNumber) {
        self.with(|noted| noted.version = Some(version));
    }

    /// The command that is run, and in which container.
    pub(crate) fn command(&self, container: Option<&str>, command: &[String]) {
        let container = container.map(|name| ("container", name));
        let parts = command.iter().map(|part| ("command", part.as_str()));
        let all = container.into_iter().chain(parts);
        let all = all.map(|(name, value)| format!("{name}={}", in_query(value)));
        let text = all.collect::<Vec<_>>().join("&");
        self.with(|noted| noted.command = Some(text.chars().take(COMMAND).collect()));
    }

    /// Nothing was done, though the answer is a page.
    pub(crate) fn refused(&self) {
        self.with(|noted| noted.refused = true);
    }
}

impl<S: Sync> FromRequestParts<S> for Note {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// A call that is under way. One that is dropped was broken off by its caller, and is written down as that.
pub(super) struct Pending {
    audit: Arc<Audit>,
    call: Option<NewAudit>,
    note: Note,
}

impl Audit {
    pub(super) fn new(app: &App) -> Self {
        Self { app: app.clone(), state: Mutex::default() }
    }

    pub(super) fn begin(
        self: &Arc<Self>,
        method: &Method,
        about: About,
        caller: &Caller,
        note: &Note,
        version: Option<VersionNumber>,
    ) -> Pending {
        let call = NewAudit {
            at: self.app.now(),
            who: None,
            way: Way::Nobody,
            session: None,
            address: caller.address,
            method: method.as_str().chars().take(10).collect(),
            path: about.path,
            service: about.service,
            version,
            status: 0,
            outcome: Outcome::BrokenOff,
        };
        Pending { audit: Arc::clone(self), call: Some(call), note: note.clone() }
    }

    async fn write(&self, call: NewAudit) {
        let refused = call.outcome != Outcome::Done;
        if refused && call.who.is_none() && !self.takes_a_stranger(call.at) {
            return;
        }
        self.forget_old(call.at).await;
        if let Err(error) = self.app.store.audit(call).await {
            tracing::error!(%error, "who did what could not be written down");
        }
    }

    fn takes_a_stranger(&self, now: Timestamp) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |since| (SignedDuration::ZERO..MINUTE).contains(&now.duration_since(since));
        if !state.since.is_some_and(recent) {
            (state.since, state.strangers) = (Some(now), 0);
        }
        state.strangers += 1;
        if state.strangers == STRANGERS + 1 {
            tracing::warn!(
                "strangers make many calls, which are refused; the rest of this minute is not written down"
            );
        }
        state.strangers <= STRANGERS
    }

    async fn forget_old(&self, now: Timestamp) {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let soon = |at| now.duration_since(at).abs() < FORGET_EVERY;
            if state.forgot_at.is_some_and(soon) {
                return;
            }
            state.forgot_at = Some(now);
        }
        let keep = self.app.settings.audit_keep;
        let oldest = now.checked_sub(keep).unwrap_or(Timestamp::MIN);
        if let Err(error) = self.app.store.forget_audit(oldest).await {
            tracing::error!(%error, "what was done long ago could not be forgotten");
        }
    }
}

impl Pending {
    /// The call was answered.
    pub(super) async fn end(mut self, status: StatusCode) {
        let Some(call) = self.finished(Some(status)) else { return };
        self.audit.write(call).await;
    }

    fn finished(&mut self, status: Option<StatusCode>) -> Option<NewAudit> {
        let mut call = self.call.take()?;
        let noted = self.note.noted();
        call.who = noted.who;
        let hook = call.path.starts_with("/api/v1/hooks/");
        let signed = hook && status.is_some_and(|status| status.is_success());
        if let Some(command) = noted.command {
            call.path = format!("{}?{command}", call.path);
        }
        call.way = noted.way.unwrap_or(if signed { Way::Signature } else { Way::Nobody });
        call.session = noted.session;
        call.service = noted.service.or(call.service);
        call.version = noted.version.or(call.version);
        let Some(status) = status else { return Some(call) };
        call.status = status.as_u16();
        call.outcome = match status {
            status if status.is_server_error() => Outcome::Failed,
            status if status.is_client_error() || noted.refused => Outcome::Refused,
            _ => Outcome::Done,
        };
        Some(call)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(call) = self.finished(None) else { return };
        let audit = Arc::clone(&self.audit);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { audit.write(call).await });
        }
    }
}
