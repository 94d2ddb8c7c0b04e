//! The client of one registry: sends calls, and reads bounded answers.

mod auth;
mod verbs;

use std::error::Error as _;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use self::auth::Known;
use crate::error::innermost;
use crate::{Access, Error, Place, Result};

/// The longest answer that is read, in bytes: what the registry itself takes as a manifest
/// (<https://github.com/distribution/distribution>, `maxManifestBodySize`).
const LONGEST_ANSWER: usize = 4 << 20;
/// The longest words of another that are passed on, in characters.
const LONGEST_WORDS: usize = 200;

/// How long a registry is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until it is connected.
    pub connect: Duration,
    /// Until one call is answered completely.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(20) }
    }
}

/// The client of one registry.
pub(crate) struct Client {
    http: reqwest::Client,
    /// The registry's name for people.
    registry: String,
    /// Where its calls go.
    address: String,
    access: Access,
    /// May be spoken to without TLS.
    insecure: bool,
    patience: Patience,
    known: Mutex<Known>,
}

/// A call.
struct Call<'a> {
    method: Method,
    /// Behind `/v2/`.
    path: &'a str,
    /// The media types that are taken as the answer.
    accept: &'static str,
    /// What is sent, and its media type.
    body: Option<(bytes::Bytes, &'a str)>,
}

impl<'a> Call<'a> {
    fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, accept: "application/json", body: None }
    }
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(
        place: &Place,
        access: Access,
        insecure: bool,
        patience: Patience,
    ) -> Result<Self> {
        let mut building = reqwest::Client::builder()
            .connect_timeout(patience.connect)
            .timeout(patience.answer)
            .user_agent(concat!("rocket-launcher/", env!("CARGO_PKG_VERSION")))
            .danger_accept_invalid_certs(insecure);
        if let Some(authority) = &access.authority {
            building = building.tls_certs_merge(authority.0.iter().cloned());
        }
        let http = building.build().map_err(|error| Error::Setting {
            what: "the TLS of this machine",
            why: innermost(&error),
        })?;
        let registry = place.shown().to_owned();
        let address = place.address().to_owned();
        let known = Mutex::default();
        Ok(Self { http, registry, address, access, insecure, patience, known })
    }

    /// Sends a call, with whatever login or token the registry asks for.
    async fn send(&self, call: &Call<'_>) -> Result<Answer> {
        let authorization = self.known_authorization(call);
        let mut answer = self.send_as(call, authorization.as_ref()).await?;
        if answer.status == StatusCode::UNAUTHORIZED
            && let Some(authorization) = self.authorize(call, &answer, authorization).await?
        {
            answer = self.send_as(call, Some(&authorization)).await?;
        }
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.not_let_in(&answer)),
            _ => Ok(answer),
        }
    }

    /// Sends a call as somebody; without TLS where that is allowed and there is none.
    async fn send_as(
        &self,
        call: &Call<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer> {
        match self.try_send("https", call, authorization).await {
            Err(Error::Unreachable { .. }) if self.insecure => {
                self.try_send("http", call, authorization).await
            }
            answer => answer,
        }
    }

    async fn try_send(
        &self,
        scheme: &str,
        call: &Call<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer> {
        let url = format!("{scheme}://{}/v2/{}", self.address, call.path);
        let mut request = self.http.request(call.method.clone(), url).header(ACCEPT, call.accept);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some((body, media_type)) = &call.body {
            request = request.header(CONTENT_TYPE, *media_type).body(body.clone());
        }
        self.read(request.send().await).await
    }

    /// Reads an answer to its end, unless that is too far away.
    async fn read(&self, sent: reqwest::Result<reqwest::Response>) -> Result<Answer> {
        let mut response = sent.map_err(|error| self.failed(&error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(self.nonsense("an answer of more than 4 MiB"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, headers, body })
    }

    fn failed(&self, error: &reqwest::Error) -> Error {
        let registry = self.registry.clone();
        let why = innermost(error);
        if error.is_connect() && is_about_a_certificate(error) {
            return Error::Untrusted { registry, why };
        }
        if error.is_connect() {
            // An attempt that takes too long ends with words that say so.
            return Error::Unreachable { registry, why };
        }
        if error.is_timeout() {
            return Error::Overdue { registry, within: self.patience.answer };
        }
        if error.is_decode() || error.is_redirect() || is_no_http(error) {
            return Error::Nonsense { registry, why };
        }
        Error::Unreachable { registry, why }
    }

    fn nonsense(&self, why: impl Into<String>) -> Error {
        Error::Nonsense { registry: self.registry.clone(), why: why.into() }
    }

    /// What a status means that is no success.
    fn refused(&self, answer: &Answer, what: &str) -> Error {
        let registry = self.registry.clone();
        let why = answer.words();
        if answer.status == StatusCode::NOT_FOUND {
            return Error::Missing { registry, what: what.to_owned(), why };
        }
        Error::Refused { registry, why }
    }

    fn not_let_in(&self, answer: &Answer) -> Error {
        let (registry, why) = (self.registry.clone(), answer.words());
        match &self.access.login {
            None => Error::LoginNeeded { registry, why },
            Some(login) => Error::LoginRefused { registry, user: login.username.clone(), why },
        }
    }
}

impl Answer {
    /// What it says of a failure: the registry's own words, else its status and how its text begins.
    fn words(&self) -> String {
        #[derive(Deserialize)]
        struct Envelope {
            errors: Vec<Fault>,
        }
        #[derive(Deserialize)]
        struct Fault {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        let told = serde_json::from_slice::<Envelope>(&self.body).ok().map(|envelope| {
            let words = envelope.errors.into_iter();
            let words =
                words.map(|one| if one.message.is_empty() { one.code } else { one.message });
            words.collect::<Vec<_>>().join(", ")
        });
        let words = match told {
            Some(words) if !words.is_empty() => words,
            _ => {
                let text = String::from_utf8_lossy(&self.body);
                format!("status {} {}", self.status.as_u16(), text.trim())
            }
        };
        bounded(&words)
    }
}

/// One line of bounded length.
fn bounded(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_WORDS) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

fn is_about_a_certificate(error: &reqwest::Error) -> bool {
    let words = innermost(error);
    words.contains("certificate") && !words.contains("corrupt message")
}

/// Whether what was answered is not HTTP.
fn is_no_http(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.to_string().contains("invalid HTTP") {
            return true;
        }
        cause = inner.source();
    }
    false
}
