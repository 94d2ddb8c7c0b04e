//! `[keep]`: what falls out is stopped, then destroyed; what is live, pinned or in flight never.

use launcher_edge::protocol::DrainOutcome;
use launcher_model::environment::EnvironmentState::{Destroyed, Ready, Stopped};
use launcher_model::route::DeploymentState;

use crate::acts::WHO;
use crate::world::{World, eventually};

#[tokio::test]
async fn older_ones_are_stopped_and_the_oldest_destroyed() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |spec| (spec.keep.running, spec.keep.stopped) = (1, 1)).await;
    let mut versions = Vec::new();
    for _ in 0..4 {
        versions.push(world.live(&shop).await);
    }
    for (version, state) in versions.iter().zip([Destroyed, Stopped, Ready, Ready]) {
        world.reaches(&shop, *version, state).await;
    }
    assert_eq!(world.running(&shop, versions[3]).len(), 2);
    assert_eq!(world.fake.containers().len(), 6);
}

#[tokio::test]
async fn the_newest_waits_to_be_deployed_even_where_none_is_kept() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |spec| (spec.keep.running, spec.keep.stopped) = (0, 0)).await;
    let first = world.live(&shop).await;
    let second = world.launch(&shop, "good").await;
    world.reaches(&shop, second, Ready).await;
    world.passes(&shop, 2).await;
    assert_eq!(world.running(&shop, second).len(), 2);
    world.deploy(&shop, second).await.unwrap();
    world.reaches(&shop, first, Stopped).await;
    let third = world.live(&shop).await;
    world.reaches(&shop, first, Destroyed).await;
    world.reaches(&shop, second, Stopped).await;
    world.rollback(&shop).await.unwrap();
    assert_eq!(world.route(&shop).await, [second]);
    world.reaches(&shop, third, Stopped).await;
}

#[tokio::test]
async fn previews_never_take_away_the_one_to_go_back_to() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |spec| (spec.keep.running, spec.keep.stopped) = (1, 0)).await;
    let first = world.live(&shop).await;
    let second = world.live(&shop).await;
    // Going back makes the newer one the one to go back to.
    for (live, before) in [(second, first), (first, second)] {
        if world.route(&shop).await != [live] {
            world.rollback(&shop).await.unwrap();
        }
        for _ in 0..3 {
            let preview = world.launch(&shop, "good").await;
            world.reaches(&shop, preview, Ready).await;
            world.passes(&shop, 2).await;
        }
        assert_eq!(world.running(&shop, before).len(), 2, "{before} was live before {live}");
    }
}

#[tokio::test]
async fn pinned_ones_stay_and_take_nobody_s_place() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |spec| (spec.keep.running, spec.keep.stopped) = (1, 0)).await;
    let pinned = world.live(&shop).await;
    world.pin(&shop, pinned, true).await.unwrap();
    let second = world.live(&shop).await;
    let third = world.live(&shop).await;
    let fourth = world.live(&shop).await;
    world.reaches(&shop, second, Destroyed).await;
    for (version, state) in [(pinned, Ready), (third, Ready), (fourth, Ready)] {
        world.reaches(&shop, version, state).await;
    }
    world.pin(&shop, pinned, false).await.unwrap();
    world.service("shop", |spec| (spec.keep.running, spec.keep.stopped) = (1, 0)).await;
    world.reaches(&shop, pinned, Destroyed).await;
}

#[tokio::test]
async fn nothing_stops_before_it_has_drained() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |spec| (spec.keep.running, spec.keep.stopped) = (0, 0)).await;
    edge.on_drain(None);
    let mut before = None;
    // The loop is busy all the time, so that each step of a switch meets each step of a pass.
    let _restless = world.restless(&shop);
    for _ in 0..30 {
        let next = world.launch(&shop, "good").await;
        world.pin(&shop, next, true).await.unwrap();
        world.reaches(&shop, next, Ready).await;
        let id = world.deploy(&shop, next).await.unwrap().deployment.id;
        world.pin(&shop, next, false).await.unwrap();
        if let Some(before) = before.replace(next) {
            world.passes(&shop, 2).await;
            assert_eq!(world.running(&shop, before).len(), 2, "{before} still drains");
            edge.drained(id, DrainOutcome::default());
            world.deployment_reaches(id, DeploymentState::Done).await;
            world.reaches(&shop, before, Stopped).await;
        } else {
            edge.drained(id, DrainOutcome::default());
            world.deployment_reaches(id, DeploymentState::Done).await;
        }
    }
    edge.is_unharmed();
}

#[tokio::test]
async fn what_an_edge_that_is_away_may_still_serve_stays() {
    let (world, _edge) = World::new().await;
    let away = world.edge("b").await;
    world.joined(&away.name).await;
    let shop = world.service("shop", |spec| (spec.keep.running, spec.keep.stopped) = (0, 0)).await;
    let first = world.live(&shop).await;
    away.leave();
    eventually("it is gone", async || world.control().hub().edges().len() == 1).await;
    let second = world.live(&shop).await;
    let third = world.live(&shop).await;
    world.passes(&shop, 3).await;
    for version in [first, second] {
        assert_eq!(world.running(&shop, version).len(), 2, "{version} may get requests");
    }
    let refused = world.control().stop(&shop, first, WHO).await.unwrap_err().to_string();
    assert!(refused.contains("the edge b is away"), "{refused}");

    away.come_back();
    eventually("it catches up", async || away.live(&shop) == [third]).await;
    world.reaches(&shop, first, Destroyed).await;
    world.reaches(&shop, second, Stopped).await;
}
