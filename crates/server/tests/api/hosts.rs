//! Hosts: what is told of them, which of them take nothing new, and what other systems read and write.

use serde_json::{Value, json};

use crate::world::{World, eventually};

const HOSTS: &str = "/api/v1/hosts";

/// An installation on hosts `a` and `b`, on which a version runs with a container on each.
async fn two_hosts() -> World {
    let world = World::new().await;
    world.fake.set_hosts(["a", "b"]);
    world.fake.label_host("a", "zone", "eu-1");
    let shop = world.service("shop").await;
    world.ready(&shop, "1").await;
    let scale = "/api/v1/services/shop/versions/1/scale";
    world.call("POST", scale, json!({ "replicas": 2 })).await.is(202);
    for name in ["a", "b"] {
        eventually("a container is there", async || {
            host(&world, name).await["containers"][0]["running"] == 1
        })
        .await;
    }
    world
}

async fn host(world: &World, name: &str) -> Value {
    world.get(&format!("{HOSTS}/{name}")).await.is(200).json()
}

#[tokio::test]
async fn a_host_tells_what_it_has_and_what_runs_on_it() {
    let world = two_hosts().await;
    let all = world.get(HOSTS).await.is(200).json();
    let names: Vec<_> = all["items"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    let a = host(&world, "a").await;
    assert_eq!(a, all["items"][0]);
    assert_eq!((&a["state"], &a["labels"]), (&json!("ready"), &json!({ "zone": "eu-1" })));
    assert_eq!(
        a["containers"],
        json!([{ "service": "shop", "version": 1, "running": 1, "waits": null }])
    );
    let sum = |of: &str| a["free"][of].as_u64().unwrap() + a["promised"][of].as_u64().unwrap();
    assert_eq!((sum("milli_cpus"), Some(sum("memory"))), (2000, a["memory"].as_u64()));
    let missing = world.get("/api/v1/hosts/z").await.tells(404, "not-found");
    assert!(missing["detail"].as_str().unwrap().contains("launcher hosts"), "{missing}");
}

#[tokio::test]
async fn a_host_is_drained_and_opened_again() {
    let world = two_hosts().await;
    let act = async |act: &str| world.call("POST", &format!("{HOSTS}/a/{act}"), None).await;
    let closed = act("close").await.is(200).json();
    assert_eq!(
        (&closed["state"], &closed["containers"][0]["running"]),
        (&json!("closed"), &json!(1))
    );
    assert_eq!(closed["closure"]["closing"], json!("closed"));
    act("drain").await.is(200);
    act("drain").await.is(200);
    eventually("nothing is there", async || host(&world, "a").await["state"] == "drained").await;
    let b = host(&world, "b").await;
    assert_eq!(b["containers"][0]["running"], json!(2));
    world.call("POST", "/api/v1/hosts/b/close", None).await.tells(409, "refused");
    act("open").await.is(204);
    act("open").await.is(204);
    assert_eq!(host(&world, "a").await["state"], json!("ready"));
    world.call("POST", "/api/v1/hosts/z/open", None).await.tells(404, "not-found");
}

#[tokio::test]
async fn an_engine_of_one_host_closes_none() {
    let world = World::without_edge().await;
    for act in ["close", "drain", "open"] {
        let refused = world.call("POST", &format!("{HOSTS}/fake/{act}"), None).await;
        let refused = refused.tells(409, "refused");
        assert!(refused["detail"].as_str().unwrap().contains("has one host"), "{refused}");
    }
}

#[tokio::test]
async fn other_systems_give_labels_and_an_owner() {
    let world = two_hosts().await;
    let put = async |body: Value| world.call("PUT", "/api/v1/hosts/a/labels", body).await;
    let given = json!({ "labels": { "rack": "a12", "zone": "other" }, "owner": "storage" });
    let view = put(given.clone()).await.is(200).json();
    assert_eq!((&view["notes"], &view["labels"]), (&given, &json!({ "zone": "eu-1" })));
    let view = put(json!({ "owner": "web" })).await.is(200).json();
    assert_eq!(view["notes"], json!({ "labels": {}, "owner": "web" }));
    put(json!({ "labels": { "a b": "x" } })).await.tells(422, "invalid");
    put(json!({ "label": {} })).await.tells(422, "malformed");
    let other = world.call("PUT", "/api/v1/hosts/z/labels", json!({})).await;
    other.tells(404, "not-found");
}

#[tokio::test]
async fn ansible_gets_an_inventory() {
    let world = two_hosts().await;
    let notes = json!({ "labels": { "rack": "a 12", "zone": "other" }, "owner": "storage" });
    world.call("PUT", "/api/v1/hosts/a/labels", notes).await.is(200);
    let mut inventory = world.get("/api/v1/hosts?format=ansible").await.is(200).json();
    let memory = inventory["_meta"]["hostvars"]["a"]["launcher_memory"].take();
    assert!(memory.as_u64().unwrap() > 0);
    insta::assert_json_snapshot!("ansible", inventory);
}

#[tokio::test]
async fn prometheus_gets_targets() {
    let world = two_hosts().await;
    let notes = json!({ "labels": { "rack": "a12" }, "owner": "storage" });
    world.call("PUT", "/api/v1/hosts/a/labels", notes).await.is(200);
    let hosts = world.get("/api/v1/hosts?format=prometheus").await.is(200).json();
    insta::assert_json_snapshot!("prometheus_hosts", hosts);
    let other = world.get("/api/v1/hosts?format=prometheus&port=8081").await.is(200).json();
    assert_eq!(other[0]["targets"], json!(["a:8081"]));
    let of = "/api/v1/hosts?format=prometheus&of=containers";
    let containers = world.get(of).await.is(200).json();
    insta::assert_json_snapshot!("prometheus_containers", containers, {
        "[].targets" => "[addresses]",
        "[].labels.__meta_launcher_container_id" => "[id]",
        "[].labels.__meta_launcher_container_name" => "[name]",
    });
    for wrong in ["of=containers", "port=1", "format=ansible&of=hosts"] {
        world.get(&format!("{HOSTS}?{wrong}")).await.tells(422, "invalid");
    }
    world.get("/api/v1/hosts?format=xml").await.tells(400, "malformed");
}
