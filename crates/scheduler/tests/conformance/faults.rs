//! What goes wrong around the containers.

use std::time::Duration;

use launcher_model::VersionNumber;
use launcher_model::container::ContainerPhase;
use launcher_scheduler::{Change, Error};

use super::{
    Behaviour, Ground, eventually, killed_after, observed, placement, running, settle, shop, until,
};

const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn what_is_killed_between_two_steps_is_finished_by_the_next(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 3).await;
    for steps in [1, 2, 3, 5, 8, 13, 21] {
        killed_after(steps, engine.ensure(&placement)).await;
        let containers = settle(&*engine, &placement).await;
        assert_eq!(containers.len(), 3, "after {steps} steps: {containers:?}");
        killed_after(steps, engine.stop(&shop(), VersionNumber(1), GRACE)).await;
        killed_after(steps, engine.remove(&shop(), VersionNumber(1), GRACE)).await;
        eventually("nothing is left", async || {
            engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
            observed(&*engine).await.is_empty().then_some(())
        })
        .await;
    }
}

pub(crate) async fn an_engine_that_goes_away_is_told_and_comes_back(ground: &impl Ground) {
    let engine = ground.engine_at_risk();
    let placement = placement(ground, Behaviour::Runs, 2).await;
    let before = settle(&*engine, &placement).await;
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;

    ground.take_away().await;
    until(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    let image = &placement.version.image;
    let answers = [
        engine.hosts().await.err(),
        engine.fetch(image, None).await.err(),
        engine.ensure(&placement).await.err(),
        engine.observe(None).await.err(),
        engine.stop(&shop(), VersionNumber(1), GRACE).await.err(),
        engine.remove(&shop(), VersionNumber(1), GRACE).await.err(),
    ];
    for answer in answers {
        let error = answer.expect("the engine is away");
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_passing(), "{error}");
    }
    // Who begins to listen now hears first that it is away.
    let mut late = engine.watch();
    until(&mut late, |change| matches!(change, Change::Lost { .. })).await;

    ground.bring_back().await;
    until(&mut changes, |change| *change == Change::Everything).await;
    until(&mut late, |change| *change == Change::Everything).await;
    engine.ensure(&placement).await.unwrap();
    assert_eq!(observed(&*engine).await, before);
}

pub(crate) async fn what_happens_while_the_engine_is_away_is_seen(ground: &impl Ground) {
    let engine = ground.engine_at_risk();
    let placement = placement(ground, Behaviour::Runs, 2).await;
    let before = settle(&*engine, &placement).await;
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    ground.take_away().await;
    until(&mut changes, |change| matches!(change, Change::Lost { .. })).await;
    ground.kill(&before[0].id).await;
    ground.bring_back().await;
    until(&mut changes, |change| *change == Change::Everything).await;
    eventually("its end is seen, and its place filled", async || {
        engine.ensure(&placement).await.unwrap();
        let all = observed(&*engine).await;
        let running = running(&all);
        (running.len() == 2 && !running.contains(&before[0].id)).then_some(())
    })
    .await;
}

pub(crate) async fn changes_are_told_as_they_happen(ground: &impl Ground) {
    fn of_the_shop(change: &Change) -> bool {
        matches!(change, Change::Service(service) | Change::Ended { service, .. } if *service == shop())
    }
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    let created = settle(&*engine, &placement).await;
    until(&mut changes, of_the_shop).await;

    // From here on a new listener, which hears nothing of the creation.
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    ground.kill(&created[0].id).await;
    // As its end, by its id.
    let ended = Change::Ended { service: shop(), container: created[0].id.clone() };
    until(&mut changes, |change| *change == ended).await;
    let mut changes = engine.watch();
    until(&mut changes, |change| *change == Change::Everything).await;
    ground.remove_by_hand(&created[0].id).await;
    until(&mut changes, of_the_shop).await;
}

pub(crate) async fn what_is_not_ours_is_left_alone(ground: &impl Ground) {
    let (ours, theirs) = (ground.engine(), ground.neighbour());
    let mut placement = placement(ground, Behaviour::Runs, 2).await;
    let there = running(&settle(&*theirs, &placement).await);
    assert_eq!(observed(&*ours).await, []);

    let container = there.first().unwrap();
    let options = launcher_scheduler::LogOptions::default();
    let capabilities = ours.capabilities();
    let logs = ours.logs(container, options).await;
    assert!(!capabilities.logs || matches!(logs, Err(Error::NoContainer(_))));
    let request = launcher_scheduler::ExecRequest { command: super::shell("exit 0") };
    let exec = ours.exec(container, request).await;
    assert!(!capabilities.exec || matches!(exec, Err(Error::NoContainer(_))));

    // Another version, as their containers hold the names of this one.
    let version = super::version_of("shop", 2, placement.version.image.clone());
    placement.version = version.into();
    settle(&*ours, &placement).await;
    for number in [1, 2] {
        ours.stop(&shop(), VersionNumber(number), GRACE).await.unwrap();
        ours.remove(&shop(), VersionNumber(number), GRACE).await.unwrap();
    }
    assert_eq!(observed(&*ours).await, []);
    assert_eq!(running(&observed(&*theirs).await), there);
}

pub(crate) async fn a_name_that_is_taken_is_an_error(ground: &impl Ground) {
    let (ours, theirs) = (ground.engine(), ground.neighbour());
    let placement = placement(ground, Behaviour::Runs, 1).await;
    let there = settle(&*theirs, &placement).await;
    let error = ours.ensure(&placement).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    // An engine that names containers itself has put something behind the name that was wanted.
    let named = error.to_string();
    // Where names are paths, those of containers have dashes.
    let mut words = named.split(' ').map(|word| word.trim_start_matches('/').replace('/', "-"));
    let named = words.find(|word| word.starts_with("launcher-")).unwrap();
    assert!(there[0].name.starts_with(&named), "{error}");
    assert_eq!(observed(&*theirs).await, there);

    theirs.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    settle(&*ours, &placement).await;
}

pub(crate) async fn an_image_that_cannot_be_pulled_is_told(ground: &impl Ground) {
    let engine = ground.engine();
    let placement = placement(ground, Behaviour::CannotBePulled, 1).await;
    let error = engine.fetch(&placement.version.image, None).await.unwrap_err();
    assert!(matches!(error, Error::Image { .. }) && !error.is_passing(), "{error}");
    if engine.capabilities().replaces {
        // Each host pulls for itself, and tells afterwards.
        engine.ensure(&placement).await.unwrap();
        return eventually("it is said why", async || {
            let all = observed(&*engine).await;
            let why = all.into_iter().find_map(|container| match container.phase {
                ContainerPhase::Unstartable { why } => Some(why),
                _ => None,
            })?;
            assert!(!why.is_empty());
            Some(())
        })
        .await;
    }
    let error = engine.ensure(&placement).await.unwrap_err();
    assert!(matches!(error, Error::Image { .. }), "{error}");
    assert_eq!(observed(&*engine).await, []);
}
