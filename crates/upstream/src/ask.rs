//! Asking another server over HTTP.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::{Error, Result};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a whole answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// So much of an answer is read, in bytes.
const LONGEST: usize = 4 << 20;
/// So much of a refusal is repeated, in characters.
const WORDS: usize = 300;

/// A client that follows nobody elsewhere: what is sent along is for this server alone.
pub(crate) fn client() -> Result<Client> {
    let client = Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(Policy::none())
        .user_agent(concat!("rocket-launcher/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| away("the network", error))
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What it says, for people: the message of a JSON answer, or the beginning of another one.
    pub(crate) fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let message = json
            .as_ref()
            .and_then(|json| ["message", "error"].into_iter().find_map(|name| json.get(name)));
        let text = match message {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None if text.trim_start().starts_with('<') => String::new(),
            None => text.into_owned(),
        };
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return self.status.canonical_reason().unwrap_or("nothing more").to_owned();
        }
        text.chars().filter(|c| !c.is_control()).take(WORDS).collect()
    }

    /// Whether it only says that now is not the time.
    pub(crate) fn may_pass(&self) -> bool {
        let limited = self.headers.contains_key("retry-after")
            || self.headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        self.status.is_server_error()
            || matches!(self.status.as_u16(), 408 | 425 | 429)
            || (self.status == StatusCode::FORBIDDEN && limited)
    }

    /// The error that it is.
    pub(crate) fn error(&self, whom: &str, advice: &'static str) -> Error {
        let (whom, status, words) = (whom.to_owned(), self.status.as_u16(), self.words());
        if self.may_pass() {
            return Error::Unwell { whom, status, words };
        }
        Error::Refused { whom, status, words, advice }
    }

    /// Its JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, whom: &str) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Strange { whom: whom.to_owned(), why: error.to_string() })
    }
}

/// Sends a request, and reads the answer.
pub(crate) async fn ask(whom: &str, request: RequestBuilder) -> Result<Answer> {
    let mut response = request.send().await.map_err(|error| away(whom, error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read(&mut response).await.map_err(|error| away(whom, error))?;
    Ok(Answer { status, headers, body })
}

async fn read(response: &mut Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST {
            body.truncate(LONGEST);
            break;
        }
    }
    Ok(body)
}

fn away(whom: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    // The innermost cause is the one that tells something.
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        why = inner.to_string();
        cause = inner.source();
    }
    if error.is_timeout() {
        why = "it does not answer in time".to_owned();
    }
    Error::Away { whom: whom.to_owned(), why }
}
