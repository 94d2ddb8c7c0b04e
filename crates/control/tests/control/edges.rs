//! Edges that say no, say nothing, or go away.

use std::time::Duration;

use launcher_control::{Config, Error, Target};
use launcher_edge::protocol::InFlight;
use launcher_model::DeploymentId;
use launcher_model::event::EventKind;
use launcher_model::route::DeploymentState;

use crate::edge::Reply;
use crate::world::{World, eventually};

/// Patience is short.
async fn impatient() -> World {
    World::with_config(Config {
        prepare_within: Duration::from_millis(100),
        commit_within: Duration::from_millis(200),
        full_look: Duration::from_secs(3600),
        ..Config::default()
    })
    .await
}

fn aborted(outcome: Result<launcher_control::Deployed, Error>) -> (DeploymentId, String) {
    match outcome {
        Err(Error::Aborted { id, reason }) => (id, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_edge_that_cannot_prepare_aborts_the_switch_for_all() {
    let world = impatient().await;
    let (a, b) = (world.edge("a").await, world.edge("b").await);
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    let edges = [&a, &b];
    eventually("both know both", async || edges.iter().all(|e| e.endpoints(&shop, two) == 2)).await;
    let before = [a.table(&shop), b.table(&shop)];
    for (reply, words) in [
        (Reply::Refuse("container 1 does not answer".to_owned()), "container 1 does not answer"),
        (Reply::Silent, "it did not answer within"),
        (Reply::HangUp, "it lost its connection"),
    ] {
        b.on_prepare(reply);
        let (id, reason) = aborted(world.deploy(&shop, two).await);
        assert!(reason.starts_with("the edge b cannot prepare: "), "{reason}");
        assert!(reason.contains(words), "{reason}");
        let stored = world.deployment(id).await;
        assert_eq!(stored.state, DeploymentState::Aborted);
        assert_eq!(stored.abort_reason, Some(reason));
        assert_eq!((stored.generation, world.route(&shop).await), (None, vec![one]));
        eventually("it is forgotten", async || edges.iter().all(|e| e.state().prepared.is_empty()))
            .await;
        eventually("both are there", async || world.control().hub().edges().len() == 2).await;
        let after = edges.map(|edge| edge.table(&shop).map(|table| table.weights));
        assert_eq!(after, before.clone().map(|table| table.map(|table| table.weights)));
        assert_eq!(a.table(&shop), before[0]);
    }
    b.on_prepare(Reply::Well);
    assert!(world.deploy(&shop, two).await.unwrap().changed);
    assert_eq!(world.count(EventKind::DeploymentAborted).await, 3);
}

#[tokio::test]
async fn without_an_edge_nothing_can_be_deployed() {
    let world = impatient().await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.ready(&shop).await;
    let (_, reason) = aborted(world.deploy(&shop, one).await);
    assert!(reason.contains("no edge is connected"), "{reason}");
    assert_eq!(world.route(&shop).await, []);
    // One that is on its way is waited for.
    let deploying = world.deploying(&shop, Target::Deploy(one));
    world.under_way(DeploymentState::Preparing).await;
    let edge = world.edge("a").await;
    assert!(deploying.await.unwrap().unwrap().changed);
    assert_eq!(edge.live(&shop), [one]);
}

#[tokio::test]
async fn an_edge_that_does_not_acknowledge_is_fenced_and_named_and_catches_up() {
    for reply in [Reply::Silent, Reply::HangUp, Reply::Refuse("no disk".to_owned())] {
        let world = impatient().await;
        let (a, b) = (world.edge("a").await, world.edge("b").await);
        let shop = world.service("shop", |_| {}).await;
        let (_, two) = (world.live(&shop).await, world.ready(&shop).await);
        b.on_commit(reply.clone());
        let welcomes = b.state().welcomes;
        let deployed = world.deploy(&shop, two).await.unwrap().deployment;
        assert_eq!((a.live(&shop), world.route(&shop).await), (vec![two], vec![two]));
        let receipt = deployed.receipt.unwrap();
        let fenced: Vec<_> = receipt.edges.iter().filter(|part| part.fenced.is_some()).collect();
        assert_eq!((fenced.len(), &fenced[0].edge), (1, &b.name), "{reply:?}");
        eventually("it comes back", async || b.state().welcomes > welcomes).await;
        assert_eq!(b.live(&shop), [two]);
        // It is not waited for.
        world.deployment_reaches(deployed.id, DeploymentState::Done).await;
        let texts: Vec<_> = world.events().await.into_iter().map(|event| event.text).collect();
        assert!(texts.iter().any(|text| text.ends_with("; not acknowledged by b")), "{texts:?}");
    }
}

#[tokio::test]
async fn an_edge_that_goes_between_the_halves_is_named_and_catches_up() {
    let world = World::without_edge().await;
    let (a, b) = (world.edge("a").await, world.edge("b").await);
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    a.on_prepare(Reply::Held);
    let switch = world.deploying(&shop, Target::Deploy(two));
    let id = world.under_way(DeploymentState::Preparing).await;
    let asked = async || [&a, &b].iter().all(|edge| edge.state().prepared.contains_key(&id));
    eventually("both are asked", asked).await;
    // What b has said by now has arrived before its connection ends.
    let welcomes = b.state().welcomes;
    b.hang_up();
    eventually("b is back", async || b.state().welcomes > welcomes).await;
    assert_eq!(b.live(&shop), [one]);
    a.release();
    let receipt = switch.await.unwrap().unwrap().deployment.receipt.unwrap();
    let fenced: Vec<_> = receipt.edges.iter().filter(|part| part.fenced.is_some()).collect();
    assert_eq!((fenced.len(), &fenced[0].edge), (1, &b.name));
    eventually("b has the new table", async || b.live(&shop) == [two]).await;
    assert_eq!(a.live(&shop), [two]);
}

#[tokio::test]
async fn a_receipt_has_each_edge_s_part_and_what_was_in_flight_on_all() {
    let (world, a) = World::new().await;
    let b = world.edge("b").await;
    let shop = world.service("shop", |_| {}).await;
    let (_, two) = (world.live(&shop).await, world.ready(&shop).await);
    a.state().in_flight = InFlight { requests: 3, connections: 1 };
    b.state().in_flight = InFlight { requests: 4, connections: 2 };
    b.on_commit(Reply::Held);
    let switch = world.deploying(&shop, Target::Deploy(two));
    eventually("a has flipped", async || a.live(&shop) == [two]).await;
    assert!(!switch.is_finished(), "b has not acknowledged");
    b.release();
    let receipt = switch.await.unwrap().unwrap().deployment.receipt.unwrap();
    assert_eq!((receipt.in_flight_requests, receipt.in_flight_connections), (7, 3));
    assert_eq!(receipt.edges.len(), 2);
    let took = |i: usize| receipt.edges[i].commit_us;
    // The edges say that flipping took no time: the rest was the way to them and back.
    let half = took(0).abs_diff(took(1)) / 2;
    assert!(receipt.skew_us.abs_diff(half) <= 1, "{receipt:?}");
    assert!(receipt.skew_us > 0 && receipt.switch_us >= took(0).max(took(1)));
}

#[tokio::test]
async fn an_edge_that_was_away_gets_what_changed_meanwhile() {
    let (world, a) = World::new().await;
    let b = world.edge("b").await;
    let shop = world.service("shop", |_| {}).await;
    let (_, two) = (world.live(&shop).await, world.ready(&shop).await);
    b.leave();
    eventually("it is gone", async || world.control().hub().edges().len() == 1).await;
    world.deploy(&shop, two).await.unwrap();
    world.told(EventKind::EdgeLost, 1).await;
    b.come_back();
    eventually("it catches up", async || b.live(&shop) == [two]).await;
    let behind = async || world.control().hub().edges().iter().all(|edge| edge.behind == 0);
    eventually("nothing is behind", behind).await;
    assert_eq!(a.table(&shop), b.table(&shop));
}
