//! Deployments: locks, ends, reverts, failures, restarts.

use serde_json::{Value, json};

use crate::support::{Ground, until};

#[tokio::test]
async fn docker_standin_deploys_for_ever_what_never_becomes_healthy() {
    let ground = Ground::of("1.11").await;
    let mut app = ground.app("/shop/sick", 1);
    app["healthChecks"][0]["path"] = json!("/nowhere");
    let deployment = ground.create(&app).await;
    until("its container", async || (ground.running().await.len() == 1).then_some(())).await;

    let (status, locked) =
        ground.call("PUT", "/v2/apps/shop/sick", Some(&json!({ "mem": 33 }))).await;
    assert_eq!(status, 409);
    assert_eq!(locked["deployments"], json!([{ "id": deployment }]));
    assert_eq!(
        locked["message"],
        "App is locked by one or more deployments. Override with the option '?force=true'. View details \
         at '/v2/deployments/<DEPLOYMENT_ID>'."
    );
    let listed = ground.get("/v2/deployments").await;
    assert_eq!(listed[0]["currentActions"][0]["action"], "ScaleApplication");
    // Failures within the grace period are no results.
    assert_eq!(ground.get("/v2/apps/shop/sick").await["app"]["tasksUnhealthy"], 0);

    // To revert the first deployment of an app is to remove it.
    let (status, reverting) =
        ground.call("DELETE", &format!("/v2/deployments/{deployment}"), None).await;
    assert_eq!(status, 200);
    assert_ne!(reverting["deploymentId"], deployment.as_str());
    assert_eq!(ground.call("GET", "/v2/apps/shop/sick", None).await.0, 404);
    ground.settled().await;
    assert!(ground.running().await.is_empty());
    let gone =
        ground.call("DELETE", &format!("/v2/deployments/{deployment}?force=true"), None).await;
    assert_eq!(gone.0, 404);
}

#[tokio::test]
async fn docker_standin_force_stops_a_deployment_where_it_is() {
    let ground = Ground::of("1.5.6").await;
    let mut app = ground.app("/shop/sick", 1);
    app["healthChecks"][0]["path"] = json!("/nowhere");
    let deployment = ground.create(&app).await;
    until("its container", async || (ground.running().await.len() == 1).then_some(())).await;
    let path = format!("/v2/deployments/{deployment}?force=true");
    assert_eq!(ground.call("DELETE", &path, None).await, (202, json!("")));
    ground.settled().await;
    ground.assert_running("/shop/sick", 1).await;
}

#[tokio::test]
async fn docker_standin_launches_later_what_fails_again_and_again() {
    let ground = Ground::of("1.9.73").await;
    let mut app = ground.failing_app("/shop/crash");
    app["backoffSeconds"] = json!(30);
    ground.create(&app).await;
    let told = until("a failure", async || {
        let app = ground.get("/v2/apps/shop/crash").await["app"].clone();
        app.get("lastTaskFailure").is_some().then_some(app)
    })
    .await;
    assert_eq!(told["lastTaskFailure"]["state"], "TASK_FAILED");
    assert_eq!(told["lastTaskFailure"]["message"], "Container exited with status 3");
    assert_eq!(told["deployments"].as_array().unwrap().len(), 1);

    let queue = until("its place in the queue", async || {
        let queue = ground.get("/v2/queue").await["queue"].clone();
        (!queue.as_array().unwrap().is_empty()).then_some(queue)
    })
    .await;
    assert_eq!(queue[0]["delay"]["overdue"], false);
    assert!(queue[0]["delay"]["timeLeftSeconds"].as_u64().unwrap() > 20, "{queue}");
    assert!(ground.running().await.is_empty());

    let first = told["lastTaskFailure"]["taskId"].as_str().unwrap().to_owned();
    let (status, _) = ground.call("DELETE", "/v2/queue/shop/crash/delay", None).await;
    assert_eq!(status, 204);
    let second = until("another failure", async || {
        let app = ground.get("/v2/apps/shop/crash").await["app"].clone();
        let task = app["lastTaskFailure"]["taskId"].as_str().unwrap().to_owned();
        (task != first).then_some(task)
    })
    .await;
    // The same instance in its next incarnation.
    assert_eq!(first.strip_suffix("._app.1"), second.strip_suffix("._app.2"), "{first} {second}");
}

