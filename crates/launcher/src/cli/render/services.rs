//! Services, and their environments.

use std::collections::{BTreeMap, BTreeSet};

use console::Style;
use jiff::{SignedDuration, Timestamp};
use launcher_model::Weight;
use launcher_model::container::{Container, ContainerPhase};
use launcher_model::environment::EnvironmentState;
use launcher_model::route::Weights;
use launcher_server::api::views::{
    ContainerView, EnvironmentSummary, FreezeView, ServiceView, VersionView,
};

use super::words::{self, ago, count, shares};
use super::{Columns, Look, alarming, maintenance, or_dash, plain, state};

/// All services, a line each.
pub(in crate::cli) fn list(services: &[ServiceView], look: &Look) -> String {
    let mut columns = Columns::new(look, &["SERVICE", "LIVE", "ENVIRONMENTS", "URL", "CHANGED"]);
    for service in services {
        let failed = failed(&service.environments);
        columns.row([
            plain(&service.name),
            alarming(
                plain(shown_live(service)),
                service.maintenance.is_some() || service.deleting_since.is_some(),
            ),
            alarming(plain(environments(service.environments.len(), failed)), failed > 0),
            or_dash(service.urls.first()),
            plain(ago(service.changed_at, look.now)),
        ]);
    }
    columns.text()
}

fn failed(environments: &[EnvironmentSummary]) -> usize {
    environments.iter().filter(|one| one.state == EnvironmentState::Failed).count()
}

fn environments(all: usize, failed: usize) -> String {
    if failed == 0 { all.to_string() } else { format!("{all}, {failed} failed") }
}

/// What is live, that its users do not get to see it, and that it will soon be gone.
fn shown_live(service: &ServiceView) -> String {
    let closed = if service.maintenance.is_some() { ", in maintenance" } else { "" };
    let goes = if service.deleting_since.is_some() { ", being deleted" } else { "" };
    format!("{}{closed}{goes}", live(service))
}

fn live(service: &ServiceView) -> String {
    let weights = service
        .live
        .iter()
        .filter_map(|(version, percent)| Some((*version, Weight::new(*percent).ok()?)));
    shares(&weights.collect::<Weights>())
}

/// A service and its environments, newest first. With `versions`, which image each came from; with
/// `containers`, of whichever services, what those wait for that are on no host yet.
pub(in crate::cli) fn block(
    service: &ServiceView,
    versions: &[VersionView],
    containers: &[ContainerView],
    look: &Look,
) -> String {
    let name = look.paint(Style::new().bold(), service.name.as_str());
    let mut text = format!("{name}  {}\n", headline(service));
    if let Some(on) = &service.maintenance {
        let told = format!("in maintenance {}", maintenance::since(on, look));
        let told = look.paint(Style::new().yellow(), &told);
        text.push_str(&format!("{told}; `launcher maintenance {} off` opens it\n", service.name));
    }
    text.push_str(&logins(service));
    text.push_str(&by_itself(service, look));
    if service.environments.is_empty() {
        text.push_str(&format!(
            "no environment yet; `launcher launch {} --image REF` creates one\n",
            service.name
        ));
        return text;
    }
    text.push_str(&table(service, look));
    for environment in &service.environments {
        let version = versions.iter().find(|view| view.version.number == environment.version);
        text.push_str(&origin(version, look));
    }
    for environment in &service.environments {
        text.push_str(&failure(environment));
        let own = |view: &&ContainerView| {
            let Container { service: whose, version, .. } = &view.container;
            *whose == service.name && *version == environment.version
        };
        text.push_str(&waiting(environment, containers.iter().filter(own)));
    }
    text
}

fn headline(service: &ServiceView) -> String {
    let replicas = count(service.spec.service.replicas.into(), "container");
    let serves = match (service.live.is_empty(), service.urls.is_empty()) {
        (true, _) => "nothing is live".to_owned(),
        (false, true) => format!("live: {}", live(service)),
        (false, false) => format!("live: {} at {}", live(service), service.urls.join(", ")),
    };
    let goes = if service.deleting_since.is_some() { "being deleted; " } else { "" };
    format!("{goes}{serves}; {replicas} per environment")
}

/// A freeze is told of so long before it begins.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// The freeze that is or comes soon, in a few words.
pub(in crate::cli) fn freeze(service: &ServiceView, now: Timestamp) -> Option<&FreezeView> {
    let next = service.next_freeze.as_ref();
    service.freeze.as_ref().or(next.filter(|next| next.from.duration_since(now) <= AHEAD))
}

/// What goes live by itself, and when nothing is deployed.
fn by_itself(service: &ServiceView, look: &Look) -> String {
    let mut text = String::new();
    if let Some(freeze) = freeze(service, look.now) {
        let told = look.paint(Style::new().yellow(), &freeze.text);
        text.push_str(&format!("{told} ({})\n", freeze.window));
    }
    if let Some(auto) = &service.auto {
        text.push_str(&format!("{}\n", auto.text));
    }
    text
}

