//! Several versions live at one time, and versions that are tried.

use serde_json::{Value, json};

use crate::world::World;

const DEPLOYMENTS: &str = "/api/v1/services/shop/deployments";

#[tokio::test]
async fn traffic_is_shared_out_and_taken_back() {
    let world = World::new().await;
    let name = world.service("shop").await;
    let shop = async || world.get("/api/v1/services/shop").await.is(200).json();
    let (one, two) = (world.ready(&name, "1").await, world.ready(&name, "2").await);
    let deploy = async |body: Value| world.call("POST", DEPLOYMENTS, body).await;
    deploy(json!({ "version": one })).await.is(200);

    let done =
        deploy(json!({ "version": two, "weight": 10, "note": "a tenth" })).await.is(200).json();
    assert_eq!(
        (&done["changed"], &done["from"], &done["to"]),
        (&json!(true), &json!({ "1": 100 }), &json!({ "1": 90, "2": 10 }))
    );
    assert_eq!(shop().await["live"], json!({ "1": 90, "2": 10 }));
    let weights = shop().await["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["weight"].clone())
        .collect::<Vec<_>>();
    assert_eq!(weights, [json!(10), json!(90)]);

    let split =
        json!({ "split": [{ "version": one, "weight": 40 }, { "version": two, "weight": 60 }] });
    let done = deploy(split.clone()).await.is(200).json();
    assert_eq!(done["to"], json!({ "1": 40, "2": 60 }));
    let again = deploy(split).await.is(200).json();
    assert_eq!((&again["changed"], &again["id"]), (&json!(false), &done["id"]));

    let back = world.call("POST", "/api/v1/services/shop/rollback", json!({})).await.is(200).json();
    assert_eq!((&back["kind"], &back["to"]), (&json!("rollback"), &json!({ "1": 100 })));
}

#[tokio::test]
async fn shares_that_make_no_sense_are_refused_in_words() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let one = world.ready(&shop, "1").await;
    let part = |weight: u8| json!([{ "version": one, "weight": weight }]);
    for (body, status, kind, words) in [
        (json!({}), 422, "invalid", "either version"),
        (json!({ "weight": 10 }), 422, "invalid", "either version"),
        (json!({ "version": one, "split": part(100) }), 422, "invalid", "either version"),
        (json!({ "split": part(99) }), 422, "invalid", "sum to 99 percent"),
        (json!({ "split": [] }), 422, "invalid", "sum to 0 percent"),
        (json!({ "version": one, "weight": 101 }), 422, "malformed", "give 0 to 100"),
        (json!({ "version": one, "weight": 0.5 }), 422, "malformed", "weight"),
        (
            json!({ "version": one, "weight": 10 }),
            409,
            "refused",
            "nothing can have the other 90 percent",
        ),
        (json!({ "split": [{ "version": 9, "weight": 100 }] }), 404, "not-found", "v9"),
    ] {
        let told = world.call("POST", DEPLOYMENTS, body.clone()).await.tells(status, kind);
        assert!(told["detail"].as_str().unwrap().contains(words), "{body}: {told}");
    }
}

#[tokio::test]
async fn a_version_tells_how_it_is_tried_in_production() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let one = world.ready(&shop, "1").await;
    let path = format!("/api/v1/services/shop/versions/{one}");
    let view = world.get(&path).await.is(200).json();
    let pass = view["try_pass"].as_str().unwrap();
    assert!(pass.starts_with("v1."), "{pass}");
    let listed = world.get("/api/v1/services/shop/versions").await.is(200).json();
    assert_eq!(listed["items"][0]["try_url"], view["try_url"]);

    let mut spec = world.get("/api/v1/services/shop").await.json()["spec"].clone();
    spec["service"]["hosts"] = json!(["shop.test", "www.shop.test"]);
    world.call("PUT", "/api/v1/services/shop", spec.clone()).await.is(200);
    let view = world.get(&path).await.is(200).json();
    let url = view["try_url"].as_str().unwrap();
    assert!(
        url.starts_with("http://shop.test") && url.ends_with(&format!("/?launcher-try={pass}")),
        "{url}"
    );
    spec["service"]["hosts"] = json!([]);
    world.call("PUT", "/api/v1/services/shop", spec).await.is(200);
    assert_eq!(world.get(&path).await.json()["try_url"], Value::Null);
}
