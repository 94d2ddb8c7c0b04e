//! Sending something over HTTP, once.

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::guard::{PublicOnly, is_public};
use crate::words::{harmless, shortened};
use crate::{Error, Refusal, Result};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a whole answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// So much of an answer is read, in bytes.
const LONGEST: usize = 16 << 10;
/// So much of a refusal is repeated, in characters.
const WORDS: usize = 200;
/// The longest pause that another server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// One place that takes messages. Its URL may be the only thing that guards it, and is never printed.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    url: SecretString,
    client: Client,
}

impl Endpoint {
    /// A place to send to; `allow_private` lets it be on a network of one's own, or on this machine.
    ///
    /// # Errors
    /// When the URL is none, or leads to an address where it may not.
    pub(crate) fn new(target: &str, url: &SecretString, allow_private: bool) -> Result<Self> {
        let wrong = |why: String| Error::Target(format!("the url of {target} {why}"));
        let text = url.expose_secret().trim();
        let parsed = Url::parse(text).map_err(|error| wrong(format!("is none: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong("must begin with https:// or http://".to_owned()));
        }
        // Names are looked at when they are resolved, addresses never are.
        let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let private = host.parse::<IpAddr>().ok().filter(|address| !is_public(*address));
        if let Some(address) = private.filter(|_| !allow_private) {
            return Err(wrong(format!(
                "leads to {address}, which is not a public address; if it may, set allow_private = true"
            )));
        }
        let client = client(allow_private)
            .map_err(|error| wrong(format!("cannot be used: {}", innermost(&error))))?;
        Ok(Self { url: SecretString::from(text.to_owned()), client })
    }

    /// A request that posts something there.
    pub(crate) fn post(&self) -> RequestBuilder {
        self.client.post(self.url.expose_secret())
    }
}

/// A client that follows nobody elsewhere, and sends through no proxy: the address is looked at here.
fn client(allow_private: bool) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(concat!("rocket-launcher/", env!("CARGO_PKG_VERSION")));
    match allow_private {
        true => builder.build(),
        false => builder.dns_resolver(PublicOnly).build(),
    }
}

/// Sends a request; whatever is answered with success is taken as told.
pub(crate) async fn send(
    request: RequestBuilder,
    now: Timestamp,
) -> std::result::Result<(), Refusal> {
    let response = request.send().await.map_err(|error| away(&error.without_url()))?;
    let (status, headers) = (response.status(), response.headers().clone());
    // All of it or none, so that the connection can be used again.
    let body = read(response).await;
    if status.is_success() {
        return Ok(());
    }
    let why = format!("it answered {}: {}", status.as_u16(), words(&body, status));
    if may_pass(status) {
        return Err(Refusal::Later { why, not_before: pause(&headers, now) });
    }
    if status.is_redirection() {
        return Err(Refusal::never(format!("{why}; it has moved, write its new address")));
    }
    Err(Refusal::never(why))
}

async fn read(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece[..piece.len().min(LONGEST - body.len())]);
        if body.len() >= LONGEST {
            break;
        }
    }
    body
}

/// Whether it only says that now is not the time.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// How long the other side wants to be left alone: seconds, or a date (RFC 9110, 10.2.3). Discord's has a
/// fraction.
pub(crate) fn pause(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            jiff::fmt::rfc2822::parse(text).ok()?.timestamp().duration_since(now).as_secs_f64()
        }
    };
    let pause = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_PAUSE);
    Some(pause.min(LONGEST_PAUSE))
}

/// What an answer says, for people: the message of a JSON answer, or the beginning of another one.
pub(crate) fn words(body: &[u8], status: StatusCode) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = json.as_ref().and_then(|json| {
        ["message", "error"].into_iter().find_map(|name| json.get(name)?.as_str())
    });
    let text = String::from_utf8_lossy(body);
    let text = match message {
        Some(message) => message,
        None if text.trim_start().starts_with('<') => "",
        None => &text,
    };
    let text = harmless(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match shortened(&text, WORDS).as_ref() {
        "" => status.canonical_reason().unwrap_or("nothing more").to_owned(),
        text => text.to_owned(),
    }
}

fn away(error: &reqwest::Error) -> Refusal {
    if error.is_timeout() {
        return Refusal::later("it does not answer in time");
    }
    Refusal::later(format!("it cannot be reached: {}", innermost(error)))
}

/// The innermost cause is the one that tells something.
fn innermost(error: &reqwest::Error) -> String {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        why = inner.to_string();
        cause = inner.source();
    }
    harmless(&why).into_owned()
}

#[cfg(test)]
mod tests;
