//! The first part of a build that a code host asked for: the commit is fetched.

use launcher_model::build::{Build, Origin};
use launcher_model::service::ServiceSpec;
use launcher_store::BuildChange;

use super::recorder::Log;
use super::steps::short;
use crate::builds::Inner;
use crate::git::{self, Repository};
use crate::{Error, Result};

/// Fetches what is to be built. Nothing to do for what was pushed or sent in.
///
/// # Errors
/// [`Error::Moved`] when the branch is at another commit by now, and when the host cannot be asked.
pub(super) async fn fetch(
    inner: &Inner,
    build: &Build,
    spec: &ServiceSpec,
    log: &Log<'_>,
) -> Result<()> {
    let (Origin::Hook, Some(branch), Some(commit)) = (build.origin, &build.branch, &build.commit)
    else {
        return Ok(());
    };
    let Some(upstream) = &spec.source else {
        let why = "the settings of the service name no [source] any more".to_owned();
        return Err(Error::Source(why));
    };
    log.line(format!("fetching {branch} from {}", upstream.url)).await;
    let repository = inner.repositories.open(&build.service).await?;
    let from = inner.elsewhere(upstream).await?;
    let head = git::fetch_branch(&repository, &from, branch).await?;
    launcher_fault::point("build.fetched");
    if head == *commit {
        return keep_what_was_said(inner, build, &repository, commit).await;
    }
    log.line(format!("{branch} is at {} by now", short(&head))).await;
    Err(Error::Moved { branch: branch.clone(), commit: head })
}

/// A webhook does not tell it all, and a commit does.
async fn keep_what_was_said(
    inner: &Inner,
    build: &Build,
    repository: &Repository,
    commit: &str,
) -> Result<()> {
    let told = git::read(repository, commit).await?;
    let subject = Some(told.subject).filter(|subject| !subject.is_empty());
    let change = BuildChange { subject, author: told.author, ..BuildChange::default() };
    inner.store.change_build(build.id, change, &[], inner.now()).await?;
    Ok(())
}
