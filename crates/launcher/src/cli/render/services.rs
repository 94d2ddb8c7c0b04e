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
            alarming(plain(shown_live(service)), service.maintenance.is_some()),
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

/// What is live, and that its users do not get to see it.
fn shown_live(service: &ServiceView) -> String {
    let closed = if service.maintenance.is_some() { ", in maintenance" } else { "" };
    format!("{}{closed}", live(service))
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
mod tests {
    use launcher_server::api::views::AutoView;

    use launcher_model::environment::Wanted;
    use launcher_server::api::views::PreviewLoginsView;

    use super::super::testing::{look, read};
    use super::*;

    const SERVICES: &str = include_str!("fixtures/services.json");
    const VERSIONS: &str = include_str!("fixtures/versions.json");

    #[test]
    fn services_fit_into_a_terminal() {
        insta::assert_snapshot!(list(&read::<Vec<_>>(SERVICES), &look()));
    }

    #[test]
    fn a_service_shows_its_environments_their_images_and_failures() {
        let services: Vec<ServiceView> = read(SERVICES);
        insta::assert_snapshot!(block(&services[0], &read::<Vec<_>>(VERSIONS), &[], &look()));
    }

    #[test]
    fn a_service_that_is_closed_says_so() {
        let mut services: Vec<ServiceView> = read(SERVICES);
        services.truncate(1);
        services[0].maintenance = Some(read(
            r#"{"since": "2026-11-24T11:48:00Z", "by": "mika", "note": "a new disk", "retry_after": "10m"}"#,
        ));
        assert!(list(&services, &look()).contains("v2, in maintenance"));
        let told = "in maintenance for 12 min, by mika (a new disk); `launcher maintenance shop off` opens it\n";
        assert!(block(&services[0], &[], &[], &look()).contains(told));
    }

    #[test]
    fn what_stands_in_the_way_of_a_ready_environment_is_told() {
        let mut service = read::<Vec<ServiceView>>(SERVICES).swap_remove(0);
        service.environments[1].trouble = Some("the key is missing".to_owned());
        let told = "v2 cannot be made whole, and is tried again: the key is missing\n";
        assert!(block(&service, &[], &[], &look()).contains(told));
    }

    #[test]
    fn what_containers_wait_for_is_told_under_their_environment() {
        let service = read::<Vec<ServiceView>>(SERVICES).swap_remove(0);
        let known: Vec<ContainerView> = read(include_str!("fixtures/containers.json"));
        let [running, ..] = known.as_slice() else { panic!("{known:?}") };
        let why = Some("no host will do: 3 hosts without 2 CPUs free".to_owned());
        let waits = |slot, why: &Option<String>| {
            let mut view = running.clone();
            view.container.slot = slot;
            view.container.phase = ContainerPhase::Waiting { why: why.clone() };
            view
        };
        let told = |containers: &[ContainerView]| {
            let shown = block(&service, &[], containers, &look());
            let lines = shown.lines().filter(|line| line.contains(" wait"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(&known), Vec::<String>::new());
        assert_eq!(
            told(&[waits(3, &why)]),
            ["v2: container 3 waits: no host will do: 3 hosts without 2 CPUs free"]
        );
        let mut of_another = waits(2, &None);
        of_another.container.service = "blog".parse().unwrap();
        assert_eq!(
            told(&[running.clone(), waits(4, &why), waits(2, &why), waits(3, &None), of_another]),
            [
                "v2: container 3 waits for a host (1 other runs meanwhile)",
                "v2: containers 2, 4 wait: no host will do: 3 hosts without 2 CPUs free \
                 (1 other runs meanwhile)",
            ]
        );
    }

    #[test]
    fn previews_that_ask_for_a_login_are_told_of() {
        let mut service = read::<Vec<ServiceView>>(SERVICES).swap_remove(0);
        let mut told = |users, trouble: Option<&str>| {
            let (secret, trouble) = ("shop/logins".to_owned(), trouble.map(str::to_owned));
            service.preview_logins = Some(PreviewLoginsView { secret, users, trouble });
            block(&service, &[], &[], &look()).lines().nth(1).unwrap().to_owned()
        };
        assert_eq!(
            told(Some(1), None),
            "previews ask for a login: 1 user by the secret shop/logins"
        );
        assert_eq!(told(None, None), "previews ask for a login by the secret shop/logins");
        assert_eq!(
            told(Some(0), Some("it is not set")),
            "nobody may look at previews: it is not set"
        );
    }

    #[test]
    fn a_service_without_environments_says_what_to_do() {
        let services: Vec<ServiceView> = read(SERVICES);
        insta::assert_snapshot!(block(&services[1], &[], &[], &look()));
    }

    #[test]
    fn a_freeze_and_what_goes_live_by_itself_are_told() {
        let mut service = read::<Vec<ServiceView>>(SERVICES).swap_remove(1);
        let freeze = |text: &str, from: &str| FreezeView {
            window: "Fri 16:00 – Mon 08:00 Europe/Berlin".to_owned(),
            from: from.parse().unwrap(),
            until: "2026-11-30T07:00:00Z".parse().unwrap(),
            text: text.to_owned(),
        };
        service.next_freeze =
            Some(freeze("freezes at Fri 16:00 Europe/Berlin", "2026-11-27T15:00:00Z"));
        assert!(!block(&service, &[], &[], &look()).contains("freezes"), "it is far");
        let soon = look().now + SignedDuration::from_hours(23);
        service.next_freeze.as_mut().unwrap().from = soon;
        assert!(block(&service, &[], &[], &look()).contains("freezes at Fri 16:00"));
        service.freeze =
            Some(freeze("frozen until Mon 08:00 Europe/Berlin", "2026-11-20T15:00:00Z"));
        service.auto = Some(AutoView {
            version: launcher_model::VersionNumber(3),
            at: None,
            waits_for: Some(launcher_model::plan::auto::WaitsFor::Freeze),
            text: "v3 waits for the freeze to end, Mon 08:00 Europe/Berlin, and goes live by itself then".to_owned(),
        });
        insta::assert_snapshot!(block(&service, &[], &[], &look()));
    }

    #[test]
    fn an_environment_fits_into_a_sentence() {
        let services: Vec<ServiceView> = read(SERVICES);
        insta::assert_snapshot!(sentence("shop", &services[0].environments[1]));
    }

    #[test]
    fn what_a_deletion_takes_away_is_told_before_and_meanwhile() {
        let mut services: Vec<ServiceView> = read(SERVICES);
        assert_eq!(
            what_goes(&services[0]),
            "this deletes shop with v2, which is live, and its 3 environments"
        );
        assert_eq!(what_goes(&services[1]), "this deletes mail");
        services[0].deleting_since = Some(look().now);
        assert!(headline(&services[0]).starts_with("being deleted; live: v2"));
    }

    #[test]
    fn what_is_on_its_way_is_told_by_where_it_goes() {
        let mut service = read::<Vec<ServiceView>>(SERVICES).swap_remove(0);
        for (state, wanted, word) in [
            (EnvironmentState::Ready, Wanted::Stopped, "stopping"),
            (EnvironmentState::Creating, Wanted::Stopped, "stopping"),
            (EnvironmentState::Ready, Wanted::Gone, "being destroyed"),
            (EnvironmentState::Failed, Wanted::Gone, "being destroyed"),
            (EnvironmentState::Stopped, Wanted::Running, "starting"),
            (EnvironmentState::Failed, Wanted::Stopped, "failed"),
            (EnvironmentState::Stopped, Wanted::Stopped, "stopped"),
            (EnvironmentState::Ready, Wanted::Running, "ready"),
            (EnvironmentState::Destroyed, Wanted::Gone, "destroyed"),
        ] {
            let one = &mut service.environments[1];
            (one.state, one.wanted) = (state, wanted);
            assert!(sentence("shop", one).starts_with(&format!("shop v2: {word}, ")));
            let shown = table(&service, &look());
            let row = shown.lines().find(|line| line.starts_with("v2 ")).unwrap();
            assert!(row.contains(&format!("  {word}  ")), "{shown}");
        }
    }

    #[test]
    fn what_was_not_checked_yet_is_not_told_as_unhealthy() {
        let mut service = read::<Vec<ServiceView>>(SERVICES).swap_remove(0);
        service.environments.truncate(2);
        service.environments.remove(0);
        let mut with = |healthy, unchecked| {
            let one = &mut service.environments[0];
            (one.healthy, one.unchecked) = (healthy, unchecked);
            let coloured = Look { colour: true, ..look() };
            (sentence("shop", one), table(&service, &look()), table(&service, &coloured))
        };
        let (said, plain, _) = with(0, 3);
        assert_eq!(said, "shop v2: ready, not checked yet");
        assert!(plain.contains("100%  not checked yet  3 h ago"), "{plain}");
        let (said, plain, coloured) = with(1, 2);
        assert_eq!(said, "shop v2: ready, 1 of 3 containers healthy");
        assert!(plain.contains("1 of 3"), "{plain}");
        assert_ne!(coloured, with(1, 1).2, "one that is known not to be healthy alarms");
    }

    #[test]
    fn colours_are_there_when_they_are_wanted() {
        let coloured = list(&read::<Vec<_>>(SERVICES), &Look { colour: true, ..look() });
        assert!(coloured.contains("\u{1b}["), "{coloured}");
    }
}
