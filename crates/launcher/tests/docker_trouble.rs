//! What goes wrong around an installation: the engine restarted, the disk full.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Installation, Load, PrivateEngine};
use reqwest::Method;
use serde_json::{Value, json};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

async fn put_shop(api: &Api) {
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": 2, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms", "start_period": "30s" },
    }))
    .await;
}

fn start_load(installation: &Installation, version: u64) -> Load {
    Load::start(Plan {
        edge: installation.http,
        host: "shop.example.com".to_owned(),
        connections: 8,
        sockets: 0,
        pause: Duration::from_millis(5),
        live: version,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_engine_restarted_under_load() {
    let mut private = PrivateEngine::start();
    let engine = private.engine();
    let images = [engine.build(program(), 1, &[]), engine.build(program(), 2, &[])];
    let mut installation = Installation::new(program(), &engine);
    let api = installation.start().await;
    put_shop(&api).await;
    for image in &images {
        api.launch_ready("shop", &image.id).await;
    }
    api.deploy("shop", 1).await;
    let load = start_load(&installation, 1);

    private.stop();
    until("the loss being told", SOON, || async {
        let trouble = api.get("/server").await["engine_trouble"].clone();
        (!trouble.is_null()).then_some(())
    })
    .await;
    let refused = api
        .try_call(Method::POST, "/services/shop/versions", Some(&json!({ "image": images[0].id })))
        .await
        .unwrap();
    assert_eq!(refused.status, 503, "{}", refused.body);
    private.resume();
    for number in [1, 2] {
        until("the environment being whole again", SOON, || async {
            let environment = api.version("shop", number).await["environment"].clone();
            (environment["healthy"] == json!(2) && environment["state"] == "ready").then_some(())
        })
        .await;
    }
    let answered = load.answered();
    until("production answering again", SOON, || async {
        (load.answered() > answered + 100).then_some(())
    })
    .await;
    let events = api.get("/events?limit=500").await.to_string();
    assert!(events.contains("engine_lost") && events.contains("engine_back"), "{events}");
    // Nothing doubled: two environments of two, and of each place the one before at the most.
    let serving = engine.serving_containers(installation.id()).await.len();
    assert!((4..=8).contains(&serving), "{serving}");
    load.timeline.begins(2);
    api.deploy("shop", 2).await;
    load.timeline.ended(2);
    let report = load.stop();
    assert_eq!((report.wrong, report.closed), (0, 0), "{report:?}");
}

/// A small file system in memory, where the data directory will be.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: &Path) -> Self {
        std::fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(path).status();
        assert!(mounted.unwrap().success(), "mounting needs root");
        Self(path.to_owned())
    }

    /// Leaves no room at all.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        for block in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![0; block]).is_ok() {}
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_disk_full() {
    let engine = Engine::local();
    let images = [engine.build(program(), 1, &[]), engine.build(program(), 2, &[])];
    let mut installation = Installation::new(program(), &engine);
    // Taken away before the installation, whose directory it would keep from being removed.
    let disk = SmallDisk::mount(&installation.data());
    let api = installation.start().await;
    put_shop(&api).await;
    for image in &images {
        api.launch_ready("shop", &image.id).await;
    }
    api.deploy("shop", 1).await;
    let load = start_load(&installation, 1);

    disk.fill();
    let body = json!({ "version": 2 });
    let path = "/services/shop/deployments";
    let refused = api.try_call(Method::POST, path, Some(&body)).await.unwrap();
    assert!(matches!(refused.status, 409 | 507), "{}: {}", refused.status, refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("full"), "{}", refused.body);
    let launch = json!({ "image": images[0].id });
    let refused =
        api.try_call(Method::POST, "/services/shop/versions", Some(&launch)).await.unwrap();
    assert_eq!(refused.status, 507, "{}", refused.body);
    assert_eq!(api.live("shop").await, Some(1));
    // A container that dies is replaced all the same: the engine has a disk of its own.
    let first = engine.serving_containers(installation.id()).await[0].clone();
    engine.kill(&first).await;

    disk.empty();
    until("both environments being whole", SOON, || async {
        let mut whole = true;
        for number in [1, 2] {
            let version = api.version("shop", number).await;
            whole &= version["environment"]["healthy"] == json!(2);
            // Its death may not have been seen yet.
            let containers = version["containers"].as_array().unwrap();
            let runs =
                |one: &&Value| one["id"] == json!(first) && one["phase"]["phase"] == "running";
            whole &= !containers.iter().any(|one| runs(&one));
        }
        whole.then_some(())
    })
    .await;
    load.timeline.begins(2);
    let deployed = api.insist(Method::POST, path, &body).await;
    assert_eq!(deployed.status, 200, "{}", deployed.body);
    load.timeline.ended(2);
    let report = load.stop();
    assert_eq!((report.wrong, report.closed), (0, 0), "{report:?}");
    // At most what was in flight on the container that was killed.
    assert!(report.failed <= 8, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_log_that_has_no_room_keeps_no_container() {
    let engine = Engine::local();
    let image = engine.build(program(), 1, &[]);
    let mut installation = Installation::new(program(), &engine);
    let disk = SmallDisk::mount(&installation.data());
    let api = installation.start().await;
    put_shop(&api).await;
    api.launch_ready("shop", &image.id).await;
    let scale = json!({ "replicas": 1 });
    api.post("/services/shop/versions/1/scale", scale).await;
    // The wish is written down; the log of the container that goes finds no room any more.
    disk.fill();
    until("one container being left", SOON, || async {
        (engine.serving_containers(installation.id()).await.len() == 1).then_some(())
    })
    .await;
    let logs = || {
        let mut command = Command::new(program());
        command.args(["logs", "shop", "1"]).env("LAUNCHER_DATA", installation.data());
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (well, told) = logs();
    assert!(well && told.contains("is lost") && told.contains("No space left"), "{told}");
    assert!(installation.log().contains("the log of a container is lost"));
    disk.empty();
    api.call(Method::DELETE, "/services/shop/versions/1", None).await;
    api.wait_for_state("shop", 1, "destroyed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_lost_token_is_made_anew() {
    let mut installation = Installation::new(program(), &Engine::local());
    let lost = installation.start().await;
    std::fs::remove_file(installation.data().join("admin-token")).unwrap();
    let data = installation.data();
    let recover = || {
        let mut command = Command::new(program());
        command.args(["token", "recover", "--data"]).arg(&data);
        command.output().unwrap()
    };
    let refused = recover();
    assert!(!refused.status.success(), "its server runs");
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("another server uses the data directory"), "{told}");

    installation.kill_server();
    for _ in 0..2 {
        assert!(recover().status.success(), "may be repeated");
    }
    installation.start_server();
    let api = installation.wait_for_server().await;
    assert_eq!(api.try_call(Method::GET, "/services", None).await.unwrap().status, 200);
    assert_eq!(lost.try_call(Method::GET, "/services", None).await.unwrap().status, 401);
}
