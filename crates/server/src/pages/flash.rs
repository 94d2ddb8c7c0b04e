//! What the last press did, or what stood in its way: carried over the redirect by a short-lived cookie.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::cookies;
use crate::Settings;

const COOKIE: &str = "launcher_flash";
/// Long enough for a redirect.
const SECONDS: i64 = 60;
/// A cookie has room for about 4,000 bytes in all.
const LONGEST: usize = 700;

/// A sentence for the person who pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flash {
    /// It was done; or something stood in the way.
    pub(super) done: bool,
    /// What.
    pub(super) text: String,
}

impl Flash {
    pub(super) fn done(text: impl Into<String>) -> Self {
        Self { done: true, text: text.into() }
    }

    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self { done: false, text: text.into() }
    }

    /// The one that a request carries.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cookies::read(headers, COOKIE)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(super) fn cookie(&self, settings: &Settings) -> HeaderValue {
        let text = self.text.chars().take(LONGEST).collect();
        let cut = Self { done: self.done, text };
        let value = serde_json::to_vec(&cut).unwrap_or_default();
        cookies::set(settings, COOKIE, &BASE64_URL_SAFE_NO_PAD.encode(value), SECONDS)
    }

    /// Once shown, it is over.
    pub(super) fn forget(settings: &Settings) -> HeaderValue {
        cookies::set(settings, COOKIE, "", 0)
    }
}
