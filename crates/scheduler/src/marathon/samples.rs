//! Every sample of what Marathon and Mesos say is read, and says what it should. Where they come from
//! stands in `tests/marathon/samples/README.md`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::mesos::wire::Agents;
use super::version::Version;
use super::wire::app::{App, Apps, Doing, OneApp, Task, Tasks};
use super::wire::deployment::{Begun, Deployment};
use super::wire::event::Event;
use super::wire::info::{Info, Subscriptions};
use super::wire::queue::Queue;
use super::wire::refusal::Refusal;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/marathon/samples")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn event(name: &str) -> Event {
    read(&format!("events/{name}.json"))
}

const APP: &str = "/shop/web-green";
const DEPLOYMENT: &str = "5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43";

/// A test for each file: what is added is not forgotten.
#[test]
fn no_sample_is_left_out() {
    let tests = include_str!("samples.rs");
    let others = [include_str!("mesos/statistics.rs"), include_str!("mesos.rs")];
    let mut left_out = BTreeSet::new();
    for folder in [folder(), folder().join("events")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let stem = format!("\"{}\"", name.trim_end_matches(".json"));
            let quoted = format!("\"{name}\"");
            let known = [tests, others[0], others[1]];
            let named = known.iter().any(|text| text.contains(&quoted) || text.contains(&stem));
            if path.is_file() && name != "README.md" && !named {
                left_out.insert(name);
            }
        }
    }
    assert_eq!(left_out, BTreeSet::new());
}

#[test]
fn apps_with_their_tasks() {
    let app = read::<OneApp>("app_get.json").app;
    assert_eq!((app.id.as_str(), app.instances), (APP, 2));
    assert_eq!((app.cpus, app.mem, app.tasks_running), (0.25, 256.0, 2));
    assert_eq!(app.labels["deploy.colour"], "green");
    assert_eq!(app.health_checks.len(), 1);
    assert_eq!(app.version.unwrap().to_string(), "2020-09-14T10:21:07.413Z");
    assert_eq!(app.tasks[1].ports, [31320]);
    assert_eq!(app.tasks[1].doing(), Doing::Running);
    let alive: Vec<_> =
        app.tasks.iter().map(|task| task.health_check_results[0].as_ref().unwrap().alive).collect();
    assert_eq!(alive, [true, false]);
    let failure = app.last_task_failure.unwrap();
    assert_eq!(
        (failure.message.as_str(), failure.state.as_str()),
        ("Container exited with status 1", "TASK_FAILED")
    );
    assert_eq!(failure.task_id, app.tasks[1].id);

    let app = read::<OneApp>("app_get_deploying.json").app;
    assert_eq!(app.deployments[0].id, DEPLOYMENT);
    assert_eq!(app.tasks[1].doing(), Doing::Starting);
    assert_eq!((app.tasks[1].started_at, app.tasks[1].health_check_results.len()), (None, 0));
}

#[test]
fn lists_of_apps() {
    let apps = read::<Apps>("app_list.json").apps;
    let ids: Vec<_> = apps.iter().map(|app| app.id.as_str()).collect();
    assert_eq!(ids, ["/shop/web-blue", APP]);
    assert!(apps.iter().all(|app| app.tasks.is_empty() && app.tasks_running == 2));
    let apps = read::<Apps>("app_list_embed_tasks.json").apps;
    assert_eq!(apps.iter().map(|app| app.tasks.len()).sum::<usize>(), 2);
    let apps = read::<Apps>("app_list_embed_tasks_real_1_5.json").apps;
    assert_eq!((apps[0].tasks[0].host.as_str(), apps[0].tasks[0].ports[0]), ("10.0.2.148", 1565));
    // `null` is what is missing.
    let apps = read::<Apps>("raml_app_list.json").apps;
    assert_eq!((apps[0].id.as_str(), apps[0].cpus), ("/myapp", 0.1));
    assert!(apps[0].health_checks.is_empty());

    let group: Value = read("group_get.json");
    let apps: Vec<App> = serde_json::from_value(group["apps"].clone()).unwrap();
    assert_eq!(apps.len(), 2);
    let group: Value = read("raml_group.json");
    let apps: Vec<App> = serde_json::from_value(group["groups"][0]["apps"].clone()).unwrap();
    assert_eq!(apps[1].instances, 5);
}

#[test]
fn bodies_of_calls_are_apps_too() {
    for name in [
        "app_create_request.json",
        "app_create_request_legacy.json",
        "app_create_request_host_cmd.json",
    ] {
        let app: App = read(name);
        assert!(app.id.starts_with('/') && app.instances > 0, "{name}");
    }
    let flat: App = read("app_create_request_v0_3.json");
    assert!(!flat.id.starts_with('/'));
    let scale: Value = read("app_scale_request.json");
    assert_eq!(scale["instances"], 4);
    let rollback: Value = read("app_rollback_request.json");
    assert!(rollback["version"].is_string());
    let kill: Value = read("tasks_kill_request.json");
    assert_eq!(kill["ids"].as_array().unwrap().len(), 1);
    let versions: Value = read("app_versions.json");
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
}

