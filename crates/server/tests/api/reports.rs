//! What agents tell.

use jiff::{SignedDuration, Timestamp};
use launcher_model::role::Role;
use serde_json::{Value, json};

use crate::world::World;

const REPORTS: &str = "/api/v1/hosts/a/reports";

async fn world() -> World {
    let mut world = World::without_edge().await;
    world.fake.set_hosts(["a", "b"]);
    world.token = world.token_with("agent of a", Role::Agent).await;
    world
}

fn report(at: Timestamp) -> Value {
    json!({
        "host": "a", "at": at.as_second(),
        "containers": [{
            "container": "4f2a", "service": "shop", "version": 3,
            "usage": {
                "containers": 1, "cpu_us": 420_000, "throttled_us": 0, "memory": 9, "memory_limit": 0,
                "received": 1, "sent": 2, "read": 3, "written": 4, "oom_kills": 0, "restarts": 0,
            },
        }],
        "usage": {
            "cpus": 2, "cpu_us": 500_000, "memory": 1, "memory_total": 2, "received": 0, "sent": 0, "read": 0,
            "written": 0,
        },
    })
}

fn reports(sent_at: Timestamp, reports: &[Value]) -> Value {
    json!({ "sent_at": sent_at, "reports": reports })
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn what_an_agent_tells_is_taken_once() {
    let world = world().await;
    let (first, second) = (report(ago(10)), report(ago(5)));
    let sent = reports(ago(0), &[first.clone(), second.clone()]);
    let taken = world.call("POST", REPORTS, sent.clone()).await.is(200).json();
    assert_eq!(taken, json!({ "taken": 2, "known": 0, "late": 0 }));
    // Its answer was lost.
    let taken = world.call("POST", REPORTS, sent).await.is(200).json();
    assert_eq!(taken, json!({ "taken": 0, "known": 2, "late": 0 }));
    let told = world.told.lock().unwrap();
    assert_eq!(serde_json::to_value(&*told).unwrap(), json!([first, second]));
}

#[tokio::test]
async fn what_comes_too_late_is_said_to() {
    let world = world().await;
    let sent = reports(ago(0), &[report(ago(1000)), report(ago(5))]);
    let taken = world.call("POST", REPORTS, sent).await.is(200).json();
    assert_eq!(taken, json!({ "taken": 1, "known": 0, "late": 1 }));
}

#[tokio::test]
async fn a_host_that_no_engine_has_is_named_with_those_that_it_has() {
    let world = world().await;
    for _ in 0..2 {
        let sent = reports(ago(0), &[]);
        let problem =
            world.call("POST", "/api/v1/hosts/c/reports", sent).await.tells(404, "not-found");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("no host c") && detail.contains("knows a, b"), "{detail}");
    }
    world.call("POST", REPORTS, reports(ago(0), &[])).await.is(200);
}

#[tokio::test]
async fn what_cannot_be_true_is_refused_with_all_that_came_with_it() {
    let world = world().await;
    let mut absurd = report(ago(4));
    absurd["usage"]["cpu_us"] = json!(u64::MAX);
    let sent = reports(ago(0), &[report(ago(5)), absurd]);
    world.call("POST", REPORTS, sent).await.tells(422, "invalid");
    let mut other = report(ago(5));
    other["host"] = json!("b");
    world.call("POST", REPORTS, reports(ago(0), &[other])).await.tells(422, "invalid");
    for strange in [json!({}), json!([]), json!({ "sent_at": "now", "reports": [] })] {
        let status = world.call("POST", REPORTS, strange).await.status.as_u16();
        assert!((400..500).contains(&status), "{status}");
    }
    assert!(world.told.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_so_and_the_server_s_holds() {
    let world = world().await;
    let ahead = SignedDuration::from_mins(10);
    let sent = reports(Timestamp::now() + ahead, &[report(ago(5) + ahead)]);
    let taken = world.call("POST", REPORTS, sent).await.is(200).json();
    assert_eq!(taken["taken"], 1);
    let clock = taken["clock"].as_str().unwrap();
    assert!(clock.contains("s ahead of the server's"), "{clock}");
    let told = world.told.lock().unwrap()[0].at;
    assert!((told - ago(5).as_second()).abs() <= 2, "{told}");
}
