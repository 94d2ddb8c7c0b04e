//! The server dies at any moment of a switch, and the next one finishes what was decided.

use launcher_control::Target;
use launcher_edge::protocol::DrainOutcome;
use launcher_model::container::Health;
use launcher_model::environment::EnvironmentState::{Ready, Stopped};
use launcher_model::event::EventKind;
use launcher_model::plan::environment::Checked;
use launcher_model::route::DeploymentState;
use launcher_model::service::ServiceSpec;
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::fake::Script;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::edge::{Edge, Reply};
use crate::world::{NOBODY, World, eventually};

/// Version 1 is live, version 2 ready.
async fn two() -> (World, Edge, ServiceName, VersionNumber, VersionNumber) {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (one, two) = (world.live(&shop).await, world.ready(&shop).await);
    (world, edge, shop, one, two)
}

/// The server is there, edges are welcomed, and a switch can be made.
async fn is_well(world: &World, edge: &Edge, shop: &ServiceName, live: VersionNumber) {
    eventually("what is live is served", async || {
        edge.live(shop) == [live] && edge.endpoints(shop, live) == 2
    })
    .await;
    assert_eq!(world.route(shop).await, [live]);
    edge.is_unharmed();
    edge.on_prepare(Reply::Well);
    edge.on_commit(Reply::Well);
    edge.on_drain(Some(DrainOutcome::default()));
    let other = if live.0 == 1 { VersionNumber(2) } else { VersionNumber(1) };
    for version in [other, live] {
        assert!(world.deploy(shop, version).await.unwrap().changed);
        assert_eq!(edge.live(shop), [version]);
    }
    edge.is_unharmed();
}

#[tokio::test]
async fn while_containers_are_started() {
    let (mut world, edge, shop, one, _) = two().await;
    world.script(&shop, "slow", Script::new().start_takes(Duration::from_millis(300)));
    let slow = world.launch(&shop, "slow").await;
    world.reaches(&shop, slow, Ready).await;
    world.stop(&shop, slow).await.unwrap();
    world.reaches(&shop, slow, Stopped).await;
    let _cut = world.deploying(&shop, Target::Deploy(slow));
    let id = world.under_way(DeploymentState::Starting).await;
    world.restart().await;
    world.deployment_reaches(id, DeploymentState::Aborted).await;
    is_well(&world, &edge, &shop, one).await;
    world.told(EventKind::DeploymentAborted, 1).await;
}

#[tokio::test]
async fn while_edges_prepare() {
    let (mut world, edge, shop, one, two) = two().await;
    edge.on_prepare(Reply::Silent);
    let _cut = world.deploying(&shop, Target::Deploy(two));
    let id = world.under_way(DeploymentState::Preparing).await;
    eventually("the edge is asked", async || edge.state().prepared.contains_key(&id)).await;
    world.restart().await;
    let aborted = world.deployment_reaches(id, DeploymentState::Aborted).await;
    assert!(aborted.abort_reason.unwrap().contains("restarted before it was decided"));
    is_well(&world, &edge, &shop, one).await;
}

#[tokio::test]
async fn while_edges_commit() {
    let (mut world, edge, shop, _, two) = two().await;
    edge.on_commit(Reply::Silent);
    let _cut = world.deploying(&shop, Target::Deploy(two));
    let id = world.under_way(DeploymentState::Committing).await;
    world.restart().await;
    let live = world.deployment_reaches(id, DeploymentState::Draining).await;
    assert!(live.receipt.unwrap().recovered);
    is_well(&world, &edge, &shop, two).await;
}

#[tokio::test]
async fn while_it_drains() {
    let (mut world, edge, shop, one, two) = two().await;
    edge.on_drain(None);
    let id = world.deploy(&shop, two).await.unwrap().deployment.id;
    world.restart().await;
    eventually("the edge is back", async || world.control().hub().edges().len() == 1).await;
    assert_eq!(world.deployment(id).await.state, DeploymentState::Draining);
    assert_eq!(world.running(&shop, one).len(), 2);
    edge.drained(id, DrainOutcome { drained: 4, took_ms: 7, ..DrainOutcome::default() });
    let receipt = world.deployment_reaches(id, DeploymentState::Done).await.receipt.unwrap();
    assert_eq!((receipt.drained, receipt.drain_ms), (4, Some(7)));
    assert!(receipt.switch_us > 0 && !receipt.recovered, "what was measured is kept");
    is_well(&world, &edge, &shop, two).await;
}

