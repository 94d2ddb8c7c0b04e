//! Who looks at a page: the session that the request's cookie names.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::cookies;
use super::error::PageError;
use super::forms::says_where_from;
use super::next;
use crate::App;
use crate::auth::token::TokenText;
use crate::auth::{Principal, Via, session};

/// Who looks.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// The name of the person, or of the token that they signed in for; `by` of what they do.
    pub(super) name: String,
    /// When the session ends.
    pub(super) expires_at: Timestamp,
    /// Who it is, and what they may do.
    pub(super) principal: Principal,
    cookie: TokenText,
    /// What hides the secret of this answer's forms.
    mask: Secret,
}

type Secret = [u8; 32];

/// The cookie of a session that a request carries, valid or not.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<TokenText> {
    cookies::read(headers, session::COOKIE).and_then(TokenText::read)
}

impl Visitor {
    /// Whether the session is still valid; what its owner may do now.
    pub(super) async fn again(&self, app: &App) -> Option<Principal> {
        self.principal.again(app).await
    }

    /// What a form of this session carries, so that a form of another site is known: it cannot be made
    /// without the cookie, and the cookie cannot be read from it. It stands in compressed answers, so it is
    /// another text in each: a mask, and the secret under it.
    pub(super) fn form_secret(&self) -> String {
        let hidden = under(&self.mask, &self.secret());
        BASE64_URL_SAFE_NO_PAD.encode([self.mask, hidden].concat())
    }

    /// Whether a form came from a page of this session.
    pub(super) fn made(&self, form_secret: &str) -> bool {
        let Ok(given) = BASE64_URL_SAFE_NO_PAD.decode(form_secret) else { return false };
        let (Some((mask, hidden)), true) = (given.split_first_chunk(), given.len() == 64) else {
            return false;
        };
        under(mask, &self.secret()).ct_eq(hidden).into()
    }

    fn secret(&self) -> Secret {
        let mut hash = Sha256::new();
        hash.update(b"rocket-launcher form\0");
        hash.update(self.cookie.expose());
        hash.finalize().into()
    }

    /// Ends the session.
    pub(super) async fn leave(&self, app: &App) -> Result<(), PageError> {
        Ok(app.store.end_session(&self.cookie.hash()).await?)
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Response> {
        // The check has found out who it is.
        let principal = parts.extensions.get::<Principal>().cloned();
        let found = principal.zip(cookie(&parts.headers)).and_then(|(principal, cookie)| {
            let Via::Session { expires_at, .. } = principal.via else { return None };
            let (name, mask) = (principal.name.clone(), rand::random());
            Some(Self { name, expires_at, principal, cookie, mask })
        });
        found.ok_or_else(|| sign_in_first(parts))
    }
}

fn under(mask: &Secret, secret: &Secret) -> Secret {
    std::array::from_fn(|at| mask[at] ^ secret[at])
}

/// A page leads to the sign-in page and back, and a form to the page that it stood on; what a script asked for makes
/// it do so.
pub(crate) fn sign_in_first(parts: &Parts) -> Response {
    let accepts = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let streams = accepts.is_some_and(|accept| accept.contains("text/event-stream"));
    if streams || parts.headers.contains_key("hx-request") {
        let open = page_in(&parts.headers, "hx-current-url");
        let door = next::path_from(&open.unwrap_or_default());
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", door)]).into_response();
    }
    let asked = if parts.method == Method::GET {
        parts.uri.path_and_query().map(ToString::to_string)
    } else {
        page_of_form(&parts.headers)
    };
    Redirect::to(&next::path_from(asked.as_deref().unwrap_or("/"))).into_response()
}

/// The page of ours that a form was sent from.
fn page_of_form(headers: &HeaderMap) -> Option<String> {
    if !says_where_from(headers) {
        return None;
    }
    let page = page_in(headers, header::REFERER.as_str())?;
    // A text that was looked at stands under an address that only a press has; its editor has one to go to.
    Some(page.strip_suffix("/check").unwrap_or(&page).to_owned())
}

/// The page that a header names by its address.
fn page_in(headers: &HeaderMap, name: &str) -> Option<String> {
    let uri: Uri = headers.get(name)?.to_str().ok()?.parse().ok()?;
    uri.path_and_query().map(ToString::to_string)
}