#[test]
fn tasks_of_all_ages() {
    for name in ["app_tasks.json", "tasks.json"] {
        let tasks = read::<Tasks>(name).tasks;
        assert_eq!(tasks.len(), 2, "{name}");
        assert!(tasks.iter().all(|task| task.doing() == Doing::Running && task.ports.len() == 1));
    }
    let tasks = read::<Tasks>("tasks_legacy_0_7.json").tasks;
    assert_eq!((tasks[0].state.as_deref(), tasks[0].doing()), (None, Doing::Running));
    assert!(tasks[0].health_check_results[0].as_ref().unwrap().alive);
    assert_eq!(read::<Tasks>("raml_app_tasks.json").tasks[0].doing(), Doing::Starting);
    assert_eq!(read::<Tasks>("raml_tasks.json").tasks[1].host, "srv2.example.com");
    let killed: Value = read("task_killed_response.json");
    let killed: Task = serde_json::from_value(killed["task"].clone()).unwrap();
    assert_eq!(killed.slave_id, "b5a1c1de-51d3-4c4a-8d6e-6d1f9f3a2c11-S0");
}

#[test]
fn deployments_of_all_ages() {
    for name in ["deployments.json", "deployments_1_1.json", "deployments_0_8.json"] {
        let all: Vec<Deployment> = read(name);
        assert_eq!(
            (all[0].id.as_str(), all[0].affected_apps.as_slice()),
            (DEPLOYMENT, [APP.to_owned()].as_slice()),
            "{name}"
        );
        assert!(all[0].affected_pods.is_empty());
    }
    assert_eq!(read::<Vec<Deployment>>("raml_deployments.json")[0].affected_pods, ["/bla"]);
    for name in ["deployment_result.json", "app_create_response.json"] {
        assert_eq!(read::<Begun>(name).id().as_deref(), Some(DEPLOYMENT), "{name}");
    }
}

#[test]
fn what_waits_and_why() {
    let queued = read::<Queue>("queue.json").queue.remove(0);
    assert_eq!((queued.count, queued.delay.overdue), (1, true));
    let offers = queued.processed_offers_summary.as_ref().unwrap();
    assert_eq!(offers.processed_offers_count, 12);
    let stage = &offers.reject_summary_last_offers[4];
    assert_eq!(
        (stage.reason.as_str(), stage.declined, stage.processed),
        ("InsufficientCpus", 1, 1)
    );
    let app = queued.app.as_ref().unwrap();
    assert_eq!(
        super::reasons::sentence(app, Some(&queued), None, 0).unwrap(),
        "no host has 0.25 CPUs free (3 hosts looked at, 2 of them ruled out before)"
    );

    for (name, offers) in [("queue_backoff.json", true), ("queue_1_3.json", false)] {
        let queued = read::<Queue>(name).queue.remove(0);
        assert_eq!((queued.delay.time_left_seconds, queued.delay.overdue), (47, false), "{name}");
        assert_eq!(queued.processed_offers_summary.is_some(), offers, "{name}");
        let told = super::reasons::sentence(queued.app.as_ref().unwrap(), Some(&queued), None, 3);
        assert_eq!(told.unwrap(), "starts again in 47 s after it failed 3 times");
    }
    let queue = read::<Queue>("raml_queue.json").queue;
    let told = super::reasons::sentence(queue[1].app.as_ref().unwrap(), Some(&queue[1]), None, 0);
    assert_eq!(
        told.unwrap(),
        "no host has the disk space free that it needs (123 hosts looked at)"
    );
}

#[test]
fn the_server_says_what_it_is() {
    let info: Info = read("info.json");
    assert_eq!(Version::read(&info.version), Version::read("1.9.73"));
    assert_eq!(info.marathon_config.mesos_leader_ui_url.as_deref(), Some("http://localhost:5050/"));
    assert_eq!(info.marathon_config.master.as_deref(), Some("zk://localhost:2181/mesos"));
    assert!(Version::read(&read::<Info>("raml_info.json").version).unwrap().has_networks());
    let leader: Value = read("leader.json");
    assert_eq!(leader["leader"], "10.0.1.5:8080");
    let told: Subscriptions = read("event_subscriptions.json");
    assert_eq!(told.callback_urls, ["http://10.0.9.9:7070/marathon/events"]);
}

#[test]
fn refusals_are_put_into_words() {
    for (name, words) in [
        ("error_400.json", "Invalid JSON: /id: error.expected.jsstring"),
        (
            "error_400_syntax.json",
            "Invalid JSON: Unexpected end-of-input: expected close marker for Object",
        ),
        ("error_401.json", "Invalid username or password."),
        ("error_403.json", "Not Authorized to perform this action!"),
        ("error_404_app.json", "App '/shop/nope' does not exist"),
        (
            "error_404_deployment.json",
            "DeploymentPlan 5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43 does not exist",
        ),
        ("error_404_group.json", "Group '/nope' does not exist"),
        ("error_404_task.json", "Task 'shop_web-green.nope' does not exist"),
        ("error_409_exists.json", "An app with id [/shop/web-green] already exists."),
        (
            "error_422.json",
            "Object is not valid: /upgradeStrategy/minimumHealthCapacity: is greater than 1; /container/docker/image: must not be empty",
        ),
        ("error_422_0_15.json", "Object is not valid: upgradeStrategy: is greater than 1"),
        (
            "error_422_0_8.json",
            "Bean is not valid: upgradeStrategy.minimumHealthCapacity: is greater than 1",
        ),
        ("error_500_no_route.json", "URI not found"),
    ] {
        let refusal = Refusal::read(&bytes(name)).unwrap();
        assert_eq!(refusal.words(), words, "{name}");
        assert!(refusal.locks().is_empty(), "{name}");
    }
    let many = Refusal::read(&bytes("error_403_max_deployments.json")).unwrap();
    assert!(many.words().starts_with("Max number (100)"));
    assert_eq!(Refusal::read(&bytes("error_409_locked.json")).unwrap().locks(), [DEPLOYMENT]);
}

