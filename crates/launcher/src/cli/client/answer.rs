//! What a server answered, read.

use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cli::Failure;
use crate::cli::foreign::harmless;

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    problem: bool,
    body: Vec<u8>,
}

/// Problem details (RFC 9457), as far as they are of use here.
#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
}

impl Answer {
    /// Reads it to its end.
    pub(super) async fn of(response: Response) -> reqwest::Result<Self> {
        let kind = response.headers().get("content-type");
        let problem =
            kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
        let status = response.status();
        Ok(Self { status, problem, body: response.bytes().await?.into() })
    }

    /// Whether an earlier sending of the same call is still being worked on.
    pub(super) fn is_under_way(&self) -> bool {
        let problem = || serde_json::from_slice::<Problem>(&self.body).ok();
        self.status == StatusCode::CONFLICT
            && problem().is_some_and(|problem| problem.kind.ends_with(":idempotency"))
    }

    /// What was asked for, or why it is not given.
    pub(super) fn read<T: DeserializeOwned>(self, url: &str) -> Result<T, Failure> {
        if !self.status.is_success() {
            return Err(self.failure(url));
        }
        let body = if self.body.is_empty() { b"null".as_slice() } else { &self.body };
        serde_json::from_slice(body)
            .map_err(|error| Failure::Strange { url: url.to_owned(), why: error.to_string() })
    }

    /// Why it is not given.
    pub(super) fn failure(&self, url: &str) -> Failure {
        let problem = self.problem.then(|| serde_json::from_slice::<Problem>(&self.body));
        match problem {
            Some(Ok(Problem { kind, detail })) => {
                let detail = harmless(&detail).into_owned();
                Failure::Refused { status: self.status.as_u16(), kind, detail }
            }
            _ => {
                Failure::Strange { url: url.to_owned(), why: format!("it answers {}", self.status) }
            }
        }
    }
}
