//! Freezes, and what goes live by itself.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{World, eventually, spec};

const SERVICE: &str = "/api/v1/services/shop";
const DEPLOYMENTS: &str = "/api/v1/services/shop/deployments";

/// A window from so many minutes from now until so many from now.
fn window(from: i64, until: i64) -> String {
    let at = |minutes| {
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        at.strftime("%Y-%m-%d %H:%M").to_string()
    };
    format!("{} – {} UTC", at(from), at(until))
}

async fn put(world: &World, freeze: &[&str], auto: Option<&str>) {
    let mut spec = spec("shop");
    spec.deploy.freeze = freeze.iter().map(|text| (*text).into()).collect();
    spec.deploy.auto = auto.map(str::to_owned);
    world.call("PUT", SERVICE, serde_json::to_value(&spec).unwrap()).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_is_shown_and_only_a_reason_breaks_it() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let (one, two) = (world.ready(&shop, "1").await, world.ready(&shop, "2").await);
    for version in [one, two, one] {
        world.call("POST", DEPLOYMENTS, json!({ "version": version })).await.is(200);
    }
    let three = world.ready(&shop, "3").await;
    let now = window(-60, 120);
    put(&world, &[&now], None).await;
    let shown = world.get(SERVICE).await.is(200).json();
    assert_eq!(shown["freeze"]["window"], now);
    assert!(shown["freeze"]["text"].as_str().unwrap().starts_with("frozen until "), "{shown}");
    assert_eq!((&shown["next_freeze"], &shown["auto"]), (&json!(null), &json!(null)));

    let body = json!({ "version": three });
    let problem = world.call("POST", DEPLOYMENTS, body).await.tells(409, "frozen");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&now) && detail.contains("--force --note"), "{detail}");
    let body = json!({ "version": three, "force": true });
    world.call("POST", DEPLOYMENTS, body).await.tells(422, "invalid");
    // What is not there cannot be insisted upon: whoever asks for it hears that first.
    let problem = world.call("POST", DEPLOYMENTS, json!({ "version": 99 })).await;
    let problem = problem.tells(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().starts_with("shop has no v99"), "{problem}");
    let back = world.call("POST", "/api/v1/services/shop/rollback", json!({})).await.is(200).json();
    assert_eq!(back["to"], json!({ two.to_string(): 100 }));
    assert!(
        back["warnings"][0].as_str().unwrap().contains("going back is always possible"),
        "{back}"
    );
    let body = json!({ "version": three, "force": true, "note": "the till is broken" });
    let forced = world.call("POST", DEPLOYMENTS, body).await.is(200).json();
    let note = format!("the till is broken (forced during the freeze {now})");
    assert_eq!((&forced["note"], &forced["warnings"]), (&json!(note), &json!(null)));

    let soon = window(30, 120);
    put(&world, &[&soon], None).await;
    let shown = world.get(SERVICE).await.is(200).json();
    assert_eq!((&shown["freeze"], &shown["next_freeze"]["window"]), (&json!(null), &json!(soon)));
    let body = json!({ "version": one });
    let warned = world.call("POST", DEPLOYMENTS, body).await.is(200).json();
    assert!(warned["warnings"][0].as_str().unwrap().starts_with("shop freezes at "), "{warned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_window_is_told_by_its_place() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let mut settings = serde_json::to_value(spec("shop")).unwrap();
    settings["deploy"] = json!({ "freeze": ["Sat – Sun UTC", "Fri 16:00 – Mon 08:00"] });
    let problem = world.call("PUT", SERVICE, settings).await.tells(422, "invalid");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("deploy.freeze[1]: \"Fri 16:00 – Mon 08:00\": its time zone"),
        "{detail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_live_by_itself_is_shown_while_it_waits() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let now = window(-60, 120);
    put(&world, &[&now], Some("main")).await;
    let path = format!("{SERVICE}/versions");
    let body = json!({ "image": ":1", "branch": "main" });
    let number = world.call("POST", &path, body).await.is(202).json()["number"].as_u64().unwrap();
    world.reaches(&shop, number, "ready").await;
    eventually("it waits for the freeze", async || {
        world.get(SERVICE).await.is(200).json()["auto"]["waits_for"] == "freeze"
    })
    .await;
    let shown = world.get(SERVICE).await.is(200).json();
    let auto = &shown["auto"];
    assert_eq!((&auto["version"], &auto["at"]), (&json!(number), &shown["freeze"]["until"]));
    assert!(
        auto["text"].as_str().unwrap().starts_with("v1 waits for the freeze to end, "),
        "{auto}"
    );
    put(&world, &[], Some("main")).await;
    eventually("it is live", async || {
        let shown = world.get(SERVICE).await.is(200).json();
        shown["live"] == json!({ number.to_string(): 100 }) && shown["auto"] == json!(null)
    })
    .await;
}
