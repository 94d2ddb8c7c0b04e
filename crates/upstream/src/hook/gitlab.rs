//! GitLab ("Webhooks" and "Webhook events" in its documentation). It sends the secret itself, or, where a
//! signing token is set, a signature as Standard Webhooks describes it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use jiff::Timestamp;
use launcher_model::service::CodeHost;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Read, What, digest, header, moved, plain, sign};
use crate::Refused;

/// The header with the secret.
pub(super) const TOKEN: &str = "x-gitlab-token";
/// The header with signatures, `v1,<base64>`, one behind the other.
pub(super) const SIGNATURE: &str = "webhook-signature";

/// What a signing token begins with.
const SIGNING: &str = "whsec_";
/// How far a signature's time may be from the clock, in seconds.
const TOLERANCE: u64 = 5 * 60;

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    after: String,
    user_username: Option<String>,
    project: Project,
    #[serde(default)]
    commits: Vec<Commit>,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
    message: String,
}

pub(super) fn read(
    headers: &HeaderMap,
    body: &[u8],
    secret: &SecretString,
    now: Timestamp,
) -> Result<Read, Refused> {
    let delivery = match secret.expose_secret().strip_prefix(SIGNING) {
        Some(key) => signed(headers, body, key, now)?,
        None => {
            let token = header(headers, TOKEN).ok_or(Refused::Unsigned(TOKEN))?;
            if !sign::is_secret(secret, token) {
                return Err(Refused::Forged);
            }
            // The same for each attempt to send it.
            let number = ["idempotency-key", "x-gitlab-event-uuid"];
            let number = number.iter().find_map(|name| header(headers, name));
            number.map_or_else(|| digest(body), plain)
        }
    };
    let event = header(headers, "x-gitlab-event").ok_or(Refused::Malformed("no event is named"))?;
    if event != "Push Hook" {
        let what = What::Nothing(nothing(event));
        return Ok(Read { delivery, repository: None, what });
    }
    let push: Push =
        serde_json::from_slice(body).map_err(|_| Refused::Malformed("no push in JSON"))?;
    let head = push.commits.iter().find(|commit| commit.id == push.after);
    let subject = head.map(|commit| commit.message.as_str());
    let by = push.user_username.as_deref();
    let what = moved(&push.reference, &push.after, subject, by, CodeHost::Gitlab)?;
    Ok(Read { delivery, repository: Some(push.project.path_with_namespace), what })
}

/// Checks a signature of id, time and body; the id.
fn signed(headers: &HeaderMap, body: &[u8], key: &str, now: Timestamp) -> Result<String, Refused> {
    let key = BASE64_STANDARD.decode(key.trim()).map_err(|_| Refused::Secret)?;
    let signatures = header(headers, SIGNATURE).ok_or(Refused::Unsigned(SIGNATURE))?;
    let id = header(headers, "webhook-id").ok_or(Refused::Unsigned("webhook-id"))?;
    let time = "webhook-timestamp";
    let time = header(headers, time).ok_or(Refused::Unsigned("webhook-timestamp"))?;
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let good = signatures.split(' ').filter_map(|it| it.strip_prefix("v1,")).any(|signature| {
        let signature = BASE64_STANDARD.decode(signature);
        signature.is_ok_and(|signature| sign::is_hmac(&key, &parts, &signature))
    });
    if !good {
        return Err(Refused::Forged);
    }
    let second: i64 = time.parse().map_err(|_| Refused::Stale)?;
    if now.as_second().abs_diff(second) > TOLERANCE {
        return Err(Refused::Stale);
    }
    Ok(plain(id))
}

fn nothing(event: &str) -> String {
    match event {
        "Merge Request Hook" => {
            "merge requests are not built; the pushes to their branches are".to_owned()
        }
        "Tag Push Hook" => "only branches are built".to_owned(),
        event => format!("{} is not a push", plain(event)),
    }
}
