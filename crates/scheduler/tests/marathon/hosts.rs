//! Hosts, as masters of Mesos tell them.

use std::sync::Arc;

use launcher_scheduler::marathon::Config;
use launcher_scheduler::{Error, Scheduler};
use serde_json::{Value, json};

use crate::master::{Master, Reply, Seen, config, driver, info, nothing};

fn sample(name: &str) -> Value {
    let path = format!("{}/tests/marathon/samples/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn mesos(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path()) {
        ("GET", "/master/slaves") => Reply::Json(200, sample("mesos_slaves.json")),
        ("GET", "/master/state-summary") => {
            let mut told = sample("mesos_state_summary.json");
            told["slaves"][0]["TASK_RUNNING"] = json!(3);
            Reply::Json(200, told)
        }
        ("POST", "/api/v1") => Reply::Text(202, "text/plain", String::new()),
        _ => Reply::Text(404, "text/plain", String::new()),
    }
}

#[tokio::test]
async fn hosts_are_asked_of_the_master_that_leads() {
    let leader = Arc::new(Master::start(mesos).await);
    let to = leader.address;
    // As Mesos does it: the address has no scheme.
    let follower =
        Master::start(move |seen| Reply::Redirect(307, format!("//{to}{}", seen.target))).await;
    let marathon = Master::start(nothing).await;
    let urls = vec![follower.url()];
    let engine = driver(Config { mesos: urls, ..config(&[&marathon]) });
    let hosts = engine.hosts().await.unwrap();
    let [host] = hosts.as_slice() else { panic!("{hosts:?}") };
    assert_eq!((host.name.as_str(), host.cpus, host.running), ("127.0.0.1", 4, 3));
    assert!(host.usable && !host.closed);
    assert_eq!(host.labels["rack"], "r1");

    engine.set_closed("127.0.0.1", true).await.unwrap();
    engine.set_closed("127.0.0.1", false).await.unwrap();
    let calls: Vec<_> = leader.seen().into_iter().filter(|seen| seen.method == "POST").collect();
    let [call] = calls.as_slice() else { panic!("it is open already: {calls:?}") };
    let id = "5534dd65-f0c4-4aca-8fcf-ec199b5fa89b-S0";
    let expected =
        json!({ "type": "DEACTIVATE_AGENT", "deactivate_agent": { "agent_id": { "value": id } } });
    assert_eq!(call.json(), expected);
    let error = engine.set_closed("nowhere", true).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

#[tokio::test]
async fn an_older_mesos_closes_no_host() {
    let master = Master::start(|seen| match mesos(seen) {
        Reply::Json(status, mut body) => {
            body["slaves"][0]["capabilities"] = json!(["MULTI_ROLE"]);
            Reply::Json(status, body)
        }
        other => other,
    })
    .await;
    let marathon = Master::start(nothing).await;
    let engine = driver(Config { mesos: vec![master.url()], ..config(&[&marathon]) });
    let error = engine.set_closed("127.0.0.1", true).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[tokio::test]
async fn mesos_is_where_marathon_says_it_is() {
    let master = Arc::new(Master::start(mesos).await);
    let told = master.url();
    let marathon = Master::start(move |seen| match seen.path() {
        "/v2/info" => {
            let mut about = info("1.9.73");
            about["marathon_config"]["mesos_leader_ui_url"] = json!(format!("{told}/"));
            Reply::Json(200, about)
        }
        _ => nothing(seen),
    })
    .await;
    assert_eq!(marathon.driver().hosts().await.unwrap().len(), 1);

    let silent = Master::start(nothing).await;
    let error = silent.driver().hosts().await.unwrap_err().to_string();
    assert!(error.contains("mesos = ["), "{error}");
}

#[tokio::test]
async fn a_mesos_that_is_away_is_told_as_such() {
    let gone = Master::start(mesos).await;
    let url = gone.url();
    drop(gone);
    let marathon = Master::start(nothing).await;
    let engine = driver(Config { mesos: vec![url], ..config(&[&marathon]) });
    let error = engine.hosts().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let html = Master::start(|_| Reply::Text(200, "text/html", "<html/>".to_owned())).await;
    let engine = driver(Config { mesos: vec![html.url()], ..config(&[&marathon]) });
    let error = engine.hosts().await.unwrap_err();
    assert!(error.to_string().contains("no master of Mesos"), "{error}");
}
