//! Builds that are run again when their branch has moved on, and services that are created again.

use launcher_scheduler::fake::{BuildScript, StepScript};
use serde_json::{Value, json};

use super::{Remote, checkout, word};
use crate::world::eventually;

const FROZEN: &str = "[deploy]\nfreeze = [\"daily 00:00 – 23:59 UTC\"]\n";

async fn retry(remote: &Remote, build: u64) -> Value {
    let path = format!("/api/v1/builds/{build}/retry");
    remote.world.call("POST", &path, None).await.is(202).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_branch_has_moved_on_from_changes_nothing_of_the_service() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let _ = checkout.push(&[&remote.url("shop"), "main"]).taken();
    checkout.append("launcher.toml", FROZEN);
    checkout.commit("Freeze it");
    let _ = checkout.push(&[&remote.url("shop"), "main"]).taken();

    let again = retry(&remote, 1).await;
    assert_eq!(again["branch"], Value::Null, "{again}");
    let builds = remote.ended().await;
    assert_eq!((word(&builds[0]["state"]), &builds[0]["version"]), ("passed", &json!(3)));
    let service = remote.world.get("/api/v1/services/shop").await.is(200).json();
    assert_eq!(service["spec"]["deploy"]["freeze"], json!(["daily 00:00 – 23:59 UTC"]));
    let log = remote.world.get("/api/v1/builds/3/log").await.is(200).text();
    assert!(log.contains("main has moved on since"), "{log}");

    // What the branch is at is the branch's, however often it is built.
    assert_eq!(word(&retry(&remote, 2).await["branch"]), "main");
    assert_eq!(word(&remote.ended().await[0]["state"]), "passed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_push_that_waits_keeps_its_place() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let _ = checkout.push(&[&remote.url("shop"), "main"]).taken();
    let slow = BuildScript { build: StepScript::new().hangs(), ..BuildScript::default() };
    remote.world.fake.script_builds(slow);
    for page in ["two", "three"] {
        checkout.write("page", page.as_bytes());
        checkout.commit(page);
        let _ = checkout.push(&["-o", "nowait", &remote.url("shop"), "main"]).taken();
        eventually("the first being built", async || remote.world.fake.steps_under_way() > 0).await;
    }
    retry(&remote, 1).await;
    let states = |builds: &[Value]| {
        builds.iter().map(|build| word(&build["state"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(&remote.builds().await), ["queued", "queued", "running", "passed"]);
    remote.world.fake.script_builds(BuildScript::default());
    remote.world.call("POST", "/api/v1/builds/2/cancel", None).await.is(200);
    let ended = remote.ended().await;
    assert_eq!(states(&ended), ["passed", "passed", "cancelled", "passed"]);
    let build = ended[2]["steps"].as_array().unwrap().iter().find(|step| step["kind"] == "build");
    assert_eq!(word(&build.unwrap()["state"]), "cancelled", "no step of what is over runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_created_again_has_a_repository_of_its_own() {
    let remote = Remote::open().await;
    let checkout = checkout("one");
    let _ = checkout.push(&[&remote.url("shop"), "main"]).taken();
    assert!(remote.head("main").await.is_some());
    let settings = remote.world.get("/api/v1/services/shop").await.is(200).json()["spec"].clone();
    remote.world.call("DELETE", "/api/v1/services/shop?destroy=true", None).await.is(202);
    eventually("the service being gone", async || {
        remote.world.get("/api/v1/services/shop").await.status.as_u16() == 404
    })
    .await;
    // What was built of it stays on record under its name.
    let builds = remote.builds().await;
    assert_eq!((builds.len(), word(&builds[0]["service"])), (1, "shop"), "{builds:?}");
    let none = remote.world.get("/api/v1/services/shop/builds?branch=other").await.is(200).json();
    assert_eq!(none["items"], json!([]));
    remote.world.get("/api/v1/services/never/builds").await.tells(404, "not-found");
    let directory = remote.world.folder.join("git/shop.git");
    eventually("its repository being gone", async || !directory.exists()).await;
    remote.world.call("PUT", "/api/v1/services/shop", settings).await.is(200);
    let told = checkout.push(&[&remote.url("shop"), "main"]).taken();
    // Git has it anew, so that it is built; numbers are never used twice.
    assert!(told.contains("v2 of shop is ready"), "{told}");
}
