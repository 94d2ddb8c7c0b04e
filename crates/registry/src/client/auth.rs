//! Logins and tokens (<https://distribution.github.io/distribution/spec/auth/token/>).
//!
//! Nothing is sent before the registry asks for it. It says itself what right a call needs, so that each
//! token allows one thing and no more.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_auth::{ChallengeRef, parse_challenges};
use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Answer, Call, Client};
use crate::error::innermost;
use crate::{Error, Result};

/// How long a token holds that does not say it
/// (<https://distribution.github.io/distribution/spec/auth/token/#token-response-fields>).
const TOKEN_HOLDS: Duration = Duration::from_secs(60);
/// It is not used that shortly before its end.
const SPARE: Duration = Duration::from_secs(10);
/// No more tokens are remembered.
const MOST_TOKENS: usize = 1000;

/// What a registry has asked for so far.
#[derive(Default)]
pub(super) struct Known {
    /// It takes the login itself.
    basic: bool,
    /// Tokens by what they allow.
    tokens: HashMap<Right, Token>,
}

/// What a token is for: method and repository, as the call has them.
type Right = (reqwest::Method, String);

struct Token {
    header: HeaderValue,
    until: Instant,
}

impl Client {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the registry has asked for before, for such a call.
    pub(super) fn known_authorization(&self, call: &Call<'_>) -> Option<HeaderValue> {
        let known = self.known();
        if known.basic {
            return self.basic();
        }
        let token = known.tokens.get(&right(call))?;
        (token.until > Instant::now()).then(|| token.header.clone())
    }

    /// What the registry asks for in an answer; none when there is nothing to give it, or that was given
    /// already.
    pub(super) async fn authorize(
        &self,
        call: &Call<'_>,
        answer: &Answer,
        tried: Option<HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        match Challenge::read(answer) {
            Some(Challenge::Basic) if tried.is_none() => {
                let basic = self.basic();
                self.known().basic = basic.is_some();
                Ok(basic)
            }
            // A token that was kept may have been made invalid before its time.
            Some(Challenge::Bearer { realm, service, scope }) => {
                let token = self.token(&realm, service.as_deref(), scope.as_deref()).await?;
                let header = token.header.clone();
                let mut known = self.known();
                if known.tokens.len() >= MOST_TOKENS {
                    known.tokens.clear();
                }
                known.tokens.insert(right(call), token);
                Ok(Some(header))
            }
            _ => Ok(None),
        }
    }

    fn basic(&self) -> Option<HeaderValue> {
        let login = self.access.login.as_ref()?;
        let words = format!("{}:{}", login.username, login.password.expose_secret());
        let mut header =
            HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(words))).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
    ) -> Result<Token> {
        let url = Url::parse(realm).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url else {
            return Err(self.nonsense("it names no address at which to ask for a token"));
        };
        let server = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.http.get(url);
        for (name, value) in [("service", service), ("scope", scope)] {
            if let Some(value) = value {
                request = request.query(&[(name, value)]);
            }
        }
        if let Some(login) = &self.access.login {
            request = request.basic_auth(&login.username, Some(login.password.expose_secret()));
        }
        let failed = |why: String| Error::TokenServer {
            registry: self.registry.clone(),
            server: server.clone(),
            why,
        };
        let sent = request.send().await;
        if let Err(error) = &sent
            && !error.is_timeout()
        {
            return Err(failed(innermost(error)));
        }
        let answer = self.read(sent).await.map_err(|error| failed(error.why()))?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(self.not_let_in(&answer));
            }
            _ => return Err(failed(answer.words())),
        }
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| failed("its answer holds no token".to_owned()))?;
        granted.into_token().ok_or_else(|| failed("its answer holds no token".to_owned()))
    }
}

fn right(call: &Call<'_>) -> Right {
    // `NAME/manifests/…`, `NAME/tags/list`, `NAME/blobs/…`: tokens are for a name.
    let kinds = ["/manifests/", "/tags/", "/blobs/"];
    let end = kinds.iter().find_map(|kind| call.path.rfind(kind)).unwrap_or(call.path.len());
    // Who may look may also read.
    let method = match call.method {
        reqwest::Method::HEAD => reqwest::Method::GET,
        ref other => other.clone(),
    };
    (method, call.path[..end].to_owned())
}

/// How a registry wants to be authorized.
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    fn read(answer: &Answer) -> Option<Self> {
        let mut basic = None;
        for header in answer.headers.get_all(WWW_AUTHENTICATE) {
            for challenge in header.to_str().ok().and_then(|text| parse_challenges(text).ok())? {
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let realm = parameter(&challenge, "realm")?;
                    let service = parameter(&challenge, "service");
                    let scope = parameter(&challenge, "scope");
                    return Some(Self::Bearer { realm, service, scope });
                }
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let mut parameters = challenge.params.iter();
    let (_, value) = parameters.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped()).filter(|value| !value.is_empty())
}

/// What a token server gives out.
#[derive(Deserialize)]
struct Granted {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
    expires_in: Option<u64>,
}

impl Granted {
    fn into_token(self) -> Option<Token> {
        let token = self.token.or(self.access_token)?;
        let text = token.expose_secret();
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).ok()?;
        header.set_sensitive(true);
        let holds = self
            .expires_in
            .map_or(TOKEN_HOLDS, |seconds| Duration::from_secs(seconds.min(24 * 3600)));
        let until = Instant::now() + holds.saturating_sub(SPARE);
        (!text.is_empty()).then_some(Token { header, until })
    }
}
