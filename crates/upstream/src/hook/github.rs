//! GitHub ("Validating webhook deliveries" and "push" in its documentation), and Gitea, whose webhooks are
//! made after GitHub's.

use http::HeaderMap;
use launcher_model::service::CodeHost;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Read, What, digest, header, moved, plain, sign};
use crate::Refused;

/// The header with GitHub's signature; Gitea sends it too.
pub(super) const SIGNATURE: &str = "x-hub-signature-256";
/// The header with Gitea's own: the same without `sha256=`.
pub(super) const GITEA_SIGNATURE: &str = "x-gitea-signature";

/// What differs between the two.
pub(super) struct Dialect {
    host: CodeHost,
    event: &'static str,
}

pub(super) const GITHUB: Dialect = Dialect { host: CodeHost::Github, event: "x-github-event" };
pub(super) const GITEA: Dialect = Dialect { host: CodeHost::Gitea, event: "x-gitea-event" };

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    after: String,
    head_commit: Option<Commit>,
    pusher: Option<Person>,
    repository: Repository,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
}

#[derive(Deserialize)]
struct Person {
    /// GitHub's word.
    name: Option<String>,
    /// Gitea's.
    login: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

pub(super) fn read(
    headers: &HeaderMap,
    body: &[u8],
    secret: &SecretString,
    dialect: &Dialect,
) -> Result<Read, Refused> {
    let told = match dialect.host {
        CodeHost::Gitea => header(headers, GITEA_SIGNATURE),
        _ => None,
    };
    let told = told.or_else(|| header(headers, SIGNATURE)?.strip_prefix("sha256="));
    let signature = hex::decode(told.ok_or(Refused::Forged)?).map_err(|_| Refused::Forged)?;
    if !sign::is_hmac(secret.expose_secret().as_bytes(), &[body], &signature) {
        return Err(Refused::Forged);
    }
    let event = header(headers, dialect.event).ok_or(Refused::Malformed("no event is named"))?;
    let delivery = digest(body);
    if event != "push" {
        let what = What::Nothing(nothing(event));
        return Ok(Read { delivery, repository: None, what });
    }
    let push: Push = serde_json::from_slice(body).map_err(|_| {
        Refused::Malformed("no push in JSON; the webhook's content type must be application/json")
    })?;
    let subject = push.head_commit.as_ref().map(|commit| commit.message.as_str());
    let by = push.pusher.as_ref().and_then(|by| by.login.as_deref().or(by.name.as_deref()));
    let what = moved(&push.reference, &push.after, subject, by, dialect.host)?;
    Ok(Read { delivery, repository: Some(push.repository.full_name), what })
}

fn nothing(event: &str) -> String {
    match event {
        "ping" => "the webhook works".to_owned(),
        "pull_request" => {
            "pull requests are not built; the pushes to their branches are".to_owned()
        }
        event => format!("{} is not a push", plain(event)),
    }
}
