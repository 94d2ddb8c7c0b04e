//! What was measured of a service's environments and of hosts, as calls, graphs and pages ask for it.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;
use launcher_control::EnvironmentView;
use launcher_model::environment::EnvironmentState;
use launcher_model::route::{Deployment, DeploymentState, Route};
use launcher_model::{ServiceName, Span, VersionNumber};
use launcher_store::{DeploymentFilter, Page};
use launcher_telemetry::{Answer, Measure, Query};

use crate::App;
use crate::http::problem::Problem;

/// Of how long numbers are when nobody says, in seconds.
const RANGE: i64 = 900;

/// What was measured is kept to the second.
const LEAST_STEP: Span = Span::secs(1);

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

/// The span of a query: until now, and of the last 15 minutes of that, when nothing is said.
pub(crate) fn span(
    from: Option<&str>,
    until: Option<&str>,
    now: i64,
) -> Result<(i64, i64), Problem> {
    let until = time(until.unwrap_or("now"), now)?;
    let from = from.map_or(Ok(until - RANGE), |from| time(from, now))?;
    let is = match from.cmp(&until) {
        Ordering::Less => return Ok((from, until)),
        Ordering::Equal => "until",
        Ordering::Greater => "after until",
    };
    Err(Problem::invalid(format!(
        "from is {is}; nothing can have been measured between: give an earlier one, such as from=-15m"
    )))
}

/// The length of a step as a query has it, in seconds.
pub(crate) fn step(span: Span) -> Result<i64, Problem> {
    at_least("step", span, LEAST_STEP)
}

/// A length of time as a query has it, in seconds.
pub(crate) fn at_least(name: &str, span: Span, least: Span) -> Result<i64, Problem> {
    if span < least {
        let why = format!("{name} is {span}, in which nothing is measured; give {least} or more");
        return Err(Problem::invalid(why));
    }
    Ok(i64::try_from(span.duration().as_secs()).unwrap_or(i64::MAX))
}

/// Measures as a query has them: `cpu,memory`, all of those that there are of such a thing.
pub(crate) fn measures(text: &str, those: &'static [Measure]) -> Result<Vec<Measure>, Problem> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let read = names.map(|name| {
        Measure::among(name, those).map_err(|unknown| Problem::invalid(unknown.to_string()))
    });
    read.collect()
}

/// Refuses hosts that no engine has. Nobody can tell while the engine is away; what was measured is shown
/// all the same.
pub(crate) async fn must_know_host(app: &App, host: &str) -> Result<(), Problem> {
    match app.control.host(host).await {
        Err(error @ launcher_control::Error::NoHost(_)) => Err(error.into()),
        _ => Ok(()),
    }
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

/// Makes sure that a service has these versions. What was destroyed is one of them still.
///
/// # Errors
/// When it does not; the problem says which it has.
pub(crate) async fn exist(
    app: &App,
    service: &ServiceName,
    versions: &[VersionNumber],
) -> Result<(), Problem> {
    for version in versions {
        if app.store.version(service, *version).await?.is_none() {
            let newest = app.store.versions(service, None, 1).await?;
            let there = match newest.first().map(|newest| newest.number) {
                None => {
                    format!("it has none yet; `launcher launch {service} --image REF` makes one")
                }
                Some(only @ VersionNumber(1)) => format!("it has {only} alone"),
                Some(newest) => format!("it has v1 to {newest}"),
            };
            return Err(Problem::missing(format!("{service} has no {version}: {there}")));
        }
    }
    Ok(())
}

/// What is live, and what waits beside it.
pub(crate) struct Standing {
    pub(crate) live: BTreeSet<VersionNumber>,
    pub(crate) beside: Option<VersionNumber>,
}

impl Standing {
    pub(crate) async fn of(app: &App, service: &ServiceName) -> Result<Self, Problem> {
        let (route, mut environments) = app.control.environments(service, false).await?;
        // What has failed has nothing to be compared with.
        environments.retain(|view| view.environment.state != EnvironmentState::Failed);
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

/// What was measured of a service's versions. Before one was created nothing is known of it, which is not the
/// same as that nothing was asked of it.
pub(crate) async fn lines(app: &App, query: &Query) -> Result<Answer, Problem> {
    let mut measured = app.telemetry.lines(query).await?;
    for number in &query.versions {
        let Some(version) = app.store.version(&query.service, *number).await? else { continue };
        let before = version.created_at.as_second() - measured.from;
        let unknown = usize::try_from(before.div_euclid(measured.step)).unwrap_or(0);
        let own = measured.lines.iter_mut().filter(|line| line.version == *number);
        for value in own.flat_map(|line| line.values.iter_mut().take(unknown)) {
            // What an edge with another clock has told stays.
            *value = value.filter(|value| *value > 0.0);
        }
    }
    Ok(measured)
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
