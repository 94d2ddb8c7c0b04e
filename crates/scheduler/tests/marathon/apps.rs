//! What the driver does to apps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launcher_model::VersionNumber;
use launcher_model::container::Container;
use launcher_model::image::ImageRef;
use launcher_scheduler::{Error, Placement, Scheduler};
use serde_json::json;

use crate::master::{Master, Reply, config, driver};
use crate::world::{placement, shop, world};

const GRACE: Duration = Duration::from_secs(1);
const FIRST: &str = "/launcher-test/shop/v1";

async fn observed(driver: &dyn Scheduler) -> Vec<Container> {
    driver.observe(Some(&shop())).await.unwrap()
}

fn ids(containers: &[Container]) -> BTreeSet<String> {
    containers.iter().map(|container| container.id.clone()).collect()
}

#[tokio::test]
async fn an_environment_is_created_once_and_seen_by_who_asks_next() {
    let (master, world) = world("1.9.73").await;
    let engine = master.driver();
    engine.ensure(&placement(3)).await.unwrap();
    let containers = observed(&engine).await;
    assert_eq!(containers.iter().map(|c| c.slot).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(containers.iter().all(|c| c.is_running() && c.attempt == 0));
    let address = containers[0].address.unwrap().to_string();
    assert_eq!((containers[0].host.as_str(), address.as_str()), ("127.0.0.11", "127.0.0.11:31001"));
    engine.ensure(&placement(3)).await.unwrap();
    let changes = master.seen().iter().filter(|seen| seen.method != "GET").count();
    assert_eq!(changes, 1, "the second pass changes nothing");
    assert_eq!(world.lock().unwrap().apps.keys().collect::<Vec<_>>(), [FIRST]);
}

#[tokio::test]
async fn what_was_created_by_one_who_was_killed_is_taken_over_and_what_is_not_ours_is_not() {
    let (master, world) = world("1.9.73").await;
    master.driver().ensure(&placement(1)).await.unwrap();
    // It is there, but the list does not show it yet.
    let app = world.lock().unwrap().apps[FIRST].clone();
    let taken = json!({ "id": FIRST, "instances": 1, "tasks": [], "labels": {} });
    world.lock().unwrap().apps.insert(FIRST.to_owned(), taken);
    let engine = master.driver();
    let error = engine.ensure(&placement(1)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains(FIRST), "{error}");
    engine.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();
    engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    assert!(world.lock().unwrap().apps.contains_key(FIRST), "it is somebody else's");
    world.lock().unwrap().apps.insert(FIRST.to_owned(), app);
    engine.ensure(&placement(1)).await.unwrap();
}

#[tokio::test]
async fn a_smaller_environment_loses_the_released_ones_alone() {
    let (master, _world) = world("1.4.9").await;
    let engine = master.driver();
    engine.ensure(&placement(4)).await.unwrap();
    let four = observed(&engine).await;
    engine.ensure(&placement(2)).await.unwrap();
    assert_eq!(observed(&engine).await, four, "they may still have requests");

    let released = ids(&four[3..]);
    engine.ensure(&Placement { released, ..placement(2) }).await.unwrap();
    assert_eq!(observed(&engine).await, four[..3]);
    let released = ids(&four[2..]);
    engine.ensure(&Placement { released, ..placement(2) }).await.unwrap();
    assert_eq!(observed(&engine).await, four[..2]);
    let kills: Vec<_> =
        master.seen().into_iter().filter(|seen| seen.path() == "/v2/tasks/delete").collect();
    assert_eq!(kills.len(), 2);
    assert!(kills.iter().all(|kill| kill.target.contains("scale=true")));
    assert!(master.seen().iter().all(|seen| seen.method != "PUT"), "Marathon chose none");
}

#[tokio::test]
async fn a_host_is_left_by_a_second_app_beside_the_first() {
    let (master, world) = world("1.9.73").await;
    let engine = master.driver();
    engine.ensure(&placement(3)).await.unwrap();
    let before = observed(&engine).await;
    let avoid = Arc::new(BTreeSet::from(["127.0.0.11".to_owned()]));
    let leaving = Placement { avoid, ..placement(3) };
    for _ in 0..3 {
        engine.ensure(&leaving).await.unwrap();
    }
    let both = observed(&engine).await;
    let places: Vec<_> = both.iter().map(|c| (c.slot, c.attempt)).collect();
    assert_eq!(places, [(1, 0), (1, 1000), (2, 0), (2, 1000), (3, 0), (3, 1000)]);
    assert!(both.iter().filter(|c| c.attempt > 0).all(|c| c.host != "127.0.0.11"));
    assert!(ids(&both).is_superset(&ids(&before)));
    let second = world.lock().unwrap().apps[&format!("{FIRST}-2")].clone();
    assert_eq!(second["constraints"][1], json!(["hostname", "UNLIKE", "127\\.0\\.0\\.11"]));

    let one = Placement { released: ids(&before[..1]), ..leaving.clone() };
    engine.ensure(&one).await.unwrap();
    let left = observed(&engine).await;
    assert_eq!(ids(&both).difference(&ids(&left)).collect::<Vec<_>>(), [&before[0].id]);
    let all = Placement { released: ids(&before), ..leaving };
    engine.ensure(&all).await.unwrap();
    assert_eq!(world.lock().unwrap().apps.keys().collect::<Vec<_>>(), [&format!("{FIRST}-2")]);
    // The host is used again: what has left it does not come back.
    engine.ensure(&placement(3)).await.unwrap();
    assert_eq!(world.lock().unwrap().apps.len(), 1);
}

#[tokio::test]
async fn what_is_stopped_is_started_again_and_what_is_removed_is_gone() {
    let (master, world) = world("0.9.2").await;
    let engine = master.driver();
    engine.ensure(&placement(2)).await.unwrap();
    engine.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();
    engine.stop(&shop(), VersionNumber(1), GRACE).await.unwrap();
    assert_eq!(observed(&engine).await, []);
    engine.ensure(&placement(2)).await.unwrap();
    assert_eq!(observed(&engine).await.len(), 2);
    assert_eq!(world.lock().unwrap().apps.len(), 1, "it is the same app");
    engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    engine.remove(&shop(), VersionNumber(1), GRACE).await.unwrap();
    assert!(world.lock().unwrap().apps.is_empty());
}

#[tokio::test]
async fn who_replaces_one_that_died_is_in_its_place() {
    let (master, world) = world("1.9.73").await;
    let engine = master.driver();
    engine.ensure(&placement(3)).await.unwrap();
    let before = observed(&engine).await;
    world.lock().unwrap().replace(&before[1].id);
    engine.ensure(&placement(3)).await.unwrap();
    let after = observed(&engine).await;
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!((after[1].slot, after[1].attempt), (2, 1));
    assert_ne!(after[1].id, before[1].id);
}

#[tokio::test]
async fn a_lock_of_our_own_deployment_is_forced() {
    let (master, world) = world("1.9.73").await;
    let engine = master.driver();
    engine.ensure(&placement(1)).await.unwrap();
    {
        let mut world = world.lock().unwrap();
        world.deployments = vec![json!({ "id": "ours", "affectedApps": [FIRST] })];
        world.locked = usize::MAX;
    }
    engine.ensure(&placement(2)).await.unwrap();
    let puts: Vec<_> =
        master.seen().into_iter().filter(|seen| seen.method == "PUT").map(|s| s.target).collect();
    let path = format!("/v2/apps{FIRST}?force=");
    assert_eq!(puts, [format!("{path}false"), format!("{path}true")]);
}

#[tokio::test]
async fn a_lock_of_somebody_else_is_waited_for() {
    let (master, world) = world("1.9.73").await;
    let engine = driver(launcher_scheduler::marathon::Config {
        deadline: Duration::from_millis(600),
        ..config(&[&master])
    });
    engine.ensure(&placement(1)).await.unwrap();
    let foreign = json!({ "id": "theirs", "affectedApps": [FIRST, "/other"] });
    world.lock().unwrap().deployments = vec![foreign];
    world.lock().unwrap().locked = 1;
    engine.ensure(&placement(2)).await.unwrap();
    world.lock().unwrap().locked = usize::MAX;
    let error = engine.ensure(&placement(3)).await.unwrap_err();
    assert!(
        error.is_passing() && error.to_string().contains("theirs also changes /other"),
        "{error}"
    );
    assert!(master.seen().iter().all(|seen| !seen.target.contains("force=true")));
}

#[tokio::test]
async fn a_new_start_does_not_wait_for_failures_of_before() {
    let (master, world) = world("1.9.73").await;
    let engine = master.driver();
    engine.ensure(&placement(1)).await.unwrap();
    let failed = |at: Timestamp| {
        let mut world = world.lock().unwrap();
        let app = world.apps.get_mut(FIRST).unwrap();
        app["tasks"] = json!([]);
        app["lastTaskFailure"] = json!({ "taskId": "t", "message": "exited with status 3", "timestamp": at.to_string() });
        let delay = json!({ "timeLeftSeconds": 40, "overdue": false });
        world.queue = vec![json!({ "app": { "id": FIRST }, "count": 1, "delay": delay })];
    };
    let ended =
        || master.seen().iter().filter(|s| s.target == format!("/v2/queue{FIRST}/delay")).count();
    failed(Timestamp::now());
    let since = Timestamp::now() - Duration::from_secs(60);
    engine.ensure(&Placement { since, ..placement(1) }).await.unwrap();
    assert_eq!(ended(), 0, "it failed since it was asked to start");
    failed(Timestamp::now() - Duration::from_secs(60));
    engine.ensure(&placement(1)).await.unwrap();
    assert_eq!(ended(), 1);
}

#[tokio::test]
async fn images_are_those_of_a_registry() {
    let (master, _world) = world("1.9.73").await;
    let engine = master.driver();
    let id: ImageRef = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    let error = engine.resolve(&id, None).await.unwrap_err();
    assert!(matches!(error, Error::Image { .. }) && !error.is_passing(), "{error}");

    let empty = Master::start(|_| Reply::Json(404, json!({ "errors": [] }))).await;
    let name = format!("{}/shop", empty.address);
    let tag: ImageRef = format!("{name}:1").parse().unwrap();
    let error = engine.resolve(&tag, None).await.unwrap_err();
    assert!(error.to_string().contains("push it first"), "{error}");
    let mut image = placement(1).version.image.clone();
    image.reference = format!("{name}@{}", image.digest).parse().unwrap();
    let error = engine.fetch(&image, None).await.unwrap_err();
    assert!(matches!(error, Error::Image { .. }), "{error}");
    // Agents may have it already.
    drop(empty);
    engine.fetch(&image, None).await.unwrap();
}

#[tokio::test]
async fn what_marathon_cannot_do_is_said() {
    let (master, _world) = world("1.9.73").await;
    let engine = master.driver();
    let options = launcher_scheduler::LogOptions::default();
    let error = engine.logs("x", options).await.err().unwrap();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let request = launcher_scheduler::ExecRequest { command: vec!["true".to_owned()] };
    let error = engine.exec("x", request).await.err().unwrap();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let capabilities = engine.capabilities();
    assert!(capabilities.many_hosts && capabilities.replaces);
    assert!(!capabilities.exec && !capabilities.keeps_stopped);
}
