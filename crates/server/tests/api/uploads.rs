//! Working copies that are sent in.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::Request;
use launcher_model::branch::LONGEST_BRANCH;
use launcher_scheduler::fake::{BuildScript, StepScript};
use launcher_testkit::Folder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{Answer, World, eventually};

const PATH: &str = "/api/v1/services/shop/builds";
const SETTINGS: &str = "[service]\nname = \"shop\"\nbuild = \".\"\nport = 8080\n[health]\npath = \"/healthz\"\n\
    interval = \"50ms\"\nhealthy_after = 1\nstart_period = \"20s\"\n";

async fn shop() -> World {
    let world = World::without_edge().await;
    create(&world).await;
    world
}

async fn create(world: &World) {
    let spec = launcher_model::service::read("launcher.toml", SETTINGS).unwrap();
    let body = serde_json::to_value(&spec).unwrap();
    world.call("POST", "/api/v1/services", body).await.is(201);
}

fn parts(parts: &[(&str, &str)]) -> String {
    let part = |(name, text): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--b--\r\n"
}

fn request(world: &World, body: impl Into<Body>) -> Request<Body> {
    let request = world.request("POST", PATH);
    request.header("content-type", "multipart/form-data; boundary=b").body(body.into()).unwrap()
}

async fn send(world: &World, what: &[(&str, &str)]) -> Answer {
    world.send(request(world, parts(what))).await
}

async fn upload(world: &World, context: &str) -> u64 {
    let sent = send(world, &[("settings", SETTINGS), ("context", context)]).await;
    sent.is(202).json()["id"].as_u64().unwrap()
}

async fn build(world: &World, id: u64) -> Value {
    world.get(&format!("/api/v1/builds/{id}")).await.is(200).json()
}

async fn ends(world: &World, id: u64, state: &str) {
    eventually(&format!("build {id} is {state}"), async || {
        build(world, id).await["state"] == state
    })
    .await;
}

