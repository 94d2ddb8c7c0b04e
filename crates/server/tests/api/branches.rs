//! Branches and their environments.

use serde_json::json;

use crate::world::{World, spec};

const BRANCHES: &str = "/api/v1/services/shop/branches";

#[tokio::test]
async fn branches_are_listed_with_their_addresses_and_deleted() {
    let world = World::new().await;
    let mut shop = spec("shop");
    shop.branches.matching = vec!["*".to_owned()];
    world.app.control.put_service(&shop, "mika").await.unwrap();
    let none = world.get(BRANCHES).await.is(200).json();
    assert_eq!(none["items"], json!([]));
    for branch in ["feature/login", "cart"] {
        let body = json!({ "image": ":1", "branch": branch });
        let made = world.call("POST", "/api/v1/services/shop/versions", body).await.is(202).json();
        let url = if branch == "cart" { "cart" } else { "feature-login" };
        assert_eq!(made["branch_url"], format!("http://{url}.shop.localhost:8080"), "{made}");
        assert_eq!(made["environment"]["branch"], branch);
    }
    let ready = async || {
        let listed = world.get(BRANCHES).await.is(200).json();
        listed["items"].as_array().unwrap().iter().all(|one| one["state"] == "running")
    };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !ready().await {
        assert!(tokio::time::Instant::now() < deadline, "they are not running");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let page = world.get(&format!("{BRANCHES}?limit=1")).await.is(200).json();
    assert_eq!(
        (&page["items"][0]["name"], &page["items"][0]["version"]),
        (&json!("cart"), &json!(2))
    );
    let next = format!("{BRANCHES}?limit=1&cursor={}", page["next"].as_str().unwrap());
    let page = world.get(&next).await.is(200).json();
    let login = &page["items"][0];
    assert_eq!((&login["name"], &page["next"]), (&json!("feature/login"), &json!(null)));
    assert_eq!(login["url"], "http://feature-login.shop.localhost:8080");
    assert!(login["sleeps_at"].is_string() && login["expires_at"].is_string(), "{login}");
    assert_eq!((&login["looked_at"], &login["next"]), (&json!(null), &json!(null)));

    let path = format!("{BRANCHES}/feature%2Flogin");
    world.call("DELETE", &path, json!({})).await.is(204);
    let refused = world.call("DELETE", &path, json!({})).await.is(404).json();
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("branch feature/login of shop has no environment"), "{detail}");
    let left = world.get(BRANCHES).await.is(200).json();
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    world.get("/api/v1/services/none/branches").await.is(404);
}

#[tokio::test]
async fn a_name_that_no_branch_has_is_refused() {
    let world = World::new().await;
    world.service("shop").await;
    for name in ["a b", "a\nb", &"x".repeat(251)] {
        let body = json!({ "image": ":1", "branch": name });
        let refused = world.call("POST", "/api/v1/services/shop/versions", body).await.json();
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("is no name of a branch"), "{detail}");
    }
    let made = world.get("/api/v1/services/shop/versions").await.is(200).json();
    assert_eq!(made["items"], json!([]));
}
