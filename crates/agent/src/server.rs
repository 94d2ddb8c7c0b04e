//! Calls of the server.

use std::time::Duration;

use jiff::Timestamp;
use launcher_model::measure::{HostReport, HostReports, ReportsTaken};
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How much is read of an answer, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// The server, and the token for it.
#[derive(Debug)]
pub struct Server {
    calls: reqwest::Client,
    url: Url,
    token: SecretString,
}

/// Why a call was not answered as it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It cannot be reached, or does not work now.
    #[error("the server at {url} cannot be told: {why}")]
    Away { url: String, why: String },
    /// The token may not do this, or the host is not known: a person has to do something.
    #[error("the server at {url} takes no reports from here: {why}")]
    NotTaken { url: String, why: String },
    /// It will never take this.
    #[error("the server at {url} refused a report, which is dropped: {why}")]
    Senseless { url: String, why: String },
}

#[derive(Deserialize)]
struct About {
    installation: String,
}

/// Problem details (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Server {
    /// Prepares to call the server at `url`, such as `https://launcher.example.com/`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(url: Url, token: SecretString) -> Result<Self> {
        let calls = reqwest::Client::builder()
            .user_agent(concat!("launcher-agent/", env!("CARGO_PKG_VERSION")))
            // No proxy of the surroundings: the token is for the server alone.
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(Error::Calls)?;
        Ok(Self { calls, url, token })
    }

    /// The id that the labels of this server's containers carry.
    pub(crate) async fn installation(&self) -> std::result::Result<String, Refusal> {
        let call = self.calls.get(self.place(&["server"])).bearer_auth(self.token.expose_secret());
        let about: About = self.answer(call).await?;
        Ok(about.installation)
    }

    /// Sends reports of a host.
    pub(crate) async fn send(
        &self,
        host: &str,
        reports: Vec<HostReport>,
    ) -> std::result::Result<ReportsTaken, Refusal> {
        let body = HostReports { sent_at: Timestamp::now(), reports };
        let call = self.calls.post(self.place(&["hosts", host, "reports"]));
        self.answer(call.bearer_auth(self.token.expose_secret()).json(&body)).await
    }

    fn place(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        call: reqwest::RequestBuilder,
    ) -> std::result::Result<T, Refusal> {
        let url = || self.url.as_str().trim_end_matches('/').to_owned();
        let away = |error: reqwest::Error| Refusal::Away { url: url(), why: innermost(&error) };
        let response = call.send().await.map_err(away)?;
        let status = response.status();
        let body = body(response).await.map_err(away)?;
        if status.is_success() {
            let why = |error: serde_json::Error| format!("its answer makes no sense: {error}");
            return serde_json::from_slice(&body)
                .map_err(|error| Refusal::Away { url: url(), why: why(error) });
        }
        let told = serde_json::from_slice(&body).map(|Problem { detail }| detail);
        let (url, why) = (url(), told.unwrap_or_else(|_| format!("it answers {status}")));
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Refusal::NotTaken { url, why }
            }
            StatusCode::BAD_REQUEST
            | StatusCode::CONFLICT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Refusal::Senseless { url, why },
            _ => Refusal::Away { url, why },
        })
    }
}

/// An answer's body, or as much of it as is read.
async fn body(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > LONGEST_ANSWER {
            break;
        }
    }
    Ok(body)
}

/// The words of what lies at the bottom of an error.
#[must_use]
pub fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut bottom: &dyn std::error::Error = error;
    while let Some(below) = bottom.source() {
        bottom = below;
    }
    bottom.to_string()
}
