//! What becomes of an environment that nothing is wrong with.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use launcher_control::Error;
use launcher_model::Span;
use launcher_model::environment::EnvironmentState::{Creating, Destroyed, Ready, Stopped};
use launcher_model::event::EventKind;
use launcher_model::service::ServiceSpec;
use launcher_scheduler::fake::Verb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{World, eventually};

#[tokio::test]
async fn an_image_becomes_an_environment_that_edges_know_and_nothing_is_live() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.launch(&shop, "1").await;
    assert_eq!(number.0, 1);
    let view = world.reaches(&shop, number, Ready).await;
    assert_eq!((view.healthy(), view.containers.len(), view.weight), (2, 2, None));
    eventually("the edge can show it", async || edge.endpoints(&shop, number) == 2).await;
    assert_eq!(edge.live(&shop), []);
    assert_eq!(world.launch(&shop, "1").await.0, 2);
    let kinds: Vec<_> = world.events().await.into_iter().map(|event| event.kind).collect();
    let expected =
        [EventKind::ServiceCreated, EventKind::VersionLaunched, EventKind::EnvironmentReady];
    let mut kinds = kinds.iter();
    assert!(expected.iter().all(|wanted| kinds.any(|kind| kind == wanted)));
}

#[tokio::test]
async fn stopped_containers_are_kept_and_the_same_ones_start_again() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.ready(&shop).await;
    let before = world.running(&shop, number);
    world.stop(&shop, number).await.unwrap();
    world.reaches(&shop, number, Stopped).await;
    assert!(world.running(&shop, number).is_empty());
    assert_eq!(world.fake.containers().len(), 2);
    eventually("the edge has let go", async || edge.endpoints(&shop, number) == 0).await;

    world.begin(&shop, number).await.unwrap();
    world.reaches(&shop, number, Ready).await;
    assert_eq!(world.running(&shop, number), before);
    assert_eq!(world.count(EventKind::ContainerLost).await, 0);
}

#[tokio::test]
async fn a_start_in_the_middle_of_a_stop_is_not_ready_before_it_has_started() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.ready(&shop).await;
    for _ in 0..20 {
        world.stop(&shop, number).await.unwrap();
        world.begin(&shop, number).await.unwrap();
        world.reaches(&shop, number, Ready).await;
        let observed = world.environment(&shop, number).await;
        assert_eq!(observed.healthy(), 2, "{observed:?}");
        assert_eq!(world.running(&shop, number).len(), 2);
    }
}

#[tokio::test]
async fn scaling_adds_and_takes_away_and_leaves_the_others_alone() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.live(&shop).await;
    let before = world.running(&shop, number);
    world.scale(&shop, number, 4).await.unwrap();
    eventually("four serve", async || edge.endpoints(&shop, number) == 4).await;
    let four = world.running(&shop, number);
    assert!(before.iter().all(|id| four.contains(id)));

    world.scale(&shop, number, 1).await.unwrap();
    eventually("one serves", async || edge.endpoints(&shop, number) == 1).await;
    eventually("one is there", async || world.fake.containers().len() == 1).await;
    assert_eq!(world.running(&shop, number), before[..1]);
    edge.is_unharmed();
    for wrong in [0, 1001, u16::MAX] {
        let refused = world.scale(&shop, number, wrong).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_destroyed_environment_leaves_its_record_and_nothing_else() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.ready(&shop).await;
    world.destroy(&shop, number).await.unwrap();
    world.reaches(&shop, number, Destroyed).await;
    assert_eq!(world.fake.containers(), []);
    eventually("the edge has let go", async || edge.endpoints(&shop, number) == 0).await;
    assert_eq!(world.store.version(&shop, number).await.unwrap().unwrap().number, number);
    for refused in [
        world.begin(&shop, number).await,
        world.stop(&shop, number).await,
        world.scale(&shop, number, 3).await,
        world.pin(&shop, number, true).await,
        world.deploy(&shop, number).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(&error, Error::Refused(why) if why.contains("destroyed")), "{error}");
    }
    world.destroy(&shop, number).await.unwrap();
    assert_eq!(world.count(EventKind::EnvironmentDestroyed).await, 1);
}

#[tokio::test]
async fn what_is_live_or_pinned_is_neither_stopped_nor_destroyed() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let live = world.live(&shop).await;
    let pinned = world.ready(&shop).await;
    world.pin(&shop, pinned, true).await.unwrap();
    for refused in [
        world.stop(&shop, live).await,
        world.destroy(&shop, live).await,
        world.destroy(&shop, pinned).await,
    ] {
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    assert_eq!(world.running(&shop, live).len(), 2);
    world.pin(&shop, pinned, false).await.unwrap();
    world.destroy(&shop, pinned).await.unwrap();
    world.reaches(&shop, pinned, Destroyed).await;
}