/// Who may look at previews.
fn logins(service: &ServiceView) -> String {
    let Some(logins) = &service.preview_logins else { return String::new() };
    match (&logins.trouble, logins.users) {
        (Some(trouble), _) => format!("nobody may look at previews: {trouble}\n"),
        (None, Some(users)) => {
            let users = count(users as u64, "user");
            format!("previews ask for a login: {users} by the secret {}\n", logins.secret)
        }
        (None, None) => format!("previews ask for a login by the secret {}\n", logins.secret),
    }
}

/// What is gone when a service is deleted.
pub(in crate::cli) fn what_goes(service: &ServiceView) -> String {
    let name = &service.name;
    let environments = count(service.environments.len() as u64, "environment");
    match (service.environments.is_empty(), service.live.is_empty()) {
        (true, _) => format!("this deletes {name}"),
        (false, true) => format!("this deletes {name} and its {environments}"),
        (false, false) => {
            let live = live(service);
            format!("this deletes {name} with {live}, which is live, and its {environments}")
        }
    }
}

fn table(service: &ServiceView, look: &Look) -> String {
    let header = ["VERSION", "STATE", "LIVE", "HEALTHY", "SINCE", "PREVIEW"];
    let mut columns = Columns::new(look, &header);
    for one in &service.environments {
        let pin = if one.pinned { " (pinned)" } else { "" };
        let short = one.state == EnvironmentState::Ready
            && one.healthy + one.unchecked < usize::from(one.replicas);
        columns.row([
            plain(format!("{}{pin}", one.version)),
            state(one),
            or_dash(one.weight.filter(|weight| *weight > 0).map(|weight| format!("{weight}%"))),
            alarming(plain(health(one)), short),
            plain(ago(one.since, look.now)),
            plain(&one.preview_url),
        ]);
    }
    columns.text()
}

/// What a version was made of, and by whom.
fn origin(view: Option<&VersionView>, look: &Look) -> String {
    let Some(VersionView { version, .. }) = view else { return String::new() };
    let mut text = format!("{}: {}", version.number, version.image.requested);
    if let Some(branch) = &version.branch {
        text.push_str(&format!(", branch {branch}"));
    }
    if let Some(commit) = &version.commit {
        text.push_str(&format!(", commit {}", commit.chars().take(12).collect::<String>()));
    }
    let when = ago(version.created_at, look.now);
    text.push_str(&format!(", launched {when} by {}\n", version.created_by));
    text
}

/// Why an environment failed, or cannot be made whole.
fn failure(environment: &EnvironmentSummary) -> String {
    if let Some(trouble) = &environment.trouble {
        return format!(
            "{} cannot be made whole, and is tried again: {trouble}\n",
            environment.version
        );
    }
    let Some(failure) = &environment.failure else { return String::new() };
    let mut text = format!("{} has failed: {}\n", environment.version, failure.reason);
    for line in &failure.log {
        text.push_str(&format!("  | {line}\n"));
    }
    text
}

/// What containers of an environment wait for that are on no host yet.
fn waiting<'a>(
    environment: &EnvironmentSummary,
    containers: impl Iterator<Item = &'a ContainerView>,
) -> String {
    let mut by_reason: BTreeMap<Option<&str>, BTreeSet<u16>> = BTreeMap::new();
    let mut running = 0;
    for ContainerView { container, .. } in containers {
        match &container.phase {
            ContainerPhase::Waiting { why } => {
                by_reason.entry(why.as_deref()).or_default().insert(container.slot);
            }
            ContainerPhase::Running { .. } => running += 1,
            _ => {}
        }
    }
    let meanwhile = match running {
        0 => String::new(),
        1 => " (1 other runs meanwhile)".to_owned(),
        several => format!(" ({several} others run meanwhile)"),
    };
    let line = |(why, slots): (&Option<&str>, &BTreeSet<u16>)| {
        let slots: Vec<_> = slots.iter().map(ToString::to_string).collect();
        let waits = match slots.as_slice() {
            [one] => format!("container {one} waits"),
            several => format!("containers {} wait", several.join(", ")),
        };
        let why = why.map_or_else(|| " for a host".to_owned(), |why| format!(": {why}"));
        format!("{}: {waits}{why}{meanwhile}\n", environment.version)
    };
    by_reason.iter().map(line).collect()
}

/// What became of an environment that something was asked of, in a sentence.
pub(in crate::cli) fn sentence(service: &str, environment: &EnvironmentSummary) -> String {
    let (version, state) = (environment.version, words::state(environment));
    let mut health = health(environment);
    if environment.healthy > 0 || environment.unchecked == 0 {
        health.push_str(" containers healthy");
    }
    let pin = if environment.pinned { ", pinned" } else { "" };
    format!("{service} {version}: {state}, {health}{pin}")
}

/// How many of its containers are healthy, as far as is known.
fn health(environment: &EnvironmentSummary) -> String {
    let EnvironmentSummary { healthy, unchecked, replicas, .. } = environment;
    match (healthy, unchecked) {
        (0, 1..) => "not checked yet".to_owned(),
        _ => format!("{healthy} of {replicas}"),
    }
}

#[cfg(test)]
mod tests;
