//! Secrets go in and never come out.

use serde_json::json;

use crate::world::{World, eventually};

const VALUE: &str = "postgres://keep-this-to-yourself";

#[tokio::test]
async fn a_value_is_in_no_answer_no_event_and_not_in_the_database() {
    let world = World::new().await;
    let path = "/api/v1/secrets/shop%2Fdatabase-url";
    let mut answers = Vec::new();
    let set = world
        .call_with("PUT", path, json!({ "value": VALUE }), &[("idempotency-key", "k")])
        .await
        .is(200);
    assert_eq!(
        (&set.json()["name"], &set.json()["number"]),
        (&json!("shop/database-url"), &json!(1))
    );
    answers.push(set);
    let mut spec = serde_json::to_value(crate::world::spec("shop")).unwrap();
    spec["secrets"] = json!({ "DATABASE_URL": "shop/database-url" });
    answers.push(world.call("POST", "/api/v1/services", spec).await.is(201));
    let shop = "shop".parse().unwrap();
    let number = world.ready(&shop, "1").await;
    let body = json!({ "version": number });
    answers.push(world.call("POST", "/api/v1/services/shop/deployments", body).await.is(200));

    // It arrived where it is needed.
    let container = world.fake.containers().remove(0);
    let variables = world.fake.variables(&container.id);
    assert!(variables.contains(&("DATABASE_URL".to_owned(), VALUE.to_owned())));

    for path in [
        "/api/v1/secrets",
        "/api/v1/services",
        "/api/v1/services/shop",
        "/api/v1/services/shop/versions",
        "/api/v1/services/shop/versions/1",
        "/api/v1/services/shop/deployments",
        "/api/v1/containers",
        "/api/v1/hosts",
        "/api/v1/events",
        "/api/openapi.json",
    ] {
        answers.push(world.get(path).await.is(200));
    }
    // A value that is refused is not repeated in the refusal.
    for body in [json!({ "value": [VALUE] }), json!({ "value": VALUE, VALUE: 1 }), json!(VALUE)] {
        let refused = world.call("PUT", path, body).await;
        assert!(refused.status.is_client_error());
        answers.push(refused);
    }
    for answer in &answers[..answers.len() - 3] {
        assert!(!answer.text().contains(VALUE), "{}", answer.text());
    }
    assert!(!world.database_has(VALUE));
}

#[tokio::test]
async fn a_new_value_is_for_new_versions_and_one_that_is_unset_for_none() {
    let world = World::without_edge().await;
    let path = "/api/v1/secrets/key";
    let mut spec = serde_json::to_value(crate::world::spec("shop")).unwrap();
    spec["secrets"] = json!({ "KEY": "key" });
    world.call("POST", "/api/v1/services", spec).await.is(201);
    let versions = "/api/v1/services/shop/versions";
    let refused = world.call("POST", versions, json!({})).await.tells(409, "refused");
    assert!(refused["detail"].as_str().unwrap().contains("launcher secret set key"), "{refused}");
    let shop = "shop".parse().unwrap();
    for (number, value) in [(1, "one"), (2, "two")] {
        let set = world.call("PUT", path, json!({ "value": value })).await.is(200).json();
        assert_eq!(set["number"], number);
        assert_eq!(world.ready(&shop, "1").await, number);
    }
    let values = world.fake.containers().into_iter().map(|one| world.fake.variables(&one.id));
    let values: Vec<_> = values.flatten().map(|(_, value)| value).collect();
    assert_eq!(values, ["one", "two"]);
    world.call("DELETE", path, None).await.is(204);
    world.call("DELETE", path, None).await.tells(404, "not-found");
    world.call("POST", versions, json!({})).await.tells(409, "refused");
}

#[tokio::test]
async fn a_secret_opens_previews_and_who_looks_is_told_why_it_does_not() {
    let world = World::new().await;
    let mut spec = serde_json::to_value(crate::world::spec("shop")).unwrap();
    spec["previews"] = json!({ "login": "shop/preview-logins" });
    let put = world.call("PUT", "/api/v1/services/shop", spec).await.is(200);
    let unset = "the secret shop/preview-logins (for the login of previews) is not set; \
                 set it with `launcher secret set shop/preview-logins`";
    assert_eq!(put.json()["unset_secrets"], json!([unset]));
    let logins =
        async || world.get("/api/v1/services/shop").await.is(200).json()["preview_logins"].clone();
    let nobody = json!({ "secret": "shop/preview-logins", "users": 0, "trouble": unset });
    eventually("nobody may look", async || logins().await == nobody).await;

    let path = "/api/v1/secrets/shop%2Fpreview-logins";
    let value = format!("ada:{VALUE}");
    let set = world.call("PUT", path, json!({ "value": value })).await.is(200);
    assert_eq!(set.json()["previews_of"], json!(["shop"]));
    let ada = json!({ "secret": "shop/preview-logins", "users": 1, "trouble": null });
    eventually("ada may look", async || logins().await == ada).await;
    let listed = world.get("/api/v1/secrets").await.is(200);
    assert_eq!(listed.json()["items"][0]["previews_of"], json!(["shop"]));
    for page in ["/api/v1/services/shop", "/api/v1/services", "/api/v1/edges", "/api/v1/events"] {
        let text = world.get(page).await.is(200).text();
        assert!(!text.contains(VALUE) && !text.contains("$5$"), "{page}: {text}");
    }
    assert!(!world.database_has(VALUE) && !world.database_has("$5$"));

    world.call("DELETE", path, None).await.is(204);
    eventually("nobody may look", async || logins().await == nobody).await;
}
