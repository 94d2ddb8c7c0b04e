//! Hosts that are closed and drained, on an engine of several.

use std::collections::BTreeSet;

use launcher_control::Error;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::host::{Closing, HostNotes, HostState};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::Scheduler;

use crate::edge::Reply;
use crate::world::{World, eventually};

impl World {
    fn hosts_of(&self, service: &ServiceName, version: VersionNumber) -> BTreeSet<String> {
        let all = self.fake.containers().into_iter();
        let own = all.filter(|one| one.service == *service && one.version == version);
        own.filter(|one| one.is_running()).map(|one| one.host).collect()
    }

    async fn state_of(&self, host: &str) -> HostState {
        let host = host.to_owned();
        self.ask(|control| async move { control.host(&host).await.unwrap().state }).await
    }

    async fn close(&self, host: &'static str) -> Result<bool, Error> {
        self.ask(|control| async move { control.close_host(host, "anna").await }).await
    }

    async fn drain(&self, host: &'static str) -> Result<bool, Error> {
        self.ask(|control| async move { control.drain_host(host, "anna").await }).await
    }

    async fn open(&self, host: &'static str) -> Result<bool, Error> {
        self.ask(|control| async move { control.open_host(host, "anna").await }).await
    }
}

fn set(hosts: &[&str]) -> BTreeSet<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

#[tokio::test]
async fn what_is_on_a_drained_host_goes_elsewhere_before_it_ends() {
    let (world, edge) = World::new().await;
    world.fake.set_hosts(["a", "b", "c"]);
    let shop = world.service("shop", |spec| spec.service.replicas = 3).await;
    let number = world.live(&shop).await;
    assert_eq!(world.hosts_of(&shop, number), set(&["a", "b", "c"]));
    let before = world.running(&shop, number);

    edge.state().rest = Reply::Held;
    assert!(world.drain("a").await.unwrap());
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    assert_eq!(world.running(&shop, number).len(), 4);
    assert_eq!(edge.endpoints(&shop, number), 3);
    assert_eq!(world.state_of("a").await, HostState::Draining);
    assert!(!world.drain("a").await.unwrap(), "it is no news");

    edge.state().rest = Reply::Well;
    edge.release();
    world.told(EventKind::HostDrained, 1).await;
    assert_eq!(world.hosts_of(&shop, number), set(&["b", "c"]));
    assert_eq!(world.state_of("a").await, HostState::Drained);
    let after = world.running(&shop, number);
    assert_eq!(after.iter().filter(|id| before.contains(id)).count(), 2);
    assert_eq!(world.count(EventKind::ContainerLost).await, 0);
    assert_eq!(world.count(EventKind::HostDraining).await, 1);

    let next = world.ready(&shop).await;
    assert_eq!(world.hosts_of(&shop, next), set(&["b", "c"]));
    assert!(world.open("a").await.unwrap());
    assert!(!world.open("a").await.unwrap());
    assert_eq!(world.state_of("a").await, HostState::Ready);
    let last = world.ready(&shop).await;
    assert!(world.hosts_of(&shop, last).contains("a"));
    edge.is_unharmed();
}

#[tokio::test]
async fn a_drain_goes_on_after_a_restart() {
    let (mut world, edge) = World::new().await;
    world.fake.set_hosts(["a", "b"]);
    let shop = world.service("shop", |spec| spec.service.replicas = 2).await;
    let number = world.live(&shop).await;
    edge.state().rest = Reply::Held;
    world.drain("a").await.unwrap();
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    world.kill().await;
    edge.state().rest = Reply::Well;
    world.start().await;
    world.told(EventKind::HostDrained, 1).await;
    assert_eq!(world.hosts_of(&shop, number), set(&["b"]));
    eventually("both serve", async || edge.endpoints(&shop, number) == 2).await;
}

#[tokio::test]
async fn a_server_that_is_killed_before_the_engine_is_told_tells_it_later() {
    let (mut world, edge) = World::new().await;
    world.fake.set_hosts(["a", "b"]);
    let shop = world.service("shop", |spec| spec.service.replicas = 2).await;
    let number = world.live(&shop).await;
    world.kill().await;
    // As far as a server has come that dies at the fault point `host.closed`.
    let event = NewEvent::new(EventKind::HostDraining, "the host a is drained by anna").by("anna");
    let now = jiff::Timestamp::now();
    assert!(world.store.close_host("a", Closing::Draining, "anna", event, now).await.unwrap());
    assert!(world.fake.hosts().await.unwrap().iter().all(|host| !host.closed));
    world.start().await;
    world.told(EventKind::HostDrained, 1).await;
    assert_eq!(world.hosts_of(&shop, number), set(&["b"]));
    assert_eq!(world.state_of("a").await, HostState::Drained);
    eventually("the engine is told", async || {
        world.fake.hosts().await.unwrap().iter().any(|host| host.name == "a" && host.closed)
    })
    .await;
    eventually("both serve", async || edge.endpoints(&shop, number) == 2).await;
    assert_eq!(world.count(EventKind::HostDraining).await, 1);
}