#[tokio::test]
async fn when_all_is_calm() {
    let (mut world, edge, shop, one, _) = two().await;
    for _ in 0..5 {
        let welcomes = edge.state().welcomes;
        world.restart().await;
        eventually("the edge is welcomed", async || edge.state().welcomes > welcomes).await;
        assert_eq!((edge.live(&shop), edge.endpoints(&shop, one)), (vec![one], 2));
        let created = world.fake.containers().iter().filter(|one| one.attempt > 0).count();
        assert_eq!((world.fake.containers().len(), created), (4, 0), "none was touched");
    }
    is_well(&world, &edge, &shop, one).await;
}

#[tokio::test]
async fn edges_wait_until_what_is_live_has_been_checked_and_calls_do_not_hurry_them() {
    let (mut world, edge, shop, one, _) = two().await;
    for _ in 0..20 {
        let welcomes = edge.state().welcomes;
        world.restart().await;
        // Each of these has the service's turn for a moment.
        for pinned in [true, false] {
            world.pin(&shop, one, pinned).await.unwrap();
        }
        eventually("the edge is welcomed", async || edge.state().welcomes > welcomes).await;
        edge.is_unharmed();
        assert_eq!((edge.live(&shop), edge.endpoints(&shop, one)), (vec![one], 2));
    }
}

#[tokio::test]
async fn in_the_middle_of_a_creation() {
    let (mut world, edge, shop, one, _) = two().await;
    world.script(&shop, "slow", Script::new().start_takes(Duration::from_millis(50)));
    let number = world.launch(&shop, "slow").await;
    for _ in 0..5 {
        world.restart().await;
    }
    let view = world.reaches(&shop, number, Ready).await;
    assert_eq!((view.healthy(), world.running(&shop, number).len()), (2, 2));
    assert_eq!(world.fake.containers().len(), 6);
    is_well(&world, &edge, &shop, one).await;
}

#[tokio::test]
async fn what_was_not_checked_since_is_told_as_such() {
    let (mut world, _edge) = World::new().await;
    let shop = world
        .service("shop", |spec| {
            (spec.health.tcp, spec.health.exec) = (false, Some(vec!["bin/check".to_owned()]));
        })
        .await;
    world.script(&shop, "checked", Script::new().check(true, "good"));
    let one = world.launch(&shop, "checked").await;
    world.reaches(&shop, one, Ready).await;
    let known = async |world: &World| {
        let view = world.environment(&shop, one).await;
        (view.containers.len(), view.healthy(), view.unchecked())
    };
    assert_eq!(known(&world).await, (2, 2, 0));

    world.fake.go_away("for maintenance");
    world.restart().await;
    assert_eq!(known(&world).await, (0, 0, 2), "nobody has looked");
    let ids = world.running(&shop, one);
    for id in &ids {
        world.fake.set_check(id, false, "");
    }
    world.fake.come_back();
    eventually("they are seen", async || known(&world).await.0 == 2).await;
    assert_eq!(known(&world).await, (2, 0, 2), "no check has ended");
    world.fake.set_check(&ids[0], true, "good");
    eventually("one is healthy", async || known(&world).await == (2, 1, 1)).await;
    world.fake.set_check(&ids[1], false, "bad");
    eventually("one is not", async || known(&world).await == (2, 1, 0)).await;
}

