//! Creating, scaling, stopping, removing.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use launcher_model::container::ContainerPhase;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::Placement;

use super::{Behaviour, Ground, observed, place, placement, running, settle, shop, version_of};

const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn creates_what_is_missing_and_no_more(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 3).await;
    let begun = Timestamp::now();
    let ensured = engine.ensure(&placement).await.unwrap();
    assert_eq!(ensured.again_at, None);

    let containers = observed(&*engine).await;
    let slots: Vec<_> = containers.iter().map(|c| c.slot).collect();
    assert_eq!(slots, [1, 2, 3]);
    let addresses: BTreeSet<_> = containers.iter().map(|c| c.address.unwrap()).collect();
    assert_eq!(addresses.len(), 3);
    for container in &containers {
        assert!(matches!(container.phase, ContainerPhase::Running { since, .. } if since >= begun));
        assert!(container.created >= begun && container.created <= Timestamp::now());
        assert_eq!((container.attempt, container.failures), (0, 0));
        assert_eq!((&container.service, container.version), (&shop(), VersionNumber(1)));
        assert_eq!(container.address.unwrap().port(), 8080);
        assert!(container.name.starts_with("launcher-") && container.name.contains("shop-v1-"));
    }
    engine.ensure(&placement).await.unwrap();
    assert_eq!(observed(&*engine).await, containers);
}

pub(crate) async fn scales_up_and_down(ground: &impl Ground) {
    let engine = ground.engine();
    let two = placement(ground, Behaviour::Runs, 2).await;
    let first = running(&settle(&*engine, &two).await);
    let four = Placement { replicas: 4, ..two.clone() };
    let more = running(&settle(&*engine, &four).await);
    assert!(more.is_superset(&first) && more.len() == 4);
    // As long as edges may send something there, they run on.
    engine.ensure(&two).await.unwrap();
    assert!(running(&observed(&*engine).await).is_superset(&more));
    let released = more.difference(&first).cloned().collect();
    engine.ensure(&Placement { released, ..two }).await.unwrap();
    let fewer = observed(&*engine).await;
    assert_eq!(running(&fewer), first);
    assert_eq!(fewer.len(), 2);
}

pub(crate) async fn stops_and_starts_the_same_containers(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 3).await;
    let before = running(&settle(&*engine, &placement).await);
    engine.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();
    let stopped = observed(&*engine).await;
    assert_eq!(stopped.len(), 3);
    for container in &stopped {
        assert!(matches!(container.phase, ContainerPhase::Exited { .. }), "{container:?}");
        assert_eq!(container.address, None);
    }
    engine.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();

    let again = Placement { since: Timestamp::now(), ..placement };
    engine.ensure(&again).await.unwrap();
    let after = observed(&*engine).await;
    assert_eq!(running(&after), before);
    assert!(after.iter().all(|c| c.address.is_some()));
}

pub(crate) async fn removes_all_of_a_version_and_nothing_else(ground: &impl Ground) {
    let engine = ground.engine();
    let image = ground.image(Behaviour::Runs).await;
    for (service, number) in [("shop", 1), ("shop", 2), ("shop-2", 1)] {
        let placement = place(version_of(service, number, image.clone()), 2);
        engine.ensure(&placement).await.unwrap();
    }
    engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    let left = engine.observe(None).await.unwrap();
    let left: Vec<_> = left.iter().map(|c| (c.service.as_str(), c.version.0)).collect();
    assert_eq!(left, [("shop", 2), ("shop", 2), ("shop-2", 1), ("shop-2", 1)]);
    assert_eq!(observed(&*engine).await.len(), 2);
}

pub(crate) async fn names_at_their_limits_fit(ground: &impl Ground) {
    let engine = ground.engine();
    let longest = "x".repeat(launcher_model::name::SERVICE_NAME_MAX);
    let image = ground.image(Behaviour::Runs).await;
    let placement = place(version_of(&longest, u32::MAX, image), 1);
    engine.ensure(&placement).await.unwrap();
    let service = ServiceName::new(longest).unwrap();
    let containers = engine.observe(Some(&service)).await.unwrap();
    assert!(containers[0].is_running());
    assert_eq!(containers[0].version, VersionNumber(u32::MAX));
    engine.remove(&service, VersionNumber(u32::MAX), GRACE).await.unwrap();
    assert_eq!(engine.observe(None).await.unwrap(), []);
}

pub(crate) async fn many_at_once(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, ground.many()).await;
    engine.ensure(&placement).await.unwrap();
    let containers = observed(&*engine).await;
    assert_eq!(running(&containers).len(), usize::from(ground.many()));
    let slots: Vec<_> = containers.iter().map(|c| c.slot).collect();
    assert_eq!(slots, (1..=ground.many()).collect::<Vec<_>>());
    engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    assert_eq!(observed(&*engine).await, []);
}

pub(crate) async fn tells_its_host(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 1).await;
    engine.ensure(&placement).await.unwrap();
    let hosts = engine.hosts().await.unwrap();
    let containers = observed(&*engine).await;
    let host = hosts.iter().find(|host| host.name == containers[0].host).unwrap();
    assert!(host.usable && host.cpus > 0 && host.memory > 0 && host.running > 0);
    assert!(!host.engine.is_empty() && !host.address.is_empty());
}
