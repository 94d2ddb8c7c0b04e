//! Payloads compared with samples: the same keys, and values of the same types.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ground, until};

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
    serde_json::from_str(&text).unwrap()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Where two payloads differ in shape. Maps with free keys are not looked into; of lists the first elements
/// stand for all.
fn differences(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            if ["/env", "/labels", "/attributes"].iter().any(|free| path.ends_with(free)) {
                return;
            }
            for key in ours.keys().filter(|key| !theirs.contains_key(*key)) {
                found.push(format!("{path}/{key} is not in the sample"));
            }
            for (key, theirs) in theirs {
                match ours.get(key) {
                    Some(ours) => differences(ours, theirs, &format!("{path}/{key}"), found),
                    None => found.push(format!("{path}/{key} is in the sample alone")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                differences(ours, theirs, &format!("{path}/0"), found);
            }
        }
        _ if kind(ours) != kind(theirs) => {
            found.push(format!("{path} is {}, and {} in the sample", kind(ours), kind(theirs)));
        }
        _ => {}
    }
}

/// Asserts that a payload has the shape of a sample, but for what is said to differ.
#[track_caller]
fn assert_like(ours: &Value, name: &str, but: &[&str]) {
    let mut found = Vec::new();
    differences(ours, &sample(name), "", &mut found);
    found.retain(|difference| !but.iter().any(|known| difference.starts_with(known)));
    assert!(found.is_empty(), "{name}: {found:#?}\n{ours}");
}

/// Nothing beside what the sample has, which may have more.
#[track_caller]
fn assert_part_of(ours: &Value, name: &str, but: &[&str]) {
    let mut found = Vec::new();
    differences(ours, &sample(name), "", &mut found);
    found.retain(|difference| {
        !difference.ends_with("is in the sample alone")
            && !but.iter().any(|known| difference.starts_with(known))
    });
    assert!(found.is_empty(), "{name}: {found:#?}\n{ours}");
}

/// Every event of a stream so far.
async fn read_events(stream: &mut reqwest::Response, events: &mut Vec<Value>, last: &str) {
    let mut rest = String::new();
    while !events.iter().any(|event| event["eventType"] == last) {
        let piece = stream.chunk().await.unwrap().expect("the stream goes on");
        rest.push_str(std::str::from_utf8(&piece).unwrap());
        while let Some((frame, after)) = rest.split_once("\r\n\r\n") {
            let data = frame.split("data: ").nth(1);
            events.extend(data.map(|data| serde_json::from_str(data).unwrap()));
            rest = after.to_owned();
        }
    }
}

async fn listen(ground: &Ground) -> reqwest::Response {
    let call = ground.client.get(format!("{}/v2/events", ground.standin.url()));
    call.header("accept", "text/event-stream").send().await.unwrap()
}

/// The sample's request with an image and a folder that are there.
fn request(ground: &Ground, folder: &Path) -> Value {
    let mut app = sample("app_create_request.json");
    app["container"]["docker"]["image"] = ground.image.0.clone().into();
    app["container"]["docker"]["forcePullImage"] = json!(false);
    app["container"]["volumes"][0]["hostPath"] = folder.to_str().unwrap().into();
    app["taskKillGracePeriodSeconds"] = json!(1);
    app
}

