//! Answers, read to a bounded length.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;

use super::{Client, innermost};
use crate::marathon::wire::refusal::Refusal;
use crate::{Error, Result};

/// The longest answer that is read, in bytes: an app and its tasks are about 2 KiB, so this is far above
/// what Marathon itself can hold in ZooKeeper.
const LONGEST: usize = 64 << 20;
/// The longest words of another that are passed on, in characters.
const LONGEST_WORDS: usize = 300;

/// An answer that was read to its end.
#[derive(Debug)]
pub(in crate::marathon) struct Answer {
    pub(in crate::marathon) status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// Reads an answer to its end, unless that is too far away.
    pub(super) async fn read(
        mut response: Response,
        client: &Client,
        doing: &'static str,
    ) -> Result<Self> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        let broken = |error: &reqwest::Error| client.unreachable(doing, innermost(error));
        while let Some(piece) = response.chunk().await.map_err(|error| broken(&error))? {
            if body.len() + piece.len() > LONGEST {
                let why = format!("it answers with more than {} MiB", LONGEST >> 20);
                return Err(Error::Refused { doing, why });
            }
            body.extend_from_slice(&piece);
        }
        Ok(Self { status, headers, body })
    }

    /// The answer's JSON.
    ///
    /// # Errors
    /// When it is none, or not of this form: then something else answers than Marathon.
    pub(in crate::marathon) fn json<T: DeserializeOwned>(&self, doing: &'static str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let why = format!("it answers what Marathon would not: {error}");
            Error::Refused { doing, why }
        })
    }

    /// A refusal's JSON, when there is one.
    pub(in crate::marathon) fn refusal(&self) -> Option<Refusal> {
        Refusal::read(&self.body)
    }

    /// What it says, for people: Marathon's words, never the HTML of what stands before it.
    pub(in crate::marathon) fn words(&self) -> String {
        let words = self.refusal().map(|refusal| refusal.words()).filter(|words| !words.is_empty());
        let words = words.or_else(|| {
            let text = std::str::from_utf8(&self.body).ok()?.trim();
            (!text.is_empty() && !self.is_html(text)).then(|| text.to_owned())
        });
        let words = words.unwrap_or_else(|| format!("it answers {}", self.status));
        words.chars().take(LONGEST_WORDS).collect()
    }

    fn is_html(&self, text: &str) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.contains("html")) || text.starts_with('<')
    }
}
