//! Services that are closed to their users.

use std::time::Duration;

use launcher_control::{Config, Error, MaintainRequest, Maintained};
use launcher_edge::table::Maintenance;
use launcher_model::event::EventKind;
use launcher_model::{ServiceName, Span};

use crate::edge::{Edge, Reply};
use crate::world::{World, eventually};

const PAGE: &str = "<p>Back soon.</p>";

async fn maintain(
    world: &World,
    shop: &ServiceName,
    request: MaintainRequest,
) -> launcher_control::Result<Maintained> {
    let shop = shop.clone();
    world
        .ask(async move |control: launcher_control::Control| {
            control.maintain(&shop, request, "mika").await
        })
        .await
}

async fn reopen(world: &World, shop: &ServiceName) -> Maintained {
    let shop = shop.clone();
    let asked = world
        .ask(async move |control: launcher_control::Control| control.reopen(&shop, "kim").await);
    asked.await.unwrap()
}

fn with_page(page: &str) -> MaintainRequest {
    let retry_after = Some(Span::secs(600));
    MaintainRequest { page: Some(page.to_owned()), retry_after, note: Some("a new disk".into()) }
}

fn shown(edge: &Edge, shop: &ServiceName) -> Option<Maintenance> {
    edge.table(shop).unwrap().rules.maintenance
}

fn page(retry_after_s: u32) -> Option<Maintenance> {
    Some(Maintenance { page: Some(PAGE.into()), retry_after_s: Some(retry_after_s) })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_edge_has_it_when_the_call_returns() {
    let (world, a) = World::new().await;
    let b = world.edge("b").await;
    let shop = world.service("shop", |_| {}).await;
    let one = world.live(&shop).await;
    let done = maintain(&world, &shop, with_page(PAGE)).await.unwrap();
    for edge in [&a, &b] {
        assert_eq!(shown(edge, &shop), page(600));
    }
    assert!(done.changed && done.edges.iter().all(|(_, told)| told.is_ok()), "{done:?}");
    assert_eq!(done.edges.len(), 2);

    // Asked again, it is so already; deployments leave it on.
    let again = maintain(&world, &shop, with_page(PAGE)).await.unwrap();
    assert!(!again.changed && again.edges.len() == 2, "{again:?}");
    let two = world.ready(&shop).await;
    world.deploy(&shop, two).await.unwrap();
    assert_eq!((a.live(&shop), shown(&a, &shop)), (vec![two], page(600)));
    world.deploy(&shop, one).await.unwrap();
    assert_eq!(shown(&a, &shop), page(600));

    assert!(reopen(&world, &shop).await.changed);
    assert_eq!((shown(&a, &shop), shown(&b, &shop)), (None, None));
    assert!(!reopen(&world, &shop).await.changed);
    // The page is remembered, and forgotten on demand.
    maintain(&world, &shop, MaintainRequest::default()).await.unwrap();
    assert_eq!(shown(&a, &shop), page(300));
    maintain(&world, &shop, with_page("")).await.unwrap();
    assert_eq!(shown(&a, &shop).unwrap().page, None);
    assert_eq!(world.count(EventKind::MaintenanceOn).await, 3);
    assert_eq!(world.count(EventKind::MaintenanceOff).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_that_do_not_acknowledge_are_named() {
    let config = Config {
        prepare_within: Duration::from_millis(200),
        commit_within: Duration::from_millis(200),
        ..World::calm()
    };
    let world = World::with_config(config).await;
    let (a, b) = (world.edge("a").await, world.edge("b").await);
    let shop = world.service("shop", |_| {}).await;
    world.live(&shop).await;
    b.state().replace = Reply::Silent;
    let done = maintain(&world, &shop, with_page(PAGE)).await.unwrap();
    assert_eq!(shown(&a, &shop), page(600));
    let [(_, Ok(())), (name, Err(why))] = &done.edges[..] else { panic!("{done:?}") };
    assert!(name == &b.name && why.contains("did not answer within"), "{done:?}");
    // One that comes back meanwhile is given it as it connects.
    b.state().replace = Reply::HangUp;
    let done = reopen(&world, &shop).await;
    b.state().replace = Reply::Well;
    let [(_, Ok(())), (_, told)] = &done.edges[..] else { panic!("{done:?}") };
    assert!(told.is_ok() || told == &Err("it lost its connection".to_owned()), "{done:?}");
    eventually("b has it", async || shown(&b, &shop).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_store_is_what_edges_get_at_the_next_start() {
    let (mut world, a) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    world.live(&shop).await;
    let wish = launcher_store::MaintenanceWish {
        page: Some(Some(PAGE.to_owned())),
        retry_after_s: 600,
        note: None,
    };
    // Killed after each was written down, and before edges were told.
    world.kill().await;
    world.store.begin_maintenance(&shop, &wish, "mika", jiff::Timestamp::now()).await.unwrap();
    world.start().await;
    eventually("it is on", async || shown(&a, &shop) == page(600)).await;
    let again = MaintainRequest { retry_after: Some(Span::secs(600)), ..Default::default() };
    assert!(!maintain(&world, &shop, again).await.unwrap().changed);
    world.kill().await;
    world.store.end_maintenance(&shop, "kim", jiff::Timestamp::now()).await.unwrap();
    world.start().await;
    eventually("it is off", async || shown(&a, &shop).is_none()).await;
    a.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_refused() {
    let (world, a) = World::new().await;
    let shop = world.service("shop", |_| {}).await;
    world.live(&shop).await;
    let long = maintain(&world, &shop, with_page(&"x".repeat((256 << 10) + 1))).await.unwrap_err();
    assert!(matches!(&long, Error::Invalid(why) if why.contains("256KiB")), "{long}");
    let never = MaintainRequest { retry_after: Some(Span::millis(0)), ..Default::default() };
    let never = maintain(&world, &shop, never).await.unwrap_err();
    assert!(matches!(&never, Error::Invalid(_)), "{never}");
    let blog = ServiceName::new("blog").unwrap();
    let missing = maintain(&world, &blog, with_page(PAGE)).await.unwrap_err();
    assert!(matches!(&missing, Error::NoService(_)), "{missing}");
    assert_eq!(shown(&a, &shop), None);
    assert_eq!(world.count(EventKind::MaintenanceOn).await, 0);
}
