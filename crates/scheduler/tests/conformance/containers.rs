//! Creating, scaling, stopping, removing.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::{Placement, Scheduler};

use super::{
    Behaviour, Ground, ensured, eventually, observed, place, placement, running, settle,
    settle_released, shop, version_of,
};

const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn creates_what_is_missing_and_no_more(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 3).await;
    let begun = Timestamp::now();
    let first = engine.ensure(&placement).await.unwrap();
    assert_eq!(first.again_at, None);

    let many_hosts = engine.capabilities().many_hosts;
    let containers = ensured(&*engine, &placement).await;
    let slots: Vec<_> = containers.iter().map(|c| c.slot).collect();
    assert_eq!(slots, [1, 2, 3]);
    let addresses: BTreeSet<_> = containers.iter().map(|c| c.address.unwrap()).collect();
    assert_eq!(addresses.len(), 3);
    for container in &containers {
        assert!(matches!(container.phase, ContainerPhase::Running { since, .. } if since >= begun));
        assert!(container.created >= begun && container.created <= Timestamp::now());
        assert_eq!((container.attempt, container.failures), (0, 0));
        assert_eq!((&container.service, container.version), (&shop(), VersionNumber(1)));
        assert!(many_hosts || container.address.unwrap().port() == 8080);
        assert_eq!(container.published, None);
        assert!(container.name.starts_with("launcher-") && container.name.contains("shop-v1"));
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
    let fewer = settle_released(&*engine, &two).await;
    assert!(!engine.capabilities().ends_chosen || running(&fewer) == first);
    assert_eq!(fewer.len(), 2);
    // Nothing is left to do, and nothing is done.
    engine.ensure(&two).await.unwrap();
    assert_eq!(observed(&*engine).await, fewer);
}

pub(crate) async fn scaling_down_ends_exactly_what_is_released(ground: &impl Ground) {
    let engine = ground.engine();
    let three = placement(ground, Behaviour::Runs, 3).await;
    let all = settle(&*engine, &three).await;
    let before = running(&all);
    if engine.capabilities().ends_chosen {
        // There nothing is made beside them: those above the places are the ones.
        return the_one_above_the_places_ends(&*engine, three, all).await;
    }
    let two = Placement { replicas: 2, ..three };
    let newer = eventually("two others run beside them", async || {
        engine.ensure(&two).await.unwrap();
        let all = running(&observed(&*engine).await);
        assert!(all.is_superset(&before), "nothing was released");
        (all.len() == 5).then(|| &all - &before)
    })
    .await;
    let mut some = before.clone();
    some.pop_first();
    engine.ensure(&Placement { released: some, ..two.clone() }).await.unwrap();
    let still = running(&observed(&*engine).await);
    assert!(still.is_superset(&before), "one of them was not released");
    engine.ensure(&Placement { released: before, ..two }).await.unwrap();
    eventually("those that were released have ended, and no other", async || {
        let left = running(&observed(&*engine).await);
        assert!(left.is_superset(&newer), "{left:?}");
        (left == newer).then_some(())
    })
    .await;
}

async fn the_one_above_the_places_ends(
    engine: &dyn Scheduler,
    three: Placement,
    mut before: Vec<Container>,
) {
    let (all, last) = (running(&before), before.pop().unwrap());
    let two = Placement { replicas: 2, ..three };
    engine.ensure(&two).await.unwrap();
    assert_eq!(running(&observed(engine).await), all, "nothing was released");
    let released = [before[0].id.clone(), last.id.clone()].into();
    engine.ensure(&Placement { released, ..two }).await.unwrap();
    eventually("the one above the places has ended, and no other", async || {
        let left = running(&observed(engine).await);
        assert!(left.is_superset(&running(&before)), "{left:?}");
        (left == running(&before)).then_some(())
    })
    .await;
}

pub(crate) async fn stops_and_starts_the_same_containers(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 3).await;
    let before = running(&settle(&*engine, &placement).await);
    let keeps = engine.capabilities().keeps_stopped;
    engine.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();
    let stopped = observed(&*engine).await;
    assert_eq!(stopped.len(), if keeps { 3 } else { 0 }, "{stopped:?}");
    for container in &stopped {
        assert!(matches!(container.phase, ContainerPhase::Exited { .. }), "{container:?}");
        assert_eq!(container.address, None);
    }
    engine.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();

    let again = Placement { since: Timestamp::now(), ..placement };
    let after = ensured(&*engine, &again).await;
    assert!(!keeps || running(&after) == before);
    assert_eq!(running(&after).len(), 3);
    assert!(after.iter().all(|c| c.address.is_some()));
}

pub(crate) async fn removes_all_of_a_version_and_nothing_else(ground: &impl Ground) {
    let engine = ground.engine();
    let image = ground.image(Behaviour::Runs).await;
    for (service, number) in [("shop", 1), ("shop", 2), ("shop-2", 1)] {
        let placement = place(version_of(service, number, image.clone()), 2);
        engine.ensure(&placement).await.unwrap();
    }
    eventually("all of them run", async || {
        let all = engine.observe(None).await.unwrap();
        (running(&all).len() == 6).then_some(())
    })
    .await;
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
    let service = ServiceName::new(longest).unwrap();
    let containers = ensured(&*engine, &placement).await;
    assert!(containers[0].is_running());
    assert_eq!(containers[0].version, VersionNumber(u32::MAX));
    engine.remove(&service, VersionNumber(u32::MAX), GRACE).await.unwrap();
    assert_eq!(engine.observe(None).await.unwrap(), []);
}

pub(crate) async fn tells_its_host(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let containers = ensured(&*engine, &placement).await;
    let hosts = engine.hosts().await.unwrap();
    let host = hosts.iter().find(|host| host.name == containers[0].host).unwrap();
    assert!(host.usable && host.cpus > 0 && host.memory > 0 && host.running > 0);
    assert!(!host.engine.is_empty() && !host.address.is_empty());
}