#[tokio::test]
async fn a_check_that_fails_at_the_start_takes_nothing_from_edges() {
    let (mut world, edge, shop, one, _) = two().await;
    let welcomes = edge.state().welcomes;
    let ids = world.running(&shop, one);
    world.kill().await;
    ids.iter().for_each(|id| world.fake.set_address(id, NOBODY));
    world.start().await;
    eventually("each was checked", async || {
        let checked = world.environment(&shop, one).await.containers;
        let failed = |one: &Checked| matches!(one.health, Health::Unknown { last: Some(_) });
        checked.len() == 2 && checked.iter().all(failed)
    })
    .await;
    world.passes(&shop, 3).await;
    assert_eq!(edge.state().welcomes, welcomes, "once may be by chance");
    ids.iter().for_each(|id| world.fake.set_address(id, world.healthy));
    eventually("the edge is welcomed", async || edge.state().welcomes > welcomes).await;
    edge.is_unharmed();
    is_well(&world, &edge, &shop, one).await;
}

#[tokio::test]
async fn what_goes_on_failing_keeps_edges_waiting_for_a_moment_only() {
    let (mut world, edge, shop, one, _) = two().await;
    let welcomes = edge.state().welcomes;
    let ids = world.running(&shop, one);
    world.kill().await;
    world.fake.set_address(&ids[0], NOBODY);
    world.start().await;
    eventually("the edge is welcomed", async || edge.state().welcomes > welcomes).await;
    eventually("it has the other one", async || edge.endpoints(&shop, one) == 1).await;
    assert_eq!(edge.live(&shop), [one]);
}

/// Version 1 is live; version 2 is ready, and answers checks only while it is let.
struct Reluctant {
    world: World,
    edge: Edge,
    shop: ServiceName,
    lets: watch::Sender<bool>,
    upstreams: [JoinHandle<()>; 2],
}

impl Drop for Reluctant {
    fn drop(&mut self) {
        self.upstreams.iter().for_each(JoinHandle::abort);
    }
}

impl Reluctant {
    async fn new() -> Self {
        let (world, edge) = World::new().await;
        let prompt = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let reluctant = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [prompt.local_addr().unwrap(), reluctant.local_addr().unwrap()];
        let (lets, waits) = watch::channel(true);
        let upstreams = [
            tokio::spawn(answer(prompt, watch::channel(true).1)),
            tokio::spawn(answer(reluctant, waits)),
        ];
        world.fake.set_addresses(move |_, version, _| addresses[usize::from(version.0 == 2)]);
        let http = |spec: &mut ServiceSpec| {
            spec.health.tcp = false;
            spec.health.path = Some("/".to_owned());
            spec.health.timeout = "60s".parse().unwrap();
        };
        let shop = world.service("shop", http).await;
        world.live(&shop).await;
        world.ready(&shop).await;
        eventually("the edge has both", async || {
            [1, 2].iter().all(|version| edge.endpoints(&shop, VersionNumber(*version)) == 2)
        })
        .await;
        Self { world, edge, shop, lets, upstreams }
    }

    fn endpoints(&self) -> [usize; 2] {
        [1, 2].map(|version| self.edge.endpoints(&self.shop, VersionNumber(version)))
    }
}

/// Answers requests, one on each connection, while it is let.
async fn answer(listener: TcpListener, lets: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut lets = lets.clone();
        connections.spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).await? > 2 {
                line.clear();
            }
            let _ = lets.wait_for(|lets| *lets).await;
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await
        });
    }
}

#[tokio::test]
async fn edges_wait_until_previews_have_been_checked() {
    let mut all = Reluctant::new().await;
    all.lets.send_replace(false);
    let welcomes = all.edge.state().welcomes;
    all.world.restart().await;
    all.world.passes(&all.shop, 3).await;
    assert_eq!(all.edge.state().welcomes, welcomes, "before its preview is known");
    all.lets.send_replace(true);
    eventually("the edge is welcomed", async || all.edge.state().welcomes > welcomes).await;
    assert_eq!(all.endpoints(), [2, 2]);
}

#[tokio::test]
async fn a_preview_that_does_not_answer_keeps_edges_waiting_for_a_moment_only() {
    let mut all = Reluctant::new().await;
    all.lets.send_replace(false);
    let welcomes = all.edge.state().welcomes;
    all.world.restart().await;
    eventually("the edge is welcomed", async || all.edge.state().welcomes > welcomes).await;
    assert_eq!(all.endpoints(), [2, 0]);
    all.edge.is_unharmed();
}
