//! What was measured of a service's environments, as calls, graphs and pages ask for it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use launcher_control::EnvironmentView;
use launcher_model::route::{Deployment, DeploymentState, Route};
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_store::{DeploymentFilter, Page};

use crate::App;
use crate::http::problem::Problem;

/// The longest list of versions that is taken.
const MOST_VERSIONS: usize = 20;

/// How far back deployments are looked for.
const DEPLOYMENTS: u32 = 200;

/// A time as a query has it: `now`, a span before it as `-15m`, seconds since 1970, or a time of RFC 3339.
pub(crate) fn time(text: &str, now: i64) -> Result<i64, Problem> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(ago) = text.strip_prefix('-')
        && let Ok(span) = ago.parse::<Span>()
    {
        return Ok(now - i64::try_from(span.duration().as_secs()).unwrap_or(i64::MAX));
    }
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(seconds.into());
    }
    text.parse::<Timestamp>().map(Timestamp::as_second).map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        Problem::invalid(format!(
            "{shown:?} is no time: write \"now\", \"-15m\", seconds since 1970, or \"2026-01-31T12:00:00Z\""
        ))
    })
}

/// Versions as a query has them: `41,42`, each with or without a `v`.
pub(crate) fn versions(text: &str) -> Result<Vec<VersionNumber>, Problem> {
    let mut versions = BTreeSet::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let number = one.strip_prefix('v').unwrap_or(one).parse().ok().filter(|n| *n > 0);
        let number = number.ok_or_else(|| {
            let shown: String = one.chars().take(40).collect();
            Problem::invalid(format!("{shown:?} is no version: write numbers, such as 41,42"))
        })?;
        versions.insert(VersionNumber(number));
    }
    if versions.len() > MOST_VERSIONS {
        return Err(Problem::invalid(format!("ask for at most {MOST_VERSIONS} versions")));
    }
    Ok(versions.into_iter().collect())
}

/// What is live, and what waits beside it.
pub(crate) struct Standing {
    pub(crate) live: BTreeSet<VersionNumber>,
    pub(crate) beside: Option<VersionNumber>,
}

impl Standing {
    pub(crate) async fn of(app: &App, service: &ServiceName) -> Result<Self, Problem> {
        let (route, environments) = app.control.environments(service, false).await?;
        Ok(Self::among(&route, &environments))
    }

    pub(crate) fn among(route: &Route, environments: &[EnvironmentView]) -> Self {
        let live: BTreeSet<VersionNumber> = route.live().collect();
        let others = environments.iter().map(|view| &view.environment);
        let newest = others.filter(|one| one.branch.is_none()).map(|one| one.version).max();
        Self { beside: newest.filter(|newest| live.iter().all(|live| live < newest)), live }
    }

    /// What is live, and behind it what waits beside.
    pub(crate) fn both(&self) -> Vec<VersionNumber> {
        self.live.iter().copied().chain(self.beside).collect()
    }
}

/// The deployments of a span of time, oldest first.
pub(crate) async fn deployments(
    app: &App,
    service: &ServiceName,
    (from, until): (i64, i64),
) -> Result<Vec<Deployment>, Problem> {
    let page = Page { before: None, limit: DEPLOYMENTS };
    let filter = DeploymentFilter { service: Some(service.clone()), among: None, page };
    let mut found = app.store.deployments(&filter).await?;
    found.retain(|one| {
        one.state != DeploymentState::Aborted
            && (from..=until).contains(&one.created_at.as_second())
    });
    found.reverse();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_versions_are_read_as_people_write_them() {
        for (text, at) in
            [("now", 1_000_000), ("-15m", 999_100), ("500", 500), ("1970-01-02T00:00:00Z", 86_400)]
        {
            assert_eq!(time(text, 1_000_000).unwrap(), at);
        }
        assert!(time("yesterday", 0).unwrap_err().detail().contains("\"yesterday\" is no time"));
        assert_eq!(versions("v2, 1,2,").unwrap(), [VersionNumber(1), VersionNumber(2)]);
        assert!(versions("0").is_err() && versions("one").is_err());
        assert!(versions(&(1..=21).map(|n| format!("{n},")).collect::<String>()).is_err());
    }
}
