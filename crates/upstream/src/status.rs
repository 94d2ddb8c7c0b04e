//! Telling a code host how far the build of a commit is.
//!
//! GitHub: "Create a commit status"; GitLab: "Set the pipeline status of a commit"; Gitea:
//! `repoCreateStatus` in its API's description. Telling the same twice changes nothing.

use launcher_model::build::BuildState;
use launcher_model::service::{CodeHost, Upstream};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::ask::{Answer, ask, client};
use crate::{Error, Result};

/// Under this name a status stands beside a commit.
const CONTEXT: &str = "launcher";
/// The longest description that GitHub takes, in characters.
const LONGEST: usize = 140;

/// What is said of a commit's build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub state: BuildState,
    /// In a few words.
    pub description: String,
    /// Where more can be seen.
    pub url: Option<String>,
}

/// Tells code hosts. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Statuses {
    client: Client,
}

impl Statuses {
    /// Ready to tell.
    ///
    /// # Errors
    /// When the machine has no usable TLS.
    pub fn new() -> Result<Self> {
        Ok(Self { client: client()? })
    }

    /// Says how far the build of a commit is. Safe to repeat.
    ///
    /// # Errors
    /// When the host cannot be reached, or refuses.
    pub async fn tell(
        &self,
        upstream: &Upstream,
        token: &SecretString,
        commit: &str,
        status: &Status,
    ) -> Result<()> {
        let answer =
            ask(upstream.host.name(), self.request(upstream, token, commit, status)).await?;
        if answer.status.is_success() || is_told_already(upstream.host, &answer) {
            return Ok(());
        }
        Err(refused(upstream.host, &answer))
    }

    fn request(
        &self,
        upstream: &Upstream,
        token: &SecretString,
        commit: &str,
        status: &Status,
    ) -> RequestBuilder {
        let (api, project) = (upstream.api_url(), upstream.project());
        let state = word(upstream.host, status.state);
        let description: String = status.description.chars().take(LONGEST).collect();
        let mut body = json!({ "state": state, "description": description });
        let url = match upstream.host {
            CodeHost::Github | CodeHost::Gitea => {
                body["context"] = json!(CONTEXT);
                let project = utf8_percent_encode(project, PATH);
                format!("{api}/repos/{project}/statuses/{commit}")
            }
            CodeHost::Gitlab => {
                body["name"] = json!(CONTEXT);
                let project = utf8_percent_encode(project, NON_ALPHANUMERIC);
                format!("{api}/projects/{project}/statuses/{commit}")
            }
        };
        if let Some(url) = &status.url {
            body["target_url"] = Value::String(url.clone());
        }
        let token = token.expose_secret().trim();
        let request = self.client.post(url).json(&body);
        match upstream.host {
            CodeHost::Github => request
                .bearer_auth(token)
                .header("accept", "application/vnd.github+json")
                .header("x-github-api-version", "2022-11-28"),
            CodeHost::Gitlab => request.header("private-token", sensitive(token)),
            CodeHost::Gitea => {
                request.header("authorization", sensitive(&format!("token {token}")))
            }
        }
    }
}

/// What stays as it is in a path.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#').add(b'"').add(b'<').add(b'>');

/// A header's value that is not printed. One that no header can have is sent as none, and refused.
fn sensitive(text: &str) -> http::HeaderValue {
    let value = http::HeaderValue::from_str(text);
    let mut value = value.unwrap_or(http::HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// A state in a host's words.
fn word(host: CodeHost, state: BuildState) -> &'static str {
    use BuildState::{Cancelled, Failed, Passed, Queued, Running, Superseded};
    match (host, state) {
        (CodeHost::Gitlab, Running) => "running",
        (CodeHost::Gitlab, Failed) => "failed",
        (CodeHost::Gitlab, Cancelled | Superseded) => "canceled",
        (_, Queued | Running) => "pending",
        (_, Passed) => "success",
        (_, Failed) => "failure",
        (_, Cancelled | Superseded) => "error",
    }
}

/// GitLab refuses a state that a commit has already.
fn is_told_already(host: CodeHost, answer: &Answer) -> bool {
    host == CodeHost::Gitlab
        && answer.status == StatusCode::BAD_REQUEST
        && answer.words().contains("Cannot transition status")
}

fn refused(host: CodeHost, answer: &Answer) -> Error {
    let advice = match (host, answer.status.as_u16()) {
        (_, 401) => "is the token of [source] still valid?",
        (CodeHost::Github, 403 | 404) => {
            "the token of [source] needs read and write access to the repository's commit statuses"
        }
        (CodeHost::Gitlab, 403 | 404) => {
            "the token of [source] needs the scope api, and the role of a developer"
        }
        (CodeHost::Gitea, 403 | 404) => "the token of [source] needs the scope write:repository",
        (_, 301 | 302 | 307 | 308) => "has the repository moved? correct [source] url",
        _ => "see [source] in launcher.toml",
    };
    answer.error(host.name(), advice)
}