/// Folders of builds and uploads.
fn kept(world: &World) -> Vec<String> {
    let Ok(found) = std::fs::read_dir(world.folder.join("builds")) else { return Vec::new() };
    let mut names: Vec<String> =
        found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn has_context(world: &World, id: u64) -> bool {
    world.folder.join(format!("builds/{id}/context.tar")).exists()
}

fn hang() -> BuildScript {
    BuildScript { build: StepScript::new().hangs(), ..BuildScript::default() }
}

async fn log(world: &World, id: u64) -> String {
    world.get(&format!("/api/v1/builds/{id}/log")).await.is(200).text()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_in_is_what_is_built() {
    let world = shop().await;
    let body = [("settings", SETTINGS), ("branch", "try"), ("context", "an archive")];
    let queued = send(&world, &body).await.is(202).json();
    assert_eq!(queued["origin"], "upload", "{queued}");
    assert_eq!(queued["branch"], "try", "{queued}");
    ends(&world, 1, "passed").await;
    assert_eq!(world.fake.built()[0].context, b"an archive");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_leaves_nothing_behind() {
    let world = shop().await;
    let (long, large) = ("b".repeat(LONGEST_BRANCH + 1), "#".repeat((256 << 10) + 1));
    for (what, status) in [
        (&[("settings", SETTINGS)][..], 422),
        (&[("context", "x"), ("branch", "a..b")], 409),
        (&[("branch", &long), ("context", "x")], 413),
        (&[("settings", &large), ("context", "x")], 413),
        (&[("context", "x"), ("other", "x")], 422),
        (&[], 422),
    ] {
        send(&world, what).await.is(status).problem();
    }
    let none = world.request("POST", PATH).body(Body::empty()).unwrap();
    assert!(world.send(none).await.status.is_client_error());
    let elsewhere = world.request("POST", "/api/v1/services/blog/builds");
    let elsewhere = elsewhere.header("content-type", "multipart/form-data; boundary=b");
    let elsewhere = elsewhere.body(parts(&[("context", "x")]).into()).unwrap();
    world.send(elsewhere).await.tells(404, "not-found");
    assert_eq!(kept(&world), Vec::<String>::new());
    assert_eq!(world.get(PATH).await.is(200).json()["items"], json!([]));
}

/// Begins an upload on a connection of its own: its archive is not whole.
async fn half(world: &World, address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"context\"\r\n\r\n{}",
        "half".repeat(50_000)
    );
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000000\r\n\r\n",
        world.token
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    eventually("it being written to the disk", async || {
        let name = kept(world).into_iter().find(|name| name.starts_with("upload-"));
        let file = name.map(|name| world.folder.join("builds").join(name).join("context.tar"));
        file.and_then(|file| file.metadata().ok()).is_some_and(|told| told.len() > 0)
    })
    .await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing_behind() {
    let mut world = shop().await;
    let address = world.listen().await;
    for gently in [true, false] {
        let mut stream = half(&world, address).await;
        if gently {
            // It says that nothing more comes, and waits for what is said to that.
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        drop(stream);
        eventually("nothing being left", async || kept(&world).is_empty()).await;
    }
    let cut = request(&world, "--b\r\nContent-Disposition: form-data; name=\"context\"\r\n\r\nhal");
    world.send(cut).await.problem();
    assert_eq!(kept(&world), Vec::<String>::new());
    assert_eq!(world.get(PATH).await.is(200).json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_for_which_build_and_can_be_retried() {
    let world = shop().await;
    world.fake.script_builds(hang());
    for id in 1..=3 {
        assert_eq!(upload(&world, &format!("archive {id}")).await, id);
    }
    eventually("the first being built", async || world.fake.steps_under_way() > 0).await;
    assert_eq!(build(&world, 2).await["state"], "queued");
    for id in [3, 1, 2] {
        world.call("POST", &format!("/api/v1/builds/{id}/cancel"), None).await.is(200);
    }
    for (id, before) in [(2, 1), (3, 2)] {
        let told = log(&world, id).await;
        let first = told.lines().find(|line| line.starts_with("data:")).unwrap();
        assert!(first.contains(&format!("waits for build {before}")), "{told}");
    }
    world.fake.script_builds(BuildScript::default());
    let again = world.call("POST", "/api/v1/builds/3/retry", None).await.is(202).json();
    assert_eq!((&again["id"], &again["origin"]), (&json!(4), &json!("upload")));
    ends(&world, 4, "passed").await;
    assert_eq!(world.fake.built().last().unwrap().context, b"archive 3");
    assert_eq!(world.fake.built().last().unwrap().order.id.0, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_in_is_kept_for_the_last_builds_alone() {
    let world = shop().await;
    for id in 1..=8 {
        assert_eq!(upload(&world, "archive").await, id);
        ends(&world, id, "passed").await;
    }
    eventually("old ones being removed", async || !has_context(&world, 3)).await;
    let kept: Vec<u64> = (1..=8).filter(|id| has_context(&world, *id)).collect();
    assert_eq!(kept, [4, 5, 6, 7, 8]);
    // Their logs stay.
    assert!(log(&world, 1).await.contains("is ready"));
    let refused = world.call("POST", "/api/v1/builds/1/retry", None).await.tells(409, "refused");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("is not kept any more; send it again"), "{detail}");
    assert_eq!(world.get(PATH).await.is(200).json()["items"].as_array().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_of_a_service_that_is_gone_says_what_to_do_instead() {
    let world = shop().await;
    upload(&world, "archive").await;
    ends(&world, 1, "passed").await;
    world.call("DELETE", "/api/v1/services/shop?destroy=true", None).await.is(202);
    let gone = async || world.get("/api/v1/services/shop").await.status == 404;
    eventually("the service being gone", gone).await;
    let refused = world.call("POST", "/api/v1/builds/1/retry", None).await.tells(409, "refused");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("the service shop is gone"), "{detail}");
    assert!(detail.contains("create shop with `launcher apply`"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restarted_goes_on_with_what_was_sent_in() {
    let outer = Folder::new();
    let folder = outer.path().to_owned();
    {
        let mut world = World::in_folder(Folder::new(), &folder).await;
        create(&world).await;
        let address = world.listen().await;
        world.fake.script_builds(hang());
        upload(&world, "first").await;
        upload(&world, "second").await;
        eventually("the first being built", async || world.fake.steps_under_way() > 0).await;
        let stream = half(&world, address).await;
        // The next one makes it anew.
        world.call("DELETE", "/api/v1/tokens/mika", None).await.is(204);
        drop(world);
        drop(stream);
    }
    // As it is after a kill: what was coming in is still there.
    std::fs::create_dir_all(folder.join("builds/upload-0")).unwrap();
    std::fs::remove_file(folder.join("edge.sock")).unwrap();
    let world = World::in_folder(Folder::new(), &folder).await;
    for id in [1, 2] {
        ends(&world, id, "passed").await;
    }
    let contexts: Vec<_> =
        world.fake.built().into_iter().map(|built| (built.order.id.0, built.context)).collect();
    assert_eq!(contexts, [(1, b"first".to_vec()), (2, b"second".to_vec())]);
    assert!(log(&world, 1).await.contains("the server was restarted"));
    eventually("uploads being removed", async || kept(&world) == ["1", "2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_in_goes_with_its_service() {
    let world = shop().await;
    let id = upload(&world, "an archive").await;
    ends(&world, id, "passed").await;
    assert!(has_context(&world, id));
    world.call("DELETE", "/api/v1/services/shop?destroy=true", None).await.is(202);
    eventually("the archive being gone", async || !has_context(&world, id)).await;
    // What its build has said stays on record.
    assert!(log(&world, id).await.contains("source"));
}
