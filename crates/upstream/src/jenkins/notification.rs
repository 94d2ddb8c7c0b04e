//! What Jenkins' Notification plugin sends (the page of the plugin shows an example).

use std::collections::BTreeMap;

use launcher_model::branch::is_git_branch;
use serde::Deserialize;

use crate::Refused;
use crate::hook::plain;

/// What a run has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notified {
    /// It is over, and has pushed an image.
    Finished(Finished),
    /// Nothing that concerns versions, and why not.
    Nothing(String),
}

/// A run that has pushed an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// By what it is recognized when it comes again.
    pub delivery: String,
    /// The branch that it built.
    pub branch: Option<String>,
    /// The commit that it built.
    pub commit: Option<String>,
    /// The image that it has pushed; under the commit's id in the service's repository when it is none.
    pub image: Option<String>,
}

/// The parameter with which a job says what it has pushed.
const IMAGE: &str = "LAUNCHER_IMAGE";

#[derive(Deserialize)]
struct Told {
    name: String,
    build: Build,
}

#[derive(Deserialize)]
struct Build {
    number: u64,
    phase: String,
    status: Option<String>,
    #[serde(default)]
    full_url: String,
    #[serde(default)]
    scm: Scm,
    #[serde(default)]
    parameters: BTreeMap<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct Scm {
    branch: Option<String>,
    commit: Option<String>,
}

/// Reads what was sent.
///
/// # Errors
/// When it is not what the plugin sends.
pub fn read(body: &[u8]) -> Result<Notified, Refused> {
    let told: Told = serde_json::from_slice(body).map_err(|_| {
        Refused::Malformed("no notification in JSON; choose the format JSON in the job's settings")
    })?;
    let build = told.build;
    if build.phase != "FINALIZED" {
        let why = format!("it is {}; what counts is FINALIZED", plain(&build.phase));
        return Ok(Notified::Nothing(why));
    }
    let status = build.status.unwrap_or_default();
    if status != "SUCCESS" {
        return Ok(Notified::Nothing(format!("it ended with {}", plain(&status))));
    }
    let branch = build.scm.branch.map(|branch| {
        // The plugin names the branch of the remote.
        branch.strip_prefix("origin/").map(str::to_owned).unwrap_or(branch)
    });
    if branch.as_deref().is_some_and(|branch| !is_git_branch(branch)) {
        return Err(Refused::Malformed("a branch of a name that git does not take"));
    }
    let is_commit = |commit: &String| {
        matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let commit = build.scm.commit;
    if commit.as_ref().is_some_and(|commit| !is_commit(commit)) {
        return Err(Refused::Malformed("a commit whose id is none"));
    }
    let image = build.parameters.get(IMAGE).and_then(|image| image.as_str()).map(plain);
    let image = image.filter(|image| !image.is_empty());
    let delivery = format!("jenkins {} {} {}", told.name, build.number, build.full_url);
    let delivery = plain(&delivery);
    Ok(Notified::Finished(Finished { delivery, branch, commit, image }))
}
