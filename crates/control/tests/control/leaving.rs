//! Containers that leave are out of the tables first, and end when edges have nothing of them.

use launcher_model::Span;
use launcher_model::environment::EnvironmentState;
use launcher_model::event::EventKind;
use launcher_model::service::ServiceSpec;
use launcher_scheduler::fake::Verb;

use crate::edge::Reply;
use crate::world::{NOBODY, World, eventually};

#[tokio::test]
async fn what_is_too_much_is_ended_when_edges_have_nothing_of_it() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |spec| spec.service.replicas = 4).await;
    let number = world.live(&shop).await;
    let four = world.running(&shop, number);
    edge.state().rest = Reply::Held;
    world.scale(&shop, number, 1).await.unwrap();
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    assert_eq!(edge.endpoints(&shop, number), 1);
    world.passes(&shop, 3).await;
    assert_eq!(world.running(&shop, number), four);
    assert_eq!(world.environment(&shop, number).await.healthy(), 1);

    edge.state().rest = Reply::Well;
    edge.release();
    eventually("they are ended", async || world.running(&shop, number).len() == 1).await;
    assert_eq!(world.running(&shop, number), four[..1]);
    assert_eq!(world.count(EventKind::ContainerLost).await, 0);
    edge.is_unharmed();
}

#[tokio::test]
async fn what_is_wanted_again_while_it_leaves_serves_on() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |spec| spec.service.replicas = 3).await;
    let number = world.live(&shop).await;
    let three = world.running(&shop, number);
    edge.state().rest = Reply::Held;
    world.scale(&shop, number, 1).await.unwrap();
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    world.scale(&shop, number, 3).await.unwrap();
    eventually("all serve", async || edge.endpoints(&shop, number) == 3).await;
    edge.state().rest = Reply::Well;
    edge.release();
    world.passes(&shop, 3).await;
    assert_eq!(world.running(&shop, number), three);

    // It is waited for anew, and not taken for what came to rest before.
    edge.state().asked.clear();
    edge.state().rest = Reply::Held;
    world.scale(&shop, number, 1).await.unwrap();
    eventually("the edge is asked again", async || edge.state().asked.contains(&"rest")).await;
    assert_eq!(world.running(&shop, number), three);
    edge.state().rest = Reply::Well;
    edge.release();
    eventually("they are ended", async || world.running(&shop, number).len() == 1).await;
}

#[tokio::test]
async fn an_edge_that_never_comes_to_rest_is_waited_for_as_long_as_a_drain_takes() {
    let (world, edge) = World::new().await;
    let shop = world
        .service("shop", |spec| {
            spec.service.replicas = 2;
            spec.traffic.drain = launcher_model::Span::secs(1);
        })
        .await;
    let number = world.live(&shop).await;
    edge.state().rest = Reply::Silent;
    let began = std::time::Instant::now();
    world.scale(&shop, number, 1).await.unwrap();
    eventually("one is ended", async || world.running(&shop, number).len() == 1).await;
    assert!(began.elapsed() >= std::time::Duration::from_millis(900), "{:?}", began.elapsed());
    assert_eq!(edge.endpoints(&shop, number), 1);
}

#[tokio::test]
async fn a_server_that_is_killed_meanwhile_waits_anew() {
    let (mut world, edge) = World::new().await;
    let shop = world.service("shop", |spec| spec.service.replicas = 2).await;
    let number = world.live(&shop).await;
    edge.state().rest = Reply::Held;
    world.scale(&shop, number, 1).await.unwrap();
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    world.kill().await;
    edge.state().asked.clear();
    world.start().await;
    eventually("it is asked again", async || edge.state().asked.contains(&"rest")).await;
    assert_eq!(world.running(&shop, number).len(), 2);
    edge.state().rest = Reply::Well;
    edge.release();
    eventually("one is ended", async || world.running(&shop, number).len() == 1).await;
    world.reaches(&shop, number, EnvironmentState::Ready).await;
}