#[tokio::test]
async fn what_was_closed_can_be_opened_on_an_engine_of_one_host() {
    let (world, _edge) = World::new().await;
    world.fake.set_hosts(["a", "b"]);
    world.drain("a").await.unwrap();
    // Another engine has taken over.
    world.fake.set_hosts(["a"]);
    assert!(world.open("a").await.unwrap());
    world.open("a").await.unwrap_err();
}

#[tokio::test]
async fn a_closed_host_keeps_what_it_has_and_takes_nothing_new() {
    let (world, _edge) = World::new().await;
    world.fake.set_hosts(["a", "b"]);
    let shop = world.service("shop", |spec| spec.service.replicas = 2).await;
    let old = world.live(&shop).await;
    let before = world.running(&shop, old);
    assert!(world.close("a").await.unwrap());
    assert_eq!(world.state_of("a").await, HostState::Closed);
    let new = world.ready(&shop).await;
    assert_eq!(world.hosts_of(&shop, new), set(&["b"]));
    assert_eq!(world.running(&shop, old), before);
    assert_eq!(world.hosts_of(&shop, old), set(&["a", "b"]));
}

#[tokio::test]
async fn what_cannot_be_closed_is_refused_with_the_reason() {
    let (world, _edge) = World::new().await;
    let refused = world.drain("fake").await.unwrap_err();
    assert!(refused.to_string().contains("has one host"), "{refused}");
    world.fake.set_hosts(["a", "b"]);
    let unknown = world.close("z").await.unwrap_err();
    assert!(matches!(unknown, Error::NoHost(_)), "{unknown}");
    assert!(matches!(world.open("z").await, Err(Error::NoHost(_))));
    world.close("a").await.unwrap();
    let last = world.drain("b").await.unwrap_err();
    assert!(last.to_string().contains("no other host takes containers"), "{last}");
    assert_eq!(world.state_of("b").await, HostState::Ready);
    world.drain("a").await.unwrap();
    world.open("a").await.unwrap();
    world.fake.lose_host("a");
    assert!(matches!(world.close("b").await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn a_newer_container_that_never_serves_takes_nothing_away() {
    let (world, edge) = World::new().await;
    world.fake.set_hosts(["a", "b"]);
    let shop = world.service("shop", |spec| spec.service.replicas = 1).await;
    let number = world.live(&shop).await;
    let before = world.running(&shop, number);
    world.fake.set_addresses(|_, _, _| crate::world::NOBODY);
    let host = world.hosts_of(&shop, number).pop_first().unwrap();
    let host = if host == "a" { "a" } else { "b" };
    world.drain(host).await.unwrap();
    eventually("another one is there", async || world.running(&shop, number).len() == 2).await;
    world.passes(&shop, 3).await;
    assert_eq!(edge.endpoints(&shop, number), 1);
    assert!(world.running(&shop, number).contains(&before[0]));
    assert_eq!(world.state_of(host).await, HostState::Draining);
}

#[tokio::test]
async fn what_is_said_of_a_host_is_kept_and_told_once() {
    let (world, _edge) = World::new().await;
    let notes = |owner: &str| HostNotes {
        labels: [("rack".to_owned(), "a12".to_owned())].into(),
        owner: Some(owner.to_owned()),
    };
    for (owner, news) in [("storage", true), ("storage", false), ("web", true)] {
        let notes = notes(owner);
        let described = world
            .ask(|control| async move { control.describe_host("fake", &notes, "anna").await })
            .await;
        assert_eq!(described.unwrap(), news);
    }
    let kept = world.ask(|control| async move { control.host("fake").await.unwrap().notes }).await;
    assert_eq!(kept, notes("web"));
    assert_eq!(world.count(EventKind::HostDescribed).await, 2);
    let bad = HostNotes { owner: Some("a\nb".to_owned()), ..HostNotes::default() };
    let refused =
        world.ask(|control| async move { control.describe_host("fake", &bad, "anna").await }).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}
