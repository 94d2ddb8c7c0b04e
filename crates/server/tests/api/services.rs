//! Creating services, and changing their settings.

use serde_json::{Value, json};

use crate::world::{World, eventually, spec};

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

#[tokio::test]
async fn a_dry_run_changes_nothing_and_is_refused_as_the_real_one() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let before = world.kept().await;
    let mut taken = body("blog");
    taken["service"]["hosts"] = json!(["blog.example.com", "shop.example.com"]);
    let mut senseless = body("blog");
    senseless["service"]["replicas"] = json!(0);
    senseless["service"]["port"] = json!(0);
    let mut changed = body("shop");
    changed["service"]["replicas"] = json!(3);
    let put = async |query: &str, body: &Value| {
        let name = body["service"]["name"].as_str().unwrap();
        let path = format!("/api/v1/services/{name}{query}");
        let answer = world.call("PUT", &path, body.clone()).await;
        let mut told = answer.json();
        // Which settings the service has now is another matter.
        told.as_object_mut().unwrap().remove("changed_at");
        (answer.status.as_u16(), told.to_string())
    };
    let bodies = [taken, senseless, body("shop"), changed, body("blog")];
    let mut told = Vec::new();
    for body in &bodies {
        told.push(put("?dry_run=true", body).await);
    }
    assert_eq!(world.kept().await, before);
    for (body, told) in bodies.iter().zip(&told) {
        assert_eq!(put("", body).await, *told);
    }
    assert_eq!(
        told.iter().map(|(status, _)| *status).collect::<Vec<_>>(),
        [409, 422, 200, 200, 200]
    );
    assert!(told[0].1.contains("shop.example.com belongs to the service shop"), "{}", told[0].1);
}

#[tokio::test]
async fn of_two_that_change_what_both_have_seen_one_is_told() {
    let world = World::without_edge().await;
    world.service("shop").await;
    let path = "/api/v1/services/shop";
    let seen = world.get(path).await.is(200);
    let tag = seen.header("etag").to_owned();
    let mut mine = seen.json()["spec"].clone();
    let mut theirs = mine.clone();
    mine["service"]["replicas"] = json!(3);
    theirs["env"] = json!({ "LOG_LEVEL": "debug" });
    let put = async |body: &Value, tag: &str| {
        world.call_with("PUT", path, body.clone(), &[("if-match", tag)]).await
    };
    let put_theirs = put(&theirs, &tag).await.is(200).json();
    assert_eq!(put_theirs["outcome"], "changed");
    let refused = put(&mine, &tag).await.tells(412, "changed");
    assert!(refused["detail"].as_str().unwrap().contains("nothing was saved"), "{refused}");
    // What is there already overwrites nothing.
    assert_eq!(put(&theirs, &tag).await.is(200).json()["outcome"], "unchanged");
    let now = world.get(path).await.is(200);
    assert_eq!(
        (&now.json()["spec"], &now.json()["changed_at"]),
        (&theirs, &put_theirs["changed_at"])
    );
    let newer = now.header("etag").to_owned();
    assert_eq!(newer, format!("{:?}", put_theirs["changed_at"].as_str().unwrap()));
    assert_eq!(put(&mine, &newer).await.is(200).json()["outcome"], "changed");

    put(&mine, "W/\"7\"").await.tells(400, "malformed");
    let other = "/api/v1/services/blog";
    let created = world.call_with("PUT", other, body("blog"), &[("if-match", &newer)]).await;
    created.tells(404, "not-found");
}

#[tokio::test]
async fn no_service_takes_a_hostname_of_a_preview() {
    let world = World::without_edge().await;
    let domain = world.app.settings.preview_domain.clone();
    for host in [format!("v1.shop.{domain}"), format!("v20.nobody.{domain}")] {
        let mut taken = body("blog");
        taken["service"]["hosts"] = json!(["blog.example.com", host]);
        let created = world.call("POST", "/api/v1/services", taken.clone()).await;
        created.tells(422, "invalid");
        for query in ["", "?dry_run=true"] {
            let path = format!("/api/v1/services/blog{query}");
            let put = world.call("PUT", &path, taken.clone()).await;
            put.tells(422, "invalid");
            let told = put.json()["detail"].as_str().unwrap().to_owned();
            assert!(told.contains(&host) && told.contains("kept for previews"), "{told}");
        }
    }
    world.get("/api/v1/services/blog").await.is(404);
    let mut allowed = body("blog");
    allowed["service"]["hosts"] = json!([format!("blog.{domain}"), format!("www.blog.{domain}")]);
    world.call("POST", "/api/v1/services", allowed).await.is(201);
}

