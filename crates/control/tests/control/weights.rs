//! Several versions live at one time, and the ways there and back.

use launcher_control::{Error, Target};
use launcher_model::environment::EnvironmentState::{Ready, Stopped};
use launcher_model::event::EventKind;
use launcher_model::route::DeploymentKind;
use launcher_model::{ServiceName, VersionNumber, Weight};

use crate::edge::Edge;
use crate::world::{NOBODY, World, eventually};

/// The shares that an edge serves, which are those of the route.
async fn shares(world: &World, edge: &Edge, shop: &ServiceName) -> Vec<(u32, u8)> {
    let route = world.store.route(shop).await.unwrap().weights;
    assert_eq!(edge.table(shop).unwrap().weights, route);
    route.into_iter().map(|(version, weight)| (version.0, weight.percent())).collect()
}

fn weight(percent: u8) -> Weight {
    Weight::new(percent).unwrap()
}

#[tokio::test]
async fn a_version_gets_a_share_and_the_rest_stays_where_it_was() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    let two = world.ready(&shop).await;
    let first = world.share(&shop, two, 10).await.unwrap();
    assert!(first.changed);
    assert_eq!(first.deployment.kind, DeploymentKind::Deploy);
    assert_eq!(first.deployment.receipt.unwrap().edges[0].checked, 4);
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 90), (2, 10)]);
    let again = world.share(&shop, two, 10).await.unwrap();
    assert_eq!((again.changed, again.deployment.id), (false, first.deployment.id));

    // Both are live: nothing of them can be stopped.
    for live in [one, two] {
        assert!(matches!(world.stop(&shop, live).await, Err(Error::Refused(_))));
    }
    let three = world.ready(&shop).await;
    world.share(&shop, two, 50).await.unwrap();
    world.share(&shop, three, 20).await.unwrap();
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 40), (2, 40), (3, 20)]);
    world.share(&shop, one, 0).await.unwrap();
    assert_eq!(shares(&world, &edge, &shop).await, [(2, 67), (3, 33)]);
    let refused = world.share(&shop, VersionNumber(9), 10).await;
    assert!(matches!(refused, Err(Error::NoVersion(..))), "{refused:?}");
    world.share(&shop, three, 100).await.unwrap();
    assert_eq!(shares(&world, &edge, &shop).await, [(3, 100)]);
    let refused = world.share(&shop, three, 60).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    edge.is_unharmed();

    let told: Vec<_> = world.events().await.into_iter().collect();
    let told = told.iter().filter(|event| event.kind == EventKind::DeploymentLive);
    let told: Vec<_> = told.map(|event| (event.text.as_str(), event.version)).collect();
    assert!(
        told[1].0.starts_with("v1 90 %, v2 10 % are live, switched in ") && told[1].1 == Some(two),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_split_is_made_as_it_is_said_or_not_at_all() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    world.fake.set_addresses(|_, _, _| NOBODY);
    let creating = world.launch(&shop, "2").await;
    let split = async |parts: &[(VersionNumber, u8)]| {
        let parts = parts.iter().map(|(version, percent)| (*version, weight(*percent))).collect();
        world.deploying(&shop, Target::Split(parts)).await.unwrap()
    };
    for senseless in [&[(one, 50), (two, 49)][..], &[(one, 50), (one, 50)], &[]] {
        assert!(matches!(split(senseless).await, Err(Error::Invalid(_))), "{senseless:?}");
    }
    let refused = split(&[(one, 90), (creating, 10)]).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 100)]);
    split(&[(two, 30), (one, 70), (creating, 0)]).await.unwrap();
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 70), (2, 30)]);
}

#[tokio::test]
async fn going_back_in_a_rollout_leads_out_of_it() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (_, two) = (world.live(&shop).await, world.ready(&shop).await);
    world.share(&shop, two, 10).await.unwrap();
    world.share(&shop, two, 25).await.unwrap();
    let back = world.deploying(&shop, Target::RollbackToPrevious).await.unwrap().unwrap();
    assert_eq!(back.deployment.kind, DeploymentKind::Rollback);
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 100)]);

    for percent in [10, 50, 100] {
        world.share(&shop, two, percent).await.unwrap();
    }
    assert_eq!(shares(&world, &edge, &shop).await, [(2, 100)]);
    world.deploying(&shop, Target::RollbackToPrevious).await.unwrap().unwrap();
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 100)]);
}

#[tokio::test]
async fn an_ill_container_of_what_is_live_does_not_bar_the_way_back() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    world.share(&shop, two, 10).await.unwrap();
    world.fake.set_addresses(|_, _, _| NOBODY);
    world.fake.kill(&world.running(&shop, one).remove(0), 1);
    eventually("its place is taken by one that is not healthy", async || {
        edge.endpoints(&shop, one) == 1 && world.running(&shop, one).len() == 2
    })
    .await;
    world.deploying(&shop, Target::RollbackToPrevious).await.unwrap().unwrap();
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 100)]);
    // What was not live must be whole to go live.
    world.fake.kill(&world.running(&shop, two).remove(0), 1);
    eventually("the other has lost one too", async || {
        edge.endpoints(&shop, two) == 1 && world.running(&shop, two).len() == 2
    })
    .await;
    let refused = world.share(&shop, two, 10).await;
    assert!(
        matches!(&refused, Err(Error::Aborted { reason, .. }) if reason.contains("1 of 2")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_does_not_run_is_started_before_it_gets_a_share() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |spec| spec.keep.running = 5).await;
    let one = world.live(&shop).await;
    let (two, three) = (world.ready(&shop).await, world.ready(&shop).await);
    for version in [two, three] {
        world.stop(&shop, version).await.unwrap();
        world.reaches(&shop, version, Stopped).await;
    }
    let parts = vec![(one, weight(80)), (two, weight(10)), (three, weight(10))];
    world.deploying(&shop, Target::Split(parts)).await.unwrap().unwrap();
    assert_eq!(shares(&world, &edge, &shop).await, [(1, 80), (2, 10), (3, 10)]);
    for version in [two, three] {
        world.reaches(&shop, version, Ready).await;
        assert_eq!(edge.endpoints(&shop, version), 2);
    }
}

#[tokio::test]
async fn edges_know_each_version_by_passes_that_outlive_the_server() {
    let (mut world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    let passes = |version: VersionNumber| edge.table(&shop).unwrap().pools[&version].passes.clone();
    eventually("the edge knows both", async || edge.table(&shop).unwrap().pools.len() == 2).await;
    let before = [passes(one), passes(two)];
    let all: std::collections::BTreeSet<_> =
        before.iter().flat_map(|passes| [&passes.sticky, &passes.trial]).collect();
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(world.control().trial_pass(&shop, two), before[1].trial);
    let welcomes = edge.state().welcomes;
    world.restart().await;
    eventually("it is welcomed again", async || edge.state().welcomes > welcomes).await;
    assert_eq!([passes(one), passes(two)], before);
}
