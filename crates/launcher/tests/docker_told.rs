//! What people in a chat are told of real deployments, and what they are answered.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Installation, Ngircd, Person};
use serde_json::{Value, json};

const CHANNEL: &str = "#deploys";

fn configuration(ngircd: &Ngircd) -> String {
    format!(
        "url = \"https://launcher.example.com\"\n[[irc]]\nname = \"test\"\nserver = \"{}\"\ntls = false\n\
         channels = [{{ name = \"{CHANNEL}\" }}]\n",
        ngircd.address
    )
}

async fn target(api: &Api) -> Value {
    api.get("/notifications").await["items"][0].clone()
}

/// A launch, a deployment with its receipt, a question, and what happens while the chat is away and the
/// server is killed: all of it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_channel_is_told_answered_and_told_again() {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let engine = Engine::local();
    let images = [engine.build(program, 1, &[]), engine.build(program, 2, &[])];
    let mut installation = Installation::new(program, &engine);
    let mut ngircd = Ngircd::start(installation.scratch());
    let anna = Person::join(ngircd.address, "anna", CHANNEL).await;
    installation.configure(&configuration(&ngircd));
    let api = installation.start().await;
    anna.hears(":launcher!").await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms" },
    }))
    .await;
    api.launch_ready("shop", &images[0].id).await;
    anna.hears("launched shop v1 from").await;
    let ready = anna.hears("shop v1 is ready: 1 container healthy").await;
    assert!(ready.contains("http://v1.shop.localhost"), "{ready}");
    api.deploy("shop", 1).await;
    let told = anna.hears("deployed shop v1: live on 1 edge in").await;
    assert!(told.contains(" ms, nothing in flight"), "{told}");
    assert!(told.ends_with(" — https://launcher.example.com/services/shop#d-1"), "{told}");
    anna.says("!launcher status shop").await;
    anna.hears("NOTICE #deploys :shop: v1 is live, 1 of 1 containers healthy").await;

    ngircd.kill();
    api.launch_ready("shop", &images[1].id).await;
    api.deploy("shop", 2).await;
    until("the target failing", SOON, || async {
        target(&api).await["failing_since"].is_string().then_some(())
    })
    .await;
    installation.kill_server();
    ngircd.run();
    let anna = Person::join(ngircd.address, "anna", CHANNEL).await;
    installation.start_server();
    let api = installation.wait_until_up().await;
    anna.hears("launched shop v2 from").await;
    anna.hears("deployed shop v2 (was v1): live on 1 edge in").await;
    api.post("/services/shop/rollback", json!({})).await;
    anna.hears("rolled shop back to v1 (was v2): live on 1 edge in").await;

    let tested = api.post("/notifications/test%23deploys/test", json!({})).await;
    assert_eq!(tested["told"], json!(true), "{tested}");
    anna.hears("a test of the notifications to test#deploys, asked for by").await;
    let target = target(&api).await;
    assert_eq!((&target["name"], &target["given_up"]), (&json!("test#deploys"), &json!(0)));
    assert_eq!(target["failing_since"], Value::Null, "{target}");
}