#[tokio::test]
async fn docker_standin_tells_apps_as_the_samples_do() {
    let ground = Ground::of("1.9.73").await;
    let folder = tempfile::tempdir().unwrap();
    let app = request(&ground, folder.path());
    let mut stream = listen(&ground).await;

    let (status, created) = ground.call("POST", "/v2/apps", Some(&app)).await;
    assert_eq!(status, 201, "{created}");
    assert_like(&created, "app_create_response.json", &[]);
    assert_eq!(created["container"]["portMappings"][0]["servicePort"], 0);
    assert_like(&ground.get("/v2/deployments").await, "deployments.json", &[]);
    let (status, exists) = ground.call("POST", "/v2/apps", Some(&app)).await;
    assert_eq!((status, exists), (409, sample("error_409_exists.json")));
    let (status, locked) = ground.call("DELETE", "/v2/apps/shop/web-green?force=false", None).await;
    assert_eq!(status, 409);
    assert_like(&locked, "error_409_locked.json", &[]);
    assert_eq!(locked["message"], sample("error_409_locked.json")["message"]);
    ground.settled().await;

    // Nothing has failed here.
    let never = ["/app/lastTaskFailure"];
    assert_like(&ground.get("/v2/apps/shop/web-green").await, "app_get.json", &never);
    let list =
        ground.get("/v2/apps?embed=apps.tasks&embed=apps.counts&embed=apps.deployments").await;
    assert_like(&list, "app_list_embed_tasks.json", &[]);
    assert_like(&ground.get("/v2/apps/shop/web-green/versions").await, "app_versions.json", &[]);
    assert_like(&ground.get("/v2/apps/shop/web-green/tasks").await, "app_tasks.json", &[]);
    assert_like(&ground.get("/v2/tasks").await, "tasks.json", &[]);
    assert_like(&ground.get("/v2/groups/shop").await, "group_get.json", &[]);
    assert_part_of(&ground.get("/v2/info").await, "info.json", &["/marathon_config/mesos_role"]);
    assert_like(&ground.get("/v2/leader").await, "leader.json", &[]);

    let task = ground.tasks("/shop/web-green").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v2/apps/shop/web-green/tasks/{task}");
    let (_, killed) = ground.call("DELETE", &path, None).await;
    assert_like(&killed, "task_killed_response.json", &[]);
    let (_, deployment) = ground.call("DELETE", "/v2/apps/shop/web-green", None).await;
    assert_like(&deployment, "deployment_result.json", &[]);

    let mut events = Vec::new();
    read_events(&mut stream, &mut events, "app_terminated_event").await;
    for kind in [
        "event_stream_attached",
        "api_post_event",
        "group_change_success",
        "group_change_failed",
        "deployment_info",
        "add_health_check_event",
        "deployment_step_success",
        "status_update_event",
        "instance_changed_event",
        "health_status_changed_event",
        "instance_health_changed_event",
        "deployment_success",
        "deployment_failed",
        "remove_health_check_event",
        "app_terminated_event",
    ] {
        let event = events.iter().find(|event| event["eventType"] == kind);
        let event = event.unwrap_or_else(|| panic!("no {kind} in {events:#?}"));
        assert_like(event, &format!("events/{kind}.json"), &[]);
    }
    let of_create: Vec<&str> = events
        .iter()
        .map(|event| event["eventType"].as_str().unwrap())
        .filter(|kind| !kind.starts_with("deployment_failed") && *kind != "group_change_failed")
        .take(6)
        .collect();
    assert_eq!(
        of_create,
        [
            "event_stream_attached",
            "api_post_event",
            "group_change_success",
            "deployment_info",
            "add_health_check_event",
            "deployment_step_success",
        ]
    );
}

#[tokio::test]
async fn docker_standin_tells_mesos_as_the_samples_do() {
    let ground = Ground::of("1.11").await;
    ground.create(&ground.app("/shop/web", 1)).await;
    ground.settled().await;
    let get = async |path: &str| -> Value {
        let url = format!("{}{path}", ground.standin.mesos_url());
        ground.client.get(url).send().await.unwrap().json().await.unwrap()
    };
    // What is on offer is not told: nothing is, most of the time. Marathon labels nothing here.
    let offers = |at: &str| {
        vec![format!("{at}/offered_resources/ports"), format!("{at}/offered_resources_full")]
    };
    let mut slaves = get("/slaves").await;
    // The one that the task is on stands for both.
    let busy = slaves["slaves"]
        .as_array()
        .unwrap()
        .iter()
        .position(|slave| slave["used_resources"].get("ports").is_some());
    slaves["slaves"].as_array_mut().unwrap().swap(0, busy.unwrap());
    let but =
        [offers("/slaves/0"), vec!["/slaves/0/used_resources_full/0/allocation_info".to_owned()]]
            .concat();
    let but: Vec<&str> = but.iter().map(String::as_str).collect();
    assert_like(&slaves, "mesos_slaves.json", &but);
    assert_part_of(&get("/state").await, "mesos_state.json", &["/slaves/0/used_resources/ports"]);
    assert_part_of(&get("/state-summary").await, "mesos_state_summary.json", &[]);
}

#[tokio::test]
async fn docker_standin_says_what_waits_as_the_samples_do() {
    for (version, name) in [("1.9.73", "queue.json"), ("1.3.9", "queue_1_3.json")] {
        let ground = Ground::of(version).await;
        let folder = tempfile::tempdir().unwrap();
        let mut app = request(&ground, folder.path());
        app["cpus"] = json!(64);
        if version == "1.3.9" {
            let mut old = ground.app("/shop/web-green", 1);
            old["cpus"] = json!(64);
            app = old;
        }
        ground.create(&app).await;
        let queue = until("something that waits", async || {
            let queue = ground.get("/v2/queue").await;
            (!queue["queue"].as_array().unwrap().is_empty()).then_some(queue)
        })
        .await;
        // How each version tells an app is looked at elsewhere.
        assert_like(&queue, name, &["/queue/0/app"]);
    }
}

