//! What code hosts and Jenkins tell.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use launcher_model::service::{CodeHost, Upstream};
use launcher_upstream::hook::{self, What};
use launcher_upstream::jenkins::notification::{self, Notified};
use secrecy::SecretString;
use sha2::Sha256;

use crate::pieces::first_line;

/// The longest of each that is passed on, in characters.
const LONGEST: usize = 250;
const SECOND: i64 = 1_800_000_000;
const KEY: &[u8] = b"secret";

/// How a code host shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// It signs the body.
    Github,
    Gitea,
    /// It signs the body, a number and a time.
    Gitlab,
    /// It sends the secret itself.
    GitlabSecret,
}

/// A line with the name of an event, and behind it a body: what was signed is read, what is passed on of it is
/// fit to be shown and to be given to git, and what was changed after it was signed is not believed.
pub(crate) fn webhook(bytes: &[u8]) {
    let (event, body) = first_line(bytes);
    for proof in [Proof::Github, Proof::Gitea, Proof::Gitlab, Proof::GitlabSecret] {
        let Some(headers) = headers(proof, event, body) else { return };
        if let Ok(told) = read(proof, &headers, body) {
            assert!(told.delivery.chars().count() <= LONGEST);
            assert!(!told.delivery.contains(char::is_control));
            check(&told.what);
        }
        let mut changed = body.to_vec();
        if let (Some(byte), true) = (changed.last_mut(), proof != Proof::GitlabSecret) {
            *byte ^= 1;
            assert!(read(proof, &headers, &changed).is_err(), "{proof:?}");
        }
        assert!(read(proof, &HeaderMap::new(), body).is_err(), "{proof:?}");
    }
}

fn check(what: &What) {
    match what {
        What::Moved(moved) => {
            check_branch(&moved.branch);
            check_commit(&moved.commit);
            assert!(moved.commit.bytes().any(|byte| byte != b'0'));
            is_shown(&moved.by);
            moved.subject.iter().for_each(|subject| is_shown(subject));
        }
        What::Gone { branch, by } => {
            check_branch(branch);
            is_shown(by);
        }
        What::Nothing(why) => assert!(!why.is_empty() && !why.contains(char::is_control)),
    }
}

fn is_shown(text: &str) {
    assert!(text.chars().count() <= LONGEST && !text.contains(char::is_control), "{text:?}");
}

/// It is one argument of git's, and names a branch and nothing else.
fn check_branch(name: &str) {
    assert!(!name.is_empty() && name.len() <= LONGEST && !name.starts_with('-'), "{name:?}");
    assert!(!name.bytes().any(|byte| byte <= b' ' || byte == 0x7f), "{name:?}");
    assert!(!name.contains("..") && !name.contains(['~', '^', ':', '?', '*', '[', '\\']));
    assert!(name.split('/').all(|part| !matches!(part, "" | "." | "..")), "{name:?}");
}

fn check_commit(id: &str) {
    assert!(matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

fn read(proof: Proof, headers: &HeaderMap, body: &[u8]) -> Result<hook::Told, ()> {
    let host = match proof {
        Proof::Github => CodeHost::Github,
        Proof::Gitea => CodeHost::Gitea,
        Proof::Gitlab | Proof::GitlabSecret => CodeHost::Gitlab,
    };
    let url = "https://git.example.com/acme/shop.git".to_owned();
    let upstream = Upstream { host, url, api: None, hook_secret: None, token: None };
    let secret = match proof {
        Proof::Gitlab => format!("whsec_{}", BASE64_STANDARD.encode(KEY)),
        _ => String::from_utf8_lossy(KEY).into_owned(),
    };
    let now = Timestamp::from_second(SECOND).map_err(|_| ())?;
    hook::read(&upstream, &SecretString::from(secret), headers, body, now).map_err(|_| ())
}

/// The fields of a call that is signed; none where the event is no value of one.
fn headers(proof: Proof, event: &[u8], body: &[u8]) -> Option<HeaderMap> {
    let event = HeaderValue::from_bytes(event).ok()?;
    let second = SECOND.to_string();
    let text = |text: &str| HeaderValue::from_str(text).ok();
    let fields = match proof {
        Proof::Github => vec![
            ("x-github-event", event),
            ("x-hub-signature-256", text(&format!("sha256={}", hex::encode(signed(&[body])?)))?),
        ],
        Proof::Gitea => vec![
            ("x-gitea-event", event),
            ("x-gitea-signature", text(&hex::encode(signed(&[body])?))?),
        ],
        Proof::Gitlab => {
            let signature = signed(&[b"1.", second.as_bytes(), b".", body])?;
            vec![
                ("x-gitlab-event", event),
                ("webhook-id", HeaderValue::from_static("1")),
                ("webhook-timestamp", text(&second)?),
                ("webhook-signature", text(&format!("v1,{}", BASE64_STANDARD.encode(signature)))?),
            ]
        }
        Proof::GitlabSecret => {
            vec![("x-gitlab-event", event), ("x-gitlab-token", HeaderValue::from_bytes(KEY).ok()?)]
        }
    };
    let fields = fields.into_iter();
    Some(fields.map(|(name, value)| (HeaderName::from_static(name), value)).collect())
}

fn signed(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().to_vec())
}

/// What a notification names is fit to be given to git and to be shown.
pub(crate) fn jenkins(bytes: &[u8]) {
    match notification::read(bytes) {
        Ok(Notified::Finished(finished)) => {
            is_shown(&finished.delivery);
            finished.branch.iter().for_each(|branch| check_branch(branch));
            finished.commit.iter().for_each(|commit| check_commit(commit));
            finished.image.iter().for_each(|image| is_shown(image));
        }
        Ok(Notified::Nothing(why)) => is_shown(&why),
        Err(_) => {}
    }
}