#[tokio::test]
async fn an_engine_is_not_asked_for_the_same_again_and_again() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |spec| spec.service.replicas = 2).await;
    let number = world.live(&shop).await;
    edge.state().rest = Reply::Held;
    let before = world.fake.calls(Verb::Ensure);
    world.scale(&shop, number, 1).await.unwrap();
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    world.passes(&shop, 10).await;
    let asked = world.fake.calls(Verb::Ensure) - before;
    assert!(asked <= 2, "{asked}");
}

#[tokio::test]
async fn what_is_stopped_or_destroyed_ends_when_edges_have_nothing_of_it() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (other, live) = (world.ready(&shop).await, world.live(&shop).await);
    edge.state().rest = Reply::Held;
    world.stop(&shop, other).await.unwrap();
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    assert_eq!(edge.endpoints(&shop, other), 0, "it sends nothing there any more");
    world.passes(&shop, 3).await;
    assert_eq!(world.running(&shop, other).len(), 2);
    edge.state().rest = Reply::Well;
    edge.release();
    world.reaches(&shop, other, EnvironmentState::Stopped).await;

    world.begin(&shop, other).await.unwrap();
    world.reaches(&shop, other, EnvironmentState::Ready).await;
    edge.state().asked.clear();
    edge.state().rest = Reply::Held;
    world.destroy(&shop, other).await.unwrap();
    eventually("the edge is asked again", async || edge.state().asked.contains(&"rest")).await;
    world.passes(&shop, 3).await;
    assert_eq!(world.running(&shop, other).len(), 2);
    edge.state().rest = Reply::Well;
    edge.release();
    world.reaches(&shop, other, EnvironmentState::Destroyed).await;
    assert_eq!(world.running(&shop, live).len(), 2);
    edge.is_unharmed();
}

#[tokio::test]
async fn a_stop_that_is_taken_back_while_it_waits_ends_nothing() {
    let (world, edge) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    let (other, _live) = (world.ready(&shop).await, world.live(&shop).await);
    let before = world.running(&shop, other);
    edge.state().rest = Reply::Held;
    world.stop(&shop, other).await.unwrap();
    eventually("the edge is asked", async || edge.state().asked.contains(&"rest")).await;
    world.begin(&shop, other).await.unwrap();
    eventually("it is served again", async || edge.endpoints(&shop, other) == 2).await;
    edge.state().rest = Reply::Well;
    edge.release();
    world.passes(&shop, 3).await;
    world.reaches(&shop, other, EnvironmentState::Ready).await;
    assert_eq!(world.running(&shop, other), before);
}

#[tokio::test]
async fn what_was_replaced_serves_again_while_the_one_in_its_place_fails() {
    let (world, edge) = World::new().await;
    world.fake.set_hosts(["a"]);
    let patient = |spec: &mut ServiceSpec| {
        spec.service.replicas = 1;
        (spec.health.interval, spec.health.healthy_after) = (Span::secs(60), 1);
    };
    let shop = world.service("shop", patient).await;
    let number = world.live(&shop).await;
    let before = world.running(&shop, number);
    world.fake.set_hosts(["a", "b"]);
    world.ask(|control| async move { control.drain_host("a", "anna").await }).await.unwrap();
    let served = || -> Vec<String> {
        let table = edge.table(&shop).unwrap();
        table.pools[&number].endpoints.keys().cloned().collect()
    };
    eventually("the newer one serves alone", async || served().len() == 1 && served() != before)
        .await;
    let newer = served();
    eventually("nothing of the older one is left", async || edge.state().asked.contains(&"rest"))
        .await;
    world.passes(&shop, 3).await;
    assert!(world.running(&shop, number).contains(&before[0]), "the newer one has proved nothing");

    world.fake.set_address(&newer[0], NOBODY);
    eventually("the older one serves again", async || served() == before).await;
    world.fake.set_address(&newer[0], world.healthy);
    eventually("the newer one does", async || served() == newer).await;
    assert!(world.running(&shop, number).contains(&before[0]));
    edge.is_unharmed();
}