#[tokio::test]
async fn a_commit_or_branch_that_is_empty_was_not_given() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    let body = json!({ "image": ":1", "commit": "", "branch": " " });
    let path = format!("/api/v1/services/{shop}/versions");
    let launched = world.call("POST", &path, body).await.is(202).json();
    assert_eq!((launched.get("commit"), launched.get("branch")), (None, None), "{launched}");
}

#[tokio::test]
async fn a_service_is_deleted_with_everything_only_when_that_is_said() {
    let world = World::new().await;
    let shop = world.service("shop").await;
    let number = world.ready(&shop, "1").await;
    let path = format!("/api/v1/services/{shop}");
    let deploy = json!({ "version": number });
    world.call("POST", &format!("{path}/deployments"), deploy.clone()).await.is(200);

    let refused = world.call("DELETE", &path, None).await.tells(409, "refused");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("still in use") && detail.contains("launcher delete shop"), "{detail}");
    world.call("DELETE", &format!("{path}?destroy=perhaps"), None).await.tells(400, "malformed");

    world.call("DELETE", &format!("{path}?destroy=true"), None).await.is(202);
    let late = world.call("POST", &format!("{path}/versions"), json!({ "image": ":2" })).await;
    assert!([404, 409].contains(&late.status.as_u16()), "{}", late.text());
    eventually("it is gone", async || world.get(&path).await.status == 404).await;
    assert!(world.fake.containers().is_empty());
    world.call("DELETE", &format!("{path}?destroy=true"), None).await.tells(404, "not-found");
    let history = world.get("/api/v1/deployments").await.is(200).json();
    let offline = &history["items"][0];
    assert_eq!((&offline["kind"], &offline["to"]), (&json!("offline"), &json!({})));
    assert_eq!(offline["state"], "done");
}

#[tokio::test]
async fn a_service_that_is_being_deleted_says_so_and_takes_nothing() {
    let world = World::without_edge().await;
    let shop = world.service("shop").await;
    let path = format!("/api/v1/services/{shop}");
    assert_eq!(world.get(&path).await.is(200).json().get("deleting_since"), None);
    let now = world.app.now();
    world.launch(&shop, "1").await;
    assert!(world.app.store.begin_deletion(&shop, "mika", now).await.unwrap());
    let shown = world.get(&path).await.is(200).json();
    assert!(shown["deleting_since"].is_string(), "{shown}");
    let mut changed = body("shop");
    changed["service"]["replicas"] = json!(3);
    for (method, path, body) in [
        ("PUT", path.clone(), changed),
        ("POST", format!("{path}/versions"), json!({ "image": ":2" })),
    ] {
        let told = world.call(method, &path, body).await.tells(409, "refused");
        assert_eq!(told["detail"], "the service shop is being deleted");
    }
}

#[tokio::test]
async fn a_path_leads_to_a_service_that_is_there_and_stays() {
    let world = World::without_edge().await;
    let mut shop = body("shop");
    shop["paths"] = json!({ "/api": "api", "/img": { "service": "api", "strip": true } });
    let put = async |query: &str, body: &Value| {
        let path = format!("/api/v1/services/shop{query}");
        world.call("PUT", &path, body.clone()).await
    };
    for refused in [
        world.call("POST", "/api/v1/services", shop.clone()).await,
        put("", &shop).await,
        put("?dry_run=true", &shop).await,
    ] {
        assert_eq!(
            refused.tells(409, "refused")["detail"],
            "/api of shop is to be answered by the service api, which does not exist; apply that one \
             first (`launcher apply` with its launcher.toml)"
        );
    }
    world.service("api").await;
    let told = put("", &shop).await.is(200).json();
    let changes = told["changes"].as_array().unwrap();
    let changes: Vec<_> = changes.iter().filter_map(|change| change["path"].as_str()).collect();
    assert!(changes.contains(&"paths./img.strip"), "{told}");

    for query in ["", "?destroy=true"] {
        let path = format!("/api/v1/services/api{query}");
        assert_eq!(
            world.call("DELETE", &path, None).await.tells(409, "refused")["detail"],
            "api answers /api of shop, /img of shop; take that out of [paths] there and `launcher apply` \
             it first"
        );
    }
    put("", &body("shop")).await.is(200);
    world.call("DELETE", "/api/v1/services/api", None).await.is(204);
    world.call("DELETE", "/api/v1/services/api", None).await.tells(404, "not-found");

    let api = world.service("api").await;
    world.launch(&api, "1").await;
    let now = world.app.now();
    assert!(world.app.store.begin_deletion(&api, "mika", now).await.unwrap());
    let refused = put("", &shop).await.tells(409, "refused");
    assert!(refused["detail"].as_str().unwrap().ends_with("which is being deleted"), "{refused}");
}
