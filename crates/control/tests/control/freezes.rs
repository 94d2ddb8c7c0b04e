//! Freezes, and people who deploy all the same.

use jiff::{SignedDuration, Timestamp};
use launcher_control::{Control, DeployRequest, Deployed, Error, Result, Target};
use launcher_model::event::EventKind;
use launcher_model::route::DeploymentKind;
use launcher_model::{ServiceName, VersionNumber, Weight};

use crate::acts::WHO;
use crate::edge::Edge;
use crate::world::World;

/// A window from so many minutes from now until so many from now.
pub(crate) fn window(from: i64, until: i64) -> String {
    let at = |minutes| {
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        at.strftime("%Y-%m-%d %H:%M").to_string()
    };
    format!("{} – {} UTC", at(from), at(until))
}

/// Version 1 is live, version 2 was before, version 3 is ready; then the service gets this window.
async fn world(window: &str) -> (World, Edge, ServiceName) {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    world.live(&shop).await;
    world.deploy(&shop, one).await.unwrap();
    world.ready(&shop).await;
    world.service("shop", |spec| spec.deploy.freeze = vec![window.into()]).await;
    (world, edge, shop)
}

const V1: VersionNumber = VersionNumber(1);
const V2: VersionNumber = VersionNumber(2);
const V3: VersionNumber = VersionNumber(3);

async fn deploy(
    world: &World,
    shop: &ServiceName,
    target: Target,
    change: impl FnOnce(&mut DeployRequest),
) -> Result<Deployed> {
    let mut request = DeployRequest::new(shop.clone(), target, WHO);
    change(&mut request);
    world.ask(async move |control: Control| control.deploy(request).await).await
}

#[tokio::test]
async fn a_freeze_refuses_what_nobody_insists_on() {
    let (world, edge, shop) = world(&window(-60, 120)).await;
    let begun = world.count(EventKind::DeploymentStarted).await;
    let half = Weight::new(50).unwrap();
    for target in [
        Target::Deploy(V3),
        Target::Share(V3, half),
        Target::Split(vec![(V1, half), (V3, half)]),
        // It was never live: no way back leads there.
        Target::RollbackTo(V3),
        Target::Offline,
    ] {
        let refused = deploy(&world, &shop, target.clone(), |_| {}).await;
        let Err(error @ Error::Frozen { .. }) = refused else { panic!("{target:?}: {refused:?}") };
        let told = error.to_string();
        assert!(
            told.contains("shop is frozen until ") && told.contains("--force --note"),
            "{told}"
        );
    }
    for note in [None, Some(String::new()), Some(" \n".to_owned())] {
        let refused = deploy(&world, &shop, Target::Deploy(V3), |request| {
            request.force = true;
            request.note = note;
        });
        let refused = refused.await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    assert_eq!(world.count(EventKind::DeploymentStarted).await, begun, "nothing was begun");
    assert_eq!((edge.live(&shop), world.route(&shop).await), (vec![V1], vec![V1]));
    // What is live already changes nothing.
    assert!(!world.deploy(&shop, V1).await.unwrap().changed);
}

#[tokio::test]
async fn who_insists_is_written_down() {
    let window = window(-60, 120);
    let (world, edge, shop) = world(&window).await;
    let forced = deploy(&world, &shop, Target::Deploy(V3), |request| {
        request.force = true;
        request.note = Some("the till is broken".to_owned());
    });
    let deployment = forced.await.unwrap().deployment;
    assert_eq!(edge.live(&shop), [V3]);
    let note = format!("the till is broken (forced during the freeze {window})");
    assert_eq!(deployment.note, Some(note));
    let events = world.events().await;
    let words = format!("mika deploys v3, forced during the freeze {window}");
    assert!(events.iter().any(|event| event.text == words), "{events:?}");
    assert_eq!((deployment.automatic, deployment.newest), (false, Some(V3)));
}

#[tokio::test]
async fn the_way_back_is_never_closed() {
    let (world, edge, shop) = world(&window(-60, 120)).await;
    for (target, live) in [(Target::RollbackToPrevious, V2), (Target::RollbackTo(V1), V1)] {
        let back = deploy(&world, &shop, target, |_| {}).await.unwrap();
        assert_eq!(back.deployment.kind, DeploymentKind::Rollback);
        assert_eq!(edge.live(&shop), [live]);
        let [warning] = back.warnings.as_slice() else { panic!("{:?}", back.warnings) };
        assert!(warning.starts_with("shop is frozen until "), "{warning}");
    }
}

#[tokio::test]
async fn shortly_before_a_freeze_people_are_warned() {
    let (world, _edge, shop) = world(&window(30, 120)).await;
    let deployed = deploy(&world, &shop, Target::Deploy(V3), |_| {}).await.unwrap();
    let [warning] = deployed.warnings.as_slice() else { panic!("{:?}", deployed.warnings) };
    assert!(warning.starts_with("shop freezes at "), "{warning}");
    let far = vec![window(90, 120).as_str().into()];
    world.service("shop", |spec| spec.deploy.freeze = far).await;
    let deployed = deploy(&world, &shop, Target::Deploy(V1), |_| {}).await.unwrap();
    assert_eq!(deployed.warnings, [""; 0]);
    // Forcing where nothing is frozen leaves no trace but the reason.
    let forced = deploy(&world, &shop, Target::Deploy(V3), |request| {
        request.force = true;
        request.note = Some("to be sure".to_owned());
    });
    assert_eq!(forced.await.unwrap().deployment.note.as_deref(), Some("to be sure"));
}