#[tokio::test]
async fn docker_standin_refuses_as_the_samples_do() {
    let ground = Ground::of("1.9.73").await;
    let broken = ground.client.post(format!("{}/v2/apps", ground.standin.url())).body("{");
    let broken: Value = broken.send().await.unwrap().json().await.unwrap();
    assert_like(&broken, "error_400_syntax.json", &[]);
    let (status, wrong) =
        ground.call("POST", "/v2/apps", Some(&json!({ "id": 7, "cmd": "ls" }))).await;
    assert_eq!((status, wrong), (400, sample("error_400.json")));
    for (method, path, name) in [
        ("GET", "/v2/apps//shop/nope", "error_404_app.json"),
        ("GET", "/v2/groups/nope", "error_404_group.json"),
        (
            "DELETE",
            "/v2/deployments/5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43",
            "error_404_deployment.json",
        ),
    ] {
        assert_eq!(ground.call(method, path, None).await, (404, sample(name)), "{path}");
    }
    let unknown = ground.call("GET", "/v2/nothing", None).await;
    assert_eq!(unknown, (500, sample("error_500_no_route.json")));
    for (version, name) in [
        ("1.9.73", "error_422.json"),
        ("0.15.3", "error_422_0_15.json"),
        ("0.8.2", "error_422_0_8.json"),
    ] {
        let ground = Ground::of(version).await;
        let mut app = ground.app("/shop/web", 1);
        app["upgradeStrategy"] = json!({ "minimumHealthCapacity": 2 });
        let (status, refused) = ground.call("POST", "/v2/apps", Some(&app)).await;
        assert_eq!(status, 422, "{version}: {refused}");
        assert_like(&refused, name, &[]);
    }
}

#[tokio::test]
async fn docker_standin_tells_of_1_5_what_was_recorded() {
    let ground = Ground::of("1.5.0").await;
    let mut app = ground.app("/pywebserver", 1);
    app["cmd"] = json!("busybox httpd -f -p 8080");
    app["container"]["docker"]["portMappings"][0]["name"] = json!("test");
    app["labels"] = json!({ "HAPROXY_GROUP": "external" });
    app.as_object_mut().unwrap().remove("healthChecks");
    app.as_object_mut().unwrap().remove("taskKillGracePeriodSeconds");
    ground.create(&app).await;
    ground.settled().await;
    let list = ground.get("/v2/apps?embed=apps.tasks").await;
    assert_like(&list, "app_list_embed_tasks_real_1_5.json", &[]);
}

#[tokio::test]
async fn docker_standin_tells_old_versions_as_the_samples_do() {
    let ground = Ground::of("1.1.2").await;
    let mut stream = listen(&ground).await;
    ground.create(&ground.app("/shop/web-green", 1)).await;
    assert_like(&ground.get("/v2/deployments").await, "deployments_1_1.json", &[]);
    ground.settled().await;
    ground.call("DELETE", "/v2/apps/shop/web-green", None).await;
    let mut events = Vec::new();
    read_events(&mut stream, &mut events, "app_terminated_event").await;
    let info = events.iter().find(|event| event["eventType"] == "deployment_info").unwrap();
    assert_like(info, "events/deployment_info_1_1.json", &[]);
    let health = events.iter().find(|event| event["eventType"] == "health_status_changed_event");
    assert_like(health.unwrap(), "events/health_status_changed_event_1_3.json", &[]);

    let ground = Ground::of("0.8.2").await;
    let answer = ground.call("GET", "/v2/events", None).await;
    assert_eq!(answer.0, 404, "{answer:?}");
    ground.create(&ground.app("/shop/web-green", 1)).await;
    assert_like(&ground.get("/v2/deployments").await, "deployments_0_8.json", &[]);
    ground.settled().await;
    assert_like(&ground.get("/v2/tasks").await, "tasks_legacy_0_7.json", &[]);
    let app = ground.get("/v2/apps/shop/web-green").await["app"].clone();
    assert_eq!(app["container"]["docker"]["network"], "BRIDGE");
    assert!(app.get("networks").is_none() && app.get("versionInfo").is_none(), "{app}");
}

#[tokio::test]
async fn docker_standin_reads_both_forms_of_networks_from_1_5_on() {
    let ground = Ground::of("1.5.6").await;
    let (_, told) = ground.call("POST", "/v2/apps", Some(&ground.app("/shop/old", 0))).await;
    assert_eq!(told["networks"], json!([{ "mode": "container/bridge" }]));
    assert_eq!(told["container"]["portMappings"][0]["containerPort"], 8080);
    assert!(told["container"]["docker"].get("network").is_none(), "{told}");
    let mut mixed = ground.app("/shop/mixed", 0);
    mixed["networks"] = json!([{ "mode": "container/bridge" }]);
    assert_eq!(ground.call("POST", "/v2/apps", Some(&mixed)).await.0, 422);
    let mut none = ground.app("/shop/none", 0);
    none["container"]["docker"]["network"] = json!("NONE");
    assert_eq!(ground.call("POST", "/v2/apps", Some(&none)).await.0, 422);
}
