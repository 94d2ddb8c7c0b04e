//! Creating services, and changing their settings.

use serde_json::{Value, json};

use crate::world::{World, spec};

fn body(name: &str) -> Value {
    serde_json::to_value(spec(name)).unwrap()
}

#[tokio::test]
async fn of_two_that_create_the_same_at_once_one_is_told_that_it_was_there() {
    let world = World::without_edge().await;
    for round in 0..20 {
        let body = body(&format!("shop-{round}"));
        let create = || world.call("POST", "/api/v1/services", body.clone());
        let (one, two) = tokio::join!(create(), create());
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{}", one.text());
        assert_eq!(one.json()["spec"], two.json()["spec"]);
    }
}

#[tokio::test]
async fn of_two_that_create_the_same_name_at_once_one_is_refused() {
    let world = World::without_edge().await;
    for round in 0..20 {
        let name = format!("shop-{round}");
        let create = async |replicas: u16| {
            let mut body = body(&name);
            body["service"]["replicas"] = json!(replicas);
            (replicas, world.call("POST", "/api/v1/services", body).await)
        };
        let (one, two) = tokio::join!(create(1), create(2));
        let (made, refused) = if one.1.status == 201 { (one, two) } else { (two, one) };
        made.1.is(201);
        refused.1.tells(409, "refused");
        let kept = world.get(&format!("/api/v1/services/{name}")).await.is(200).json();
        assert_eq!(kept["spec"]["service"]["replicas"], made.0);
    }
}
