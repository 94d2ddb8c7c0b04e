//! The versions that go live with a deployment, or are taken back with it, and where they came from.

use std::collections::{BTreeMap, BTreeSet};

use launcher_model::build::Build;
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use launcher_store::{BuildFilter, Page};

use crate::App;
use crate::api::views::ChangeView;
use crate::http::problem::Problem;

/// As many versions are listed.
const VERSIONS: u32 = 50;
/// How far back the build of a version is looked for, in builds.
const BUILDS: u32 = 200;

/// The versions between two.
pub(super) struct Between {
    /// Newest first.
    pub(super) versions: Vec<Version>,
    /// There are more.
    pub(super) more: bool,
}

/// The versions behind the older of the two, up to the newer. Those of branches are left out: they came
/// from elsewhere, and go elsewhere.
pub(super) async fn between(
    app: &App,
    service: &ServiceName,
    (live, target): (Option<VersionNumber>, Option<VersionNumber>),
) -> Result<Between, Problem> {
    let (Some(live), Some(target)) = (live, target) else {
        let alone = match target {
            Some(target) => app.store.version(service, target).await?,
            None => None,
        };
        return Ok(Between { versions: alone.into_iter().collect(), more: false });
    };
    let (older, newer) = (live.min(target), live.max(target));
    let environments = app.store.environments(service, true).await?.into_iter();
    let of_branches: BTreeSet<VersionNumber> = environments
        .filter(|one| one.branch.is_some() && one.version != newer)
        .map(|one| one.version)
        .collect();
    let from = VersionNumber(newer.0.saturating_add(1));
    let found = app.store.versions(service, Some(from), VERSIONS + 1).await?;
    let mut versions: Vec<Version> = found
        .into_iter()
        .take_while(|one| one.number > older)
        .filter(|one| !of_branches.contains(&one.number))
        .collect();
    let more = versions.len() > VERSIONS as usize;
    versions.truncate(VERSIONS as usize);
    Ok(Between { versions, more })
}

/// The builds that versions came out of, as far back as is looked.
pub(super) async fn builds(
    app: &App,
    service: &ServiceName,
) -> Result<BTreeMap<VersionNumber, Build>, Problem> {
    let page = Page { before: None, limit: BUILDS };
    let filter = BuildFilter { service: Some(service.clone()), among: None, branch: None, page };
    let builds = app.store.builds(&filter).await?.into_iter();
    Ok(builds.filter_map(|build| Some((build.version?, build))).collect())
}

/// A version as it is listed.
pub(super) fn view(version: &Version, builds: &BTreeMap<VersionNumber, Build>) -> ChangeView {
    let build = builds.get(&version.number);
    ChangeView {
        version: version.number,
        commit: version.commit.clone(),
        branch: version.branch.clone(),
        subject: version.subject.clone().or_else(|| build.and_then(|build| build.subject.clone())),
        by: version.created_by.clone(),
        at: version.created_at,
    }
}
