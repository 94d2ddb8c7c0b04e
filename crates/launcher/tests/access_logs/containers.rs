//! What containers print, sent to a Fluentd by the engine.

use launcher_testkit::Engine;
use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until};
use reqwest::Method;
use serde_json::json;

use crate::fluentd::{Collector, text};
use crate::ground::Shop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_what_containers_print_goes_to_fluentd_and_stays_readable() {
    let address = free_port();
    let logs =
        json!({ "logs": { "fluentd": address.to_string(), "tag": "shops.{service}.{version}" } });
    // Nobody is there yet, and the container starts and serves all the same.
    let shop = Shop::with("", logs).await;
    shop.get("/version").await;
    let (container, _) = shop.container().await;
    let collector = Collector::at(address, false).await;
    let record = until("what the container printed", SOON, || async {
        collector.records().into_iter().next()
    })
    .await;
    assert_eq!(&*record.tag, "shops.shop.1");
    assert_eq!(text(&record, "container_id"), container);
    assert_eq!(text(&record, "source"), "stdout");
    let line = text(&record, "log");
    assert!(!line.is_empty());
    let kept = shop.api.get("/services/shop/versions/1/logs").await.to_string();
    assert!(kept.contains(line), "{line} is not in {kept}");
    // It ends while nobody is there.
    collector.stop().await;
    shop.api.call(Method::DELETE, "/services/shop?destroy=true", None).await;
    let engine = Engine::local();
    until("the container being gone", SOON, || async {
        engine.containers(shop.installation.id()).await.is_empty().then_some(())
    })
    .await;
}
