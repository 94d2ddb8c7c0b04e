//! Fetching from a repository on another host.
//!
//! What is fetched comes over HTTP alone, is checked as what is pushed is, and follows nobody to another
//! place. The token is given to git in its environment: it is in no argument, and git prints it nowhere.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use launcher_model::service::{CodeHost, RepositoryUrl, Upstream};
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use super::Repository;
use super::command::{MOST_PUSHED, output, prepared};
use crate::{Error, Result};

/// A repository on another host.
pub struct Elsewhere<'a> {
    /// Where.
    pub upstream: &'a Upstream,
    /// What opens it.
    pub token: Option<SecretString>,
}

/// How long a fetch may take.
const FETCH: Duration = Duration::from_secs(30 * 60);
/// How long asking for a branch may take: who asks waits for it.
const LOOK: Duration = Duration::from_secs(8);

/// - Redirects are not followed: the token is for this host alone.
/// - A host that sends next to nothing for a minute is given up.
/// - What comes stays one file, whose size the system bounds.
const SETTINGS: [(&str, &str); 6] = [
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("fetch.unpackLimit", "1"),
    ("credential.helper", ""),
    ("protocol.version", "2"),
];

/// What leads out of this network, where something must, and the authorities that are trusted there.
const KEPT: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "no_proxy",
    "NO_PROXY",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];

/// Runs git in such a way that it can write no file of more than `$1` blocks of 512 bytes.
const BOUNDED: &str = "ulimit -f \"$1\" && shift && exec git \"$@\"";

/// Fetches a branch to where it is here; the commit that it is at.
///
/// # Errors
/// When the host cannot be reached, has no such branch, or sends what is not taken.
pub async fn fetch_branch(
    repository: &Repository,
    from: &Elsewhere<'_>,
    branch: &str,
) -> Result<String> {
    let mut command = from.command(repository, "sh");
    let blocks = MOST_PUSHED.parse::<u64>().unwrap_or(u64::MAX) / 512;
    command.args(["-c", BOUNDED, "git", &blocks.to_string()]);
    command.args(["fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head"]);
    command.args(["--no-recurse-submodules", "--no-auto-maintenance", &from.upstream.url]);
    command.arg(format!("+refs/heads/{branch}:refs/heads/{branch}"));
    let fetched = tokio::time::timeout(FETCH, output("fetching", &mut command)).await;
    fetched.map_err(|_| from.slow())?.map_err(|error| from.explain(error, branch))?;
    let head = super::head_of(repository, branch).await?;
    head.ok_or_else(|| from.no_branch(branch))
}

/// The commit that a branch is at on the other host; none when there is no such branch.
///
/// # Errors
/// When the host cannot be reached.
pub async fn head_elsewhere(
    repository: &Repository,
    from: &Elsewhere<'_>,
    branch: &str,
) -> Result<Option<String>> {
    let mut command = from.command(repository, "git");
    let name = format!("refs/heads/{branch}");
    command.args(["ls-remote", "--refs", "--quiet", &from.upstream.url, &name]);
    let listed = tokio::time::timeout(LOOK, output("looking for a branch", &mut command)).await;
    let listed = listed.map_err(|_| from.slow())?.map_err(|error| from.explain(error, branch))?;
    let listed = String::from_utf8_lossy(&listed);
    let mut heads = listed.lines().filter_map(|line| line.split_once('\t'));
    Ok(heads.find(|(_, found)| *found == name).map(|(id, _)| id.to_owned()))
}

impl Elsewhere<'_> {
    fn command(&self, repository: &Repository, program: &str) -> Command {
        let origin = RepositoryUrl::read(&self.upstream.url).map(|url| url.origin);
        let key = format!("http.{}/.extraHeader", origin.unwrap_or_default());
        let value = self.token.as_ref().map(|token| {
            let pair = format!("{}:{}", self.user(), token.expose_secret().trim());
            format!("Authorization: Basic {}", BASE64_STANDARD.encode(pair))
        });
        let mut settings = SETTINGS.to_vec();
        if let Some(value) = &value {
            settings.push((&key, value));
        }
        let mut command = prepared(program, repository.directory(), &settings);
        command.env("GIT_ALLOW_PROTOCOL", "http:https");
        for kept in KEPT {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }

    /// The user that goes with a token, which is the password.
    fn user(&self) -> &'static str {
        match self.upstream.host {
            CodeHost::Github | CodeHost::Gitea => "x-access-token",
            CodeHost::Gitlab => "oauth2",
        }
    }

    fn slow(&self) -> Error {
        Error::Source(format!("{} does not answer in time", self.upstream.url))
    }

    fn no_branch(&self, branch: &str) -> Error {
        Error::Source(format!("{} has no branch {branch} any more", self.upstream.url))
    }

    /// Says in words of ours what git says of another host.
    fn explain(&self, error: Error, branch: &str) -> Error {
        let Error::Git { why, .. } = &error else { return error };
        let has = |words: &[&str]| words.iter().any(|words| why.contains(words));
        let (name, url) = (self.upstream.host.name(), &self.upstream.url);
        if has(&["couldn't find remote ref"]) {
            return self.no_branch(branch);
        }
        if has(&["signal 25", "File size limit"]) {
            let most = "2 GiB".to_owned();
            let advice = "keep large files out of the repository";
            return Error::TooLarge { what: "what was fetched".into(), most, advice };
        }
        if has(&["Authentication failed", "could not read Username", "error: 401", "error: 403"]) {
            let advice = match (&self.token, &self.upstream.token) {
                (_, None) => "name a secret with a token as [source] token".to_owned(),
                (_, Some(name)) => format!("is the token in the secret {name} still valid?"),
            };
            return Error::Source(format!("{name} does not let this server read {url}; {advice}"));
        }
        if has(&["error: 404", "not found"]) {
            return Error::Source(format!(
                "there is no repository at {url}, or the token of [source] may not read it"
            ));
        }
        if has(&["error: 30", "redirect"]) {
            return Error::Source(format!("{url} has moved; correct [source] url"));
        }
        let last = why.lines().last().unwrap_or_default().trim_start_matches("fatal: ");
        Error::Source(format!("{url} cannot be fetched: {last}"))
    }
}
