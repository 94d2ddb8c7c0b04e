//! Whether a request to a preview comes from somebody who may look at it (RFC 7617).

use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::Site;
use crate::table::{Login, ServiceTable};

/// How many attempts to log in to one service are looked at together, and how many more wait.
const TOGETHER: usize = 32;
const WAITING: usize = 256;

/// Who may look at a service's previews. It is kept from table to table while nobody else may, with what
/// it has learned.
#[derive(Debug)]
pub(crate) struct Logins {
    who: Vec<Login>,
    /// For each of them, the [mark](Self::mark) of the password that has once been found right: a hash
    /// that takes long is computed once.
    right: Vec<OnceLock<[u8; 32]>>,
    /// Begins what is marked.
    key: [u8; 32],
    pub(crate) challenge: HeaderValue,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) turns: Arc<Semaphore>,
}

/// What is to be said to a request.
pub(crate) enum Asked {
    /// Somebody who may look.
    Welcome,
    /// It does not say who it is from.
    Stranger,
    /// Nobody may look.
    Nobody,
    /// It is to be found out.
    Attempt(Attempt),
}

/// Somebody who is not known to be right.
pub(crate) struct Attempt {
    pub(crate) logins: Arc<Logins>,
    /// Who it says it is, if that is somebody whose password has not been seen yet.
    unseen: Option<usize>,
    password: SecretString,
}

impl Logins {
    pub(super) fn compile(table: &ServiceTable, before: &[&Site]) -> Option<Arc<Self>> {
        let who = table.rules.preview_logins.as_ref()?;
        let same = before.iter().filter_map(|site| site.logins.as_ref());
        if let Some(same) = same.into_iter().find(|logins| logins.who == *who) {
            return Some(same.clone());
        }
        let challenge = format!("Basic realm=\"previews of {}\", charset=\"UTF-8\"", table.name);
        Some(Arc::new(Self {
            who: who.clone(),
            right: who.iter().map(|_| OnceLock::new()).collect(),
            key: rand::random(),
            // A service's name is made of letters, digits and hyphens.
            challenge: HeaderValue::try_from(challenge)
                .unwrap_or(HeaderValue::from_static("Basic realm=\"previews\"")),
            places: Arc::new(Semaphore::new(TOGETHER + WAITING)),
            turns: Arc::new(Semaphore::new(TOGETHER)),
        }))
    }

    /// Whether a request may see a preview, as far as that can be said at once.
    pub(crate) fn ask(self: &Arc<Self>, headers: &HeaderMap) -> Asked {
        if self.who.is_empty() {
            return Asked::Nobody;
        }
        let Some((user, password)) = credentials(headers) else { return Asked::Stranger };
        let named = self.who.iter().position(|login| login.user == user);
        let seen = named.and_then(|n| self.right[n].get());
        if seen.is_some_and(|right| right.ct_eq(&self.mark(&password)).into()) {
            return Asked::Welcome;
        }
        // Of who has been seen, another password is known to be wrong.
        let unseen = named.filter(|_| seen.is_none());
        Asked::Attempt(Attempt { logins: self.clone(), unseen, password })
    }

    fn mark(&self, password: &SecretString) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(password.expose_secret());
        hash.finalize().into()
    }
}

impl Attempt {
    /// Whether finding out takes long.
    pub(crate) fn takes_long(&self) -> bool {
        self.unseen.is_some()
    }

    /// Whether the password is right. That is remembered.
    pub(crate) fn is_right(&self) -> bool {
        let Self { logins, unseen, password } = self;
        let Some(n) = *unseen else { return false };
        let right = logins.who[n].is(password);
        if right {
            let _ = logins.right[n].set(logins.mark(password));
        }
        right
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

/// The user and the password in a request's one Authorization field, if it is of that kind.
pub(super) fn credentials(headers: &HeaderMap) -> Option<(String, SecretString)> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, rest) = field.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(rest.trim_matches(' ')).ok()?;
    let text = SecretString::from(String::from_utf8(decoded).ok()?);
    let (user, password) = text.expose_secret().split_once(':')?;
    Some((user.to_owned(), password.to_owned().into()))
}
