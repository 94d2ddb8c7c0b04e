//! What people read of services.

use launcher_model::environment::Wanted;
use launcher_server::api::views::{AutoView, PreviewLoginsView};

use super::super::testing::{look, read};
use super::*;

const SERVICES: &str = include_str!("../fixtures/services.json");
const VERSIONS: &str = include_str!("../fixtures/versions.json");

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
    let known: Vec<ContainerView> = read(include_str!("../fixtures/containers.json"));
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
    assert_eq!(told(Some(1), None), "previews ask for a login: 1 user by the secret shop/logins");
    assert_eq!(told(None, None), "previews ask for a login by the secret shop/logins");
    assert_eq!(told(Some(0), Some("it is not set")), "nobody may look at previews: it is not set");
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
    service.freeze = Some(freeze("frozen until Mon 08:00 Europe/Berlin", "2026-11-20T15:00:00Z"));
    service.auto = Some(AutoView {
        version: launcher_model::VersionNumber(3),
        at: None,
        waits_for: Some(launcher_model::plan::auto::WaitsFor::Freeze),
        text:
            "v3 waits for the freeze to end, Mon 08:00 Europe/Berlin, and goes live by itself then"
                .to_owned(),
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
    let rows = list(&services, &look());
    let row = rows.lines().find(|line| line.starts_with("shop ")).unwrap();
    assert!(row.contains(", being deleted"), "{rows}");
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
