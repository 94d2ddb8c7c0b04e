//! Three edges on three machines, switched as one; and one of them cut off.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use launcher_testkit::machine::host_address;
use launcher_testkit::site::HOST;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Installation, Load, Site};
use reqwest::Method;
use serde_json::{Value, json};

/// Containers are reached at their own addresses, or where the engine publishes them.
async fn site(published: bool) -> Site {
    let program = Path::new(env!("CARGO_BIN_EXE_launcher"));
    let prepare = |installation: &mut Installation| {
        let fault = installation.scratch().join(FAULT);
        installation.set("LAUNCHER_FAULT_FILE", fault.to_str().unwrap());
        if published {
            installation.set("LAUNCHER_DOCKER_PUBLISH", host_address().to_string());
        }
    };
    Site::new(program, prepare).await
}

/// The file that tells the server at which point to pause.
const FAULT: &str = "fault";

async fn edge(site: &Site, name: &str) -> Value {
    let edges = site.api.get("/edges").await;
    let found = edges["items"].as_array().unwrap().iter().find(|edge| edge["name"] == name);
    found.unwrap().clone()
}

async fn becomes(site: &Site, name: &str, state: &str) {
    until(&format!("{name} being {state}"), SOON, || async {
        let edge = edge(site, name).await;
        (edge["state"] == state && edge["behind"] == 0).then_some(())
    })
    .await;
}

/// What an edge answers with now.
async fn serves(site: &Site, machine: usize) -> u64 {
    let url = format!("http://{}/version", site.machines[machine].address);
    let answer = reqwest::Client::new().get(url).header("host", HOST).send().await.unwrap();
    answer.text().await.unwrap().trim().parse().unwrap()
}

async fn switch(site: &Site, loads: &[Load], number: u64) -> Value {
    site.switch(loads, number).await["receipt"].clone()
}

fn end(loads: Vec<Load>) {
    for load in loads {
        let report = load.stop();
        assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
        assert_eq!((report.closed, report.sockets_closed), (0, 0), "{report:?}");
    }
}

fn fenced(receipt: &Value) -> Vec<&str> {
    let edges = receipt["edges"].as_array().unwrap().iter();
    let fenced = edges.filter(|edge| !edge["fenced"].is_null());
    fenced.map(|edge| edge["edge"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_three_edges_switch_as_one() {
    let site = site(false).await;
    let loads = site.begin_loads(3, 2).await;
    let mut skews = Vec::new();
    for round in 0..300 {
        let receipt = switch(&site, &loads, 2 - round % 2).await;
        assert_eq!(receipt["edges"].as_array().unwrap().len(), 3, "{receipt}");
        assert!(fenced(&receipt).is_empty(), "{receipt}");
        skews.push(receipt["skew_us"].as_u64().unwrap());
    }
    end(loads);
    skews.sort_unstable();
    let (median, p99) = (skews[skews.len() / 2], skews[skews.len() * 99 / 100]);
    println!("skew: median {median} µs, p99 {p99} µs, most {} µs", skews[skews.len() - 1]);
    // The tail belongs to whatever else the machine does: the benchmark `switch_skew_p99` measures it.
    assert!(median <= 20_000, "{skews:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_an_edge_that_is_cut_off_stops_nobody_but_itself() {
    let site = site(true).await;
    let loads = site.begin_loads(2, 2).await;
    let west = &site.machines[2];
    let deploy = |number: u64| json!({ "version": number });
    let path = "/services/shop/deployments";
    let fault = site.installation.scratch().join(FAULT);
    let reached = fault.with_extension("reached");

    // In the middle of prepare: nothing is changed anywhere.
    let cut_at = async |point: &str| {
        std::fs::write(&fault, format!("pause {point}")).unwrap();
        until("the point being reached", SOON, || async { reached.exists().then_some(()) }).await;
        west.pull_out();
        std::fs::remove_file(&reached).unwrap();
    };
    let body = deploy(2);
    let (refused, ()) = tokio::join!(
        site.api.try_call(Method::POST, path, Some(&body)),
        cut_at("switch.before_prepare")
    );
    let refused = refused.unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("west"), "{}", refused.body);
    assert_eq!(site.api.live("shop").await, Some(1));
    west.plug_in();
    becomes(&site, "west", "connected").await;
    assert_eq!(serves(&site, 2).await, 1);

    // In the middle of commit: the others switch, and the receipt names it.
    let (receipt, ()) = tokio::join!(switch(&site, &loads, 2), cut_at("switch.decided"));
    assert_eq!(fenced(&receipt), ["west"], "{receipt}");
    west.plug_in();
    becomes(&site, "west", "connected").await;
    assert_eq!(serves(&site, 2).await, 2);

    // For a while.
    west.pull_out();
    until("west being away", SOON, || async {
        (edge(&site, "west").await["state"] == "away").then_some(())
    })
    .await;
    let until_then = Instant::now() + Duration::from_secs(20);
    let mut number = 2;
    while Instant::now() < until_then {
        number = 3 - number;
        let receipt = switch(&site, &loads, number).await;
        assert_eq!(fenced(&receipt), ["west"], "{receipt}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    west.plug_in();
    becomes(&site, "west", "connected").await;
    assert_eq!(serves(&site, 2).await, number);
    let receipt = switch(&site, &loads, 3 - number).await;
    assert!(fenced(&receipt).is_empty(), "{receipt}");
    end(loads);
}