#[tokio::test]
async fn docker_standin_kills_what_became_unhealthy_and_replaces_it() {
    let ground = Ground::of("1.4.2").await;
    let mut app = ground.app("/shop/web", 1);
    app["cmd"] = json!(
        "mkdir -p /w && echo well > /w/health && (busybox sleep 3; busybox rm /w/health) & \
         busybox httpd -f -p 8080 -h /w"
    );
    app["healthChecks"][0]["maxConsecutiveFailures"] = json!(2);
    ground.create(&app).await;
    let first = until("a healthy task", async || {
        let app = ground.get("/v2/apps/shop/web").await["app"].clone();
        (app["tasksHealthy"] == 1).then(|| app["tasks"][0]["id"].clone())
    })
    .await;
    until("another task in its place", async || {
        let tasks = ground.tasks("/shop/web").await;
        tasks
            .iter()
            .any(|task| task["id"] != first && task["state"] == "TASK_RUNNING")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn docker_standin_restarts_with_the_old_ones_until_the_new_ones_serve() {
    let ground = Ground::of("1.11").await;
    ground.create(&ground.app("/shop/web", 2)).await;
    ground.settled().await;
    let old = ground.running().await;
    let before = ground.get("/v2/apps/shop/web").await["app"].clone();

    let change = json!({ "env": { "RELEASE": "2" } });
    let (status, _) = ground.call("PUT", "/v2/apps//shop/web?force=False", Some(&change)).await;
    assert_eq!(status, 200);
    let most = until("new ones beside old ones", async || {
        let running = ground.running().await;
        (running.len() > 2).then_some(running)
    })
    .await;
    assert!(old.iter().all(|task| most.contains(task)), "{old:?} {most:?}");
    ground.settled().await;
    ground.assert_running("/shop/web", 2).await;
    assert!(ground.running().await.iter().all(|task| !old.contains(task)));

    let after = ground.get("/v2/apps/shop/web").await["app"].clone();
    let info = |app: &Value, name: &str| app["versionInfo"][name].clone();
    assert_ne!(info(&before, "lastConfigChangeAt"), info(&after, "lastConfigChangeAt"));
    // Service ports stay.
    let port = |app: &Value| app["container"]["portMappings"][0]["servicePort"].clone();
    assert_eq!(port(&before), port(&after));

    // Back to the version before: its definition, and again new tasks.
    let back = json!({ "version": before["version"] });
    assert_eq!(ground.call("PUT", "/v2/apps/shop/web", Some(&back)).await.0, 200);
    ground.settled().await;
    let again = ground.get("/v2/apps/shop/web").await["app"].clone();
    assert!(again.get("env").is_none(), "{again}");
    assert_eq!(
        ground.get("/v2/apps/shop/web/versions").await["versions"].as_array().unwrap().len(),
        3
    );

    let both = json!({ "version": before["version"], "mem": 64 });
    assert_eq!(ground.call("PUT", "/v2/apps/shop/web", Some(&both)).await.0, 422);
}

#[tokio::test]
async fn docker_standin_kills_chosen_tasks_across_apps() {
    let ground = Ground::of("1.4.2").await;
    ground.create(&ground.app("/shop/a", 2)).await;
    ground.create(&ground.app("/shop/b", 1)).await;
    ground.settled().await;
    let chosen = ground.tasks("/shop/a").await[0]["id"].clone();
    let other = ground.tasks("/shop/b").await[0]["id"].clone();
    let body = json!({ "ids": [chosen, other, "shop_a.unknown"] });
    let (status, answer) =
        ground.call("POST", "/v2/tasks/delete?scale=true&wipe=False", Some(&body)).await;
    assert_eq!(status, 200);
    assert!(answer["deploymentId"].is_string(), "{answer}");
    ground.settled().await;
    ground.assert_running("/shop/a", 1).await;
    assert_eq!(ground.get("/v2/apps/shop/b").await["app"]["instances"], 0);
    assert!(!ground.running().await.iter().any(|task| *task == chosen.as_str().unwrap()));

    let nonsense = json!({ "ids": ["nonsense"] });
    assert_eq!(ground.call("POST", "/v2/tasks/delete", Some(&nonsense)).await.0, 400);
    let path = "/v2/tasks/delete?scale=true&wipe=true";
    assert_eq!(ground.call("POST", path, Some(&body)).await.0, 400);
}

#[tokio::test]
async fn docker_standin_deploys_a_group_in_the_order_of_its_dependencies() {
    let ground = Ground::of("1.11").await;
    let mut front = ground.app("front", 1);
    front["dependencies"] = json!(["/shop/db"]);
    let group = json!({ "id": "/shop", "apps": [front, ground.app("db", 1)] });
    let dry = ground.call("PUT", "/v2/groups/shop?dryRun=true", Some(&group)).await;
    let action = |action: &str, app: &str| json!({ "action": action, "app": app });
    assert_eq!(
        dry.1["steps"],
        json!([
            { "actions": [action("StartApplication", "/shop/db"), action("StartApplication", "/shop/front")] },
            { "actions": [action("ScaleApplication", "/shop/db")] },
            { "actions": [action("ScaleApplication", "/shop/front")] },
        ])
    );
    assert_eq!(ground.call("POST", "/v2/groups", Some(&group)).await.0, 201);
    ground.settled().await;
    assert_eq!(ground.running().await.len(), 2);
    assert_eq!(ground.call("POST", "/v2/groups", Some(&group)).await.0, 409);
    let clash = ground.app("/shop", 1);
    assert_eq!(ground.call("POST", "/v2/apps", Some(&clash)).await.0, 422);
    assert_eq!(ground.call("DELETE", "/v2/groups/shop", None).await.0, 200);
    ground.settled().await;
    assert!(ground.running().await.is_empty());
}
