//! What code hosts send: who sent it is checked before anything of it is read.

mod github;
mod gitlab;
mod sign;

use http::HeaderMap;
use jiff::Timestamp;
use launcher_model::branch::is_git_branch;
use launcher_model::service::{CodeHost, RepositoryUrl, Upstream};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::Refused;

/// What a code host has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// By what it is recognized when it comes again.
    pub delivery: String,
    /// What has happened.
    pub what: What,
}

/// What has happened at a code host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A branch is at another commit.
    Moved(Moved),
    /// A branch is gone.
    Gone {
        /// Which.
        branch: String,
        /// Who deleted it.
        by: String,
    },
    /// Nothing that concerns builds, and why not.
    Nothing(String),
}

/// A branch that is at another commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub branch: String,
    /// The commit's whole id.
    pub commit: String,
    /// The first line of what its author said of it.
    pub subject: Option<String>,
    /// Who pushed.
    pub by: String,
}

/// The longest subject, and the longest name of a person, in characters.
const LONGEST: usize = 200;

/// Whether a call has the header without which it is refused: asked before its body is read.
///
/// # Errors
/// [`Refused::Unsigned`].
pub fn has_signature(host: CodeHost, headers: &HeaderMap) -> Result<(), Refused> {
    let names: &[&'static str] = match host {
        CodeHost::Github => &[github::SIGNATURE],
        CodeHost::Gitea => &[github::GITEA_SIGNATURE, github::SIGNATURE],
        CodeHost::Gitlab => &[gitlab::TOKEN, gitlab::SIGNATURE],
    };
    let there = names.iter().any(|name| headers.contains_key(*name));
    if there { Ok(()) } else { Err(Refused::Unsigned(names[0])) }
}

/// Checks that a call comes from the host, and reads it.
///
/// # Errors
/// Why it is not believed, or not understood.
pub fn read(
    upstream: &Upstream,
    secret: &SecretString,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Told, Refused> {
    if secret.expose_secret().is_empty() {
        return Err(Refused::Secret);
    }
    let told = match upstream.host {
        CodeHost::Github => github::read(headers, body, secret, &github::GITHUB)?,
        CodeHost::Gitea => github::read(headers, body, secret, &github::GITEA)?,
        CodeHost::Gitlab => gitlab::read(headers, body, secret, now)?,
    };
    Ok(told.of(upstream))
}

/// What was read of a push, before it is known whether it is of the right repository.
struct Read {
    delivery: String,
    repository: Option<String>,
    what: What,
}

impl Read {
    /// A hook that is set up on another repository, with the same secret, tells nothing of this one.
    fn of(self, upstream: &Upstream) -> Told {
        let known = RepositoryUrl::read(&upstream.url).map(|url| url.path).unwrap_or_default();
        let other = self.repository.filter(|told| {
            let told = told.to_ascii_lowercase();
            let known = known.to_ascii_lowercase();
            known != told && !known.ends_with(&format!("/{told}"))
        });
        let what = match (self.what, other) {
            (What::Nothing(why), _) => What::Nothing(why),
            (_, Some(other)) => What::Nothing(format!(
                "it is of the repository {}, and [source] url is {}",
                plain(&other),
                upstream.url
            )),
            (what, None) => what,
        };
        Told { delivery: self.delivery, what }
    }
}

/// What a change of a ref means.
fn moved(
    reference: &str,
    after: &str,
    subject: Option<&str>,
    by: Option<&str>,
    host: CodeHost,
) -> Result<What, Refused> {
    let Some(branch) = reference.strip_prefix("refs/heads/") else {
        return Ok(What::Nothing("only branches are built".to_owned()));
    };
    if !is_git_branch(branch) {
        return Err(Refused::Malformed("a branch of a name that git does not take"));
    }
    if !matches!(after.len(), 40 | 64) || !after.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Refused::Malformed("a commit whose id is none"));
    }
    let branch = branch.to_owned();
    let who = by.map(plain).filter(|by| !by.is_empty());
    let by = format!("{} ({})", who.as_deref().unwrap_or("somebody"), host.name());
    if after.bytes().all(|b| b == b'0') {
        return Ok(What::Gone { branch, by });
    }
    let subject = subject.and_then(|text| text.lines().next()).map(plain);
    Ok(What::Moved(Moved { branch, commit: after.to_ascii_lowercase(), subject, by }))
}

/// A text of somebody else, as it may be shown.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>().trim().to_owned()
}

/// Recognizes a body. What only the body is signed of may come again under another number.
fn digest(body: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body)))
}

/// A header as text.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
