//! What stands in the way is told with the status and the kind that fit.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use launcher_scheduler::fake::Script;
use launcher_testkit::Folder;
use serde_json::json;

use crate::world::World;

const VERSIONS: &str = "/api/v1/services/shop/versions";
const DEPLOYMENTS: &str = "/api/v1/services/shop/deployments";

#[tokio::test]
async fn an_engine_that_is_away_is_not_the_caller_s_fault() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    world.ready(&shop, "1").await;
    world.fake.go_away("it is upgraded");
    world.call("POST", VERSIONS, json!({})).await.tells(503, "engine-unreachable");
    world.get("/api/v1/hosts").await.tells(503, "engine-unreachable");
    world.get(&format!("{VERSIONS}/1/logs")).await.tells(503, "engine-unreachable");
    let command = json!({ "command": ["ls"] });
    world
        .call("POST", &format!("{VERSIONS}/1/exec"), command.clone())
        .await
        .tells(503, "engine-unreachable");
    world
        .call("POST", &format!("{VERSIONS}/1/run"), command)
        .await
        .tells(503, "engine-unreachable");
    // What does not need it goes on.
    world.get("/api/v1/containers").await.is(200);
    world.get(VERSIONS).await.is(200);
    world.get("/readyz").await.is(200);
    crate::world::eventually("the server says so", async || {
        world.get("/api/v1/server").await.json()["engine_trouble"] == "it is upgraded"
    })
    .await;
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    world.script(&shop, "none", Script::new().unknown("no such tag"));
    let problem =
        world.call("POST", VERSIONS, json!({ "image": ":none" })).await.tells(422, "image");
    assert!(problem["detail"].as_str().unwrap().contains("no such tag"), "{problem}");
    for image in ["", ":", "UPPER", "a b", "shop:ta/g", "ü"] {
        world.call("POST", VERSIONS, json!({ "image": image })).await.tells(422, "invalid");
    }
}

#[tokio::test]
async fn a_switch_that_meets_another_names_it() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    world.script(&shop, "slow", Script::new().start_takes(Duration::from_millis(500)));
    let (one, slow) = (world.ready(&shop, "1").await, world.ready(&shop, "slow").await);
    world.call("POST", &format!("{VERSIONS}/{slow}/stop"), None).await.is(202);
    world.reaches(&shop, slow, "stopped").await;
    let first = world.call("POST", DEPLOYMENTS, json!({ "version": slow }));
    let second = async {
        crate::world::eventually("the first is under way", async || {
            !world.app.store.unfinished_deployments().await.unwrap().is_empty()
        })
        .await;
        world.call("POST", DEPLOYMENTS, json!({ "version": one })).await
    };
    let (first, second) = tokio::join!(first, second);
    let first = first.is(200).json();
    assert_eq!(second.tells(409, "busy")["deployment"], first["id"]);
    assert!(first["receipt"]["start_ms"].as_u64().unwrap() >= 500, "{first}");
}

#[tokio::test]
async fn a_switch_that_cannot_be_made_names_its_record() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    let one = world.ready(&shop, "1").await;
    let problem =
        world.call("POST", DEPLOYMENTS, json!({ "version": one })).await.tells(409, "aborted");
    let id = problem["deployment"].as_i64().unwrap();
    let record = world.get(&format!("{DEPLOYMENTS}/{id}")).await.is(200).json();
    assert_eq!(record["state"], "aborted");
    assert!(record["abort_reason"].as_str().unwrap().contains("no edge is connected"), "{record}");
    world.service("blog").await;
    world.get(&format!("/api/v1/services/blog/deployments/{id}")).await.tells(404, "not-found");
    world.call("POST", DEPLOYMENTS, json!({ "version": 99 })).await.tells(404, "not-found");
    world.call("POST", "/api/v1/services/shop/rollback", json!({})).await.tells(409, "refused");
}

#[tokio::test]
async fn what_is_in_the_way_of_a_service_is_named() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    world.ready(&shop, "1").await;
    let mut again = serde_json::to_value(crate::world::spec("shop")).unwrap();
    again["service"]["replicas"] = json!(7);
    world.call("POST", "/api/v1/services", again).await.tells(409, "refused");
    let mut other = serde_json::to_value(crate::world::spec("blog")).unwrap();
    other["service"]["hosts"] = json!(["shop.example.com"]);
    let taken = world.call("POST", "/api/v1/services", other.clone()).await.tells(409, "refused");
    assert!(taken["detail"].as_str().unwrap().contains("belongs to the service shop"), "{taken}");
    world.call("PUT", "/api/v1/services/shop", other).await.tells(422, "invalid");
    world.call("DELETE", "/api/v1/services/shop", None).await.tells(409, "refused");
    world.call("DELETE", &format!("{VERSIONS}/1"), None).await.is(202);
    world.reaches(&shop, 1, "destroyed").await;
    world.call("DELETE", "/api/v1/services/shop", None).await.is(204);
    world.get("/api/v1/services/shop").await.tells(404, "not-found");
}

/// A small file system in memory; only root can make one.
struct SmallDisk(Folder);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = Folder::new();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path())
            .output();
        mount.is_ok_and(|done| done.status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the store's threads close their files a moment after it is dropped.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_the_same_call_is_done_when_there_is_space() {
    let Some(disk) = SmallDisk::mount() else { return };
    let world = World::in_folder(Folder::new(), disk.path()).await;
    world.service("shop").await;
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 4 << 20]).unwrap_err();
    let body = || json!({ "value": "x".repeat(60_000) });
    let set = async || {
        world.call_with("PUT", "/api/v1/secrets/big", body(), &[("idempotency-key", "k")]).await
    };
    // The log's file may have room for a few.
    let mut last = world.call("PUT", "/api/v1/secrets/big", body()).await;
    while last.status.is_success() {
        last = world.call("PUT", "/api/v1/secrets/big", body()).await;
    }
    last.tells(507, "storage-full");
    set().await.tells(507, "storage-full");
    world.get("/api/v1/services").await.is(200);
    let ready = world.get("/readyz").await.is(503).json();
    assert_eq!(ready["ready"], false);
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(set().await.is(200).header("idempotent-replayed"), "");
    world.get("/readyz").await.is(200);
}