#[tokio::test]
async fn a_container_that_dies_or_is_removed_is_replaced_and_told_of() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.live(&shop).await;
    let before = world.running(&shop, number);
    world.fake.kill(&before[0], 3);
    eventually("it leaves the routes", async || edge.endpoints(&shop, number) == 1).await;
    eventually("another takes its place", async || edge.endpoints(&shop, number) == 2).await;
    world.fake.remove_by_hand(&before[1]);
    world.told(EventKind::ContainerLost, 2).await;
    eventually("two serve", async || {
        edge.endpoints(&shop, number) == 2 && !world.running(&shop, number).contains(&before[1])
    })
    .await;
    let texts: Vec<_> = world.events().await.into_iter().map(|event| event.text).collect();
    assert!(texts.contains(&"container 1 of v1 exited with status 3; it is replaced".to_owned()));
    assert_eq!(world.environment(&shop, number).await.environment.state, Ready);
}

#[tokio::test]
async fn a_container_that_fails_its_check_leaves_the_routes_and_returns() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let number = world.live(&shop).await;
    let sick = world.running(&shop, number).remove(0);
    world.fake.set_address(&sick, crate::world::NOBODY);
    eventually("it leaves the routes", async || edge.endpoints(&shop, number) == 1).await;
    world.fake.set_address(&sick, world.healthy);
    eventually("it returns", async || edge.endpoints(&shop, number) == 2).await;
    assert_eq!(world.environment(&shop, number).await.environment.state, Ready);
    assert_eq!(world.fake.containers().len(), 2, "it was not replaced");
}

#[tokio::test]
async fn a_service_that_is_deleted_and_made_anew_goes_on_counting() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    for round in 1..=20 {
        let number = world.launch(&shop, "1").await;
        assert_eq!(number.0, round);
        world.destroy(&shop, number).await.unwrap();
        world.reaches(&shop, number, Destroyed).await;
        let (name, control) = (shop.clone(), world.control().clone());
        control.delete_service(&name, "mika").await.unwrap();
        world.service("shop", |_| {}).await;
    }
    let number = world.ready(&shop).await;
    world.stop(&shop, number).await.unwrap();
    world.begin(&shop, number).await.unwrap();
    world.reaches(&shop, number, Ready).await;
    eventually("the edge can show it", async || edge.endpoints(&shop, number) == 2).await;
}

#[tokio::test]
async fn an_environment_stopped_while_it_is_created_comes_to_rest() {
    let (world, _edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    world.fake.set_addresses(|_, _, _| crate::world::NOBODY);
    let number = world.launch(&shop, "1").await;
    eventually("its containers run", async || world.running(&shop, number).len() == 2).await;
    assert_eq!(world.environment(&shop, number).await.environment.state, Creating);
    world.stop(&shop, number).await.unwrap();
    world.reaches(&shop, number, Stopped).await;
    assert_eq!(world.running(&shop, number).len(), 0);
    let healthy = world.healthy;
    world.fake.set_addresses(move |_, _, _| healthy);
    world.begin(&shop, number).await.unwrap();
    world.reaches(&shop, number, Ready).await;
    assert!(world.fake.calls(Verb::RunOnce) == 0);
}

/// Answers requests, one on each connection, but for so many connections.
async fn answer_but(listener: TcpListener, deaf: Arc<AtomicUsize>, answered: Arc<AtomicUsize>) {
    let mut unanswered = Vec::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        let fewer = |left: usize| left.checked_sub(1);
        if deaf.fetch_update(SeqCst, SeqCst, fewer).is_ok() {
            unanswered.push(stream);
            continue;
        }
        let _ = stream.read(&mut [0; 1024]).await;
        let said = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(said).await;
        answered.fetch_add(1, SeqCst);
    }
}

#[tokio::test]
async fn a_check_without_an_answer_is_made_once_more() {
    let (world, edge) = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    world.fake.set_addresses(move |_, _, _| address);
    let (deaf, answered) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let upstream = tokio::spawn(answer_but(listener, Arc::clone(&deaf), Arc::clone(&answered)));
    let http = |spec: &mut ServiceSpec| {
        spec.service.replicas = 1;
        (spec.health.tcp, spec.health.path) = (false, Some("/".to_owned()));
        spec.health.timeout = Span::millis(500);
    };
    let shop = world.service("shop", http).await;
    let number = world.live(&shop).await;
    deaf.store(1, SeqCst);
    eventually("one has no answer", async || deaf.load(SeqCst) == 0).await;
    let before = answered.load(SeqCst);
    eventually("others have", async || answered.load(SeqCst) > before + 3).await;
    assert_eq!(world.count(EventKind::ContainerUnhealthy).await, 0);
    assert_eq!(edge.endpoints(&shop, number), 1);
    edge.is_unharmed();

    deaf.store(usize::MAX, SeqCst);
    eventually("it leaves the routes", async || edge.endpoints(&shop, number) == 0).await;
    upstream.abort();
}