#[test]
fn events_are_reasons_to_look() {
    let ours = [
        "add_health_check_event",
        "deployment_failed",
        "deployment_info",
        "deployment_info_1_1",
        "deployment_step_failure",
        "deployment_step_success",
        "deployment_success",
        "deployment_success_heavy_1_4",
        "failed_health_check_event",
        "health_status_changed_event",
        "health_status_changed_event_1_3",
        "instance_changed_event",
        "instance_health_changed_event",
        "remove_health_check_event",
        "status_update_event",
        "status_update_event_killed",
        "unhealthy_instance_kill_event",
        "unhealthy_task_kill_event_1_3",
        "unknown_instance_terminated_event",
    ];
    for name in ours {
        let told = event(name);
        assert!(name.starts_with(told.event_type.as_str()), "{name}");
        assert!(told.concerns(APP), "{name}");
        assert!(!told.concerns("/launcher-x/"), "{name}");
        assert_eq!(told.ended().is_some(), name == "status_update_event_killed", "{name}");
    }
    let others = [
        "api_post_event",
        "event_stream_attached",
        "event_stream_detached",
        "framework_message_event",
        "group_change_failed",
        "group_change_success",
        "scheduler_disconnected_event",
        "scheduler_registered_event",
        "subscribe_event",
        "unsubscribe_event",
    ];
    for name in others {
        let told = event(name);
        assert_eq!(told.event_type, name);
        assert!(!told.concerns("/"), "{name}");
    }
    assert_eq!(event("app_terminated_event").app(), Some("/shop/web-blue"));
    // Flat ids, numbers for states.
    for name in ["status_update_event_0_3", "status_update_event_0_5"] {
        assert_eq!(event(name).app(), Some("shop-web-green"), "{name}");
    }
}

#[tokio::test]
async fn streams_of_events_of_all_ages() {
    use futures_util::{StreamExt, stream};
    for (name, first, count) in [
        ("events.txt", "event_stream_attached", 17),
        ("events_0_9.txt", "event_stream_attached", 3),
        ("raml_events.txt", "event_stream_attached", 3),
    ] {
        let body = bytes(name);
        // One byte after the other, as the worst of networks brings them.
        let pieces = stream::iter(
            body.into_iter().map(|b| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b]))),
        );
        let frames: Vec<_> =
            sse_stream::SseByteStream::new(pieces).map(|frame| frame.unwrap()).collect().await;
        let events: Vec<Event> = frames
            .iter()
            .map(|frame| serde_json::from_str(frame.data.as_ref().unwrap()).unwrap())
            .collect();
        assert_eq!(events[0].event_type, first, "{name}");
        assert_eq!(events.len(), count, "{name}");
        for (frame, event) in frames.iter().zip(&events) {
            assert!(frame.event.as_ref().is_none_or(|kind| *kind == event.event_type), "{name}");
        }
    }
}

#[test]
fn mesos_says_what_there_is() {
    for name in [
        "mesos_slaves.json",
        "mesos_slaves_idle.json",
        "mesos_state.json",
        "mesos_state_summary.json",
    ] {
        let agents: Agents = read(name);
        let [agent] = agents.slaves.as_slice() else { panic!("{name}: {agents:?}") };
        assert_eq!((agent.hostname.as_str(), agent.resources.mem), ("127.0.0.1", 8192.0), "{name}");
        assert!(agents.recovered_slaves.is_empty());
    }
    let metrics: Value = read("mesos_metrics_snapshot.json");
    assert!(metrics.as_object().unwrap().values().all(Value::is_number));
    let tasks: Value = read("mesos_tasks.json");
    assert_eq!(tasks["tasks"][0]["state"], "TASK_STAGING");
    let agent: Value = read("mesos_agent_state.json");
    assert!(agent["frameworks"][0]["executors"][0]["directory"].is_string());
    let events = String::from_utf8(bytes("mesos_scheduler_events.jsonl")).unwrap();
    assert!(events.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let redirect = String::from_utf8(bytes("mesos_redirect_307.txt")).unwrap();
    let place = redirect.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
    let asked = reqwest::Url::parse("http://10.0.0.7:5050/master/redirect").unwrap();
    assert_eq!(asked.join(place).unwrap().as_str(), "http://127.0.0.1:15050/");
}
