//! Checks as monitoring runs them: what they say of a server's answers, and that Nagios understands it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli_support;
mod monitors;

use cli_support::{Stub, answer, launcher, nowhere, problem, run, unexpected};
use monitors::nagios::{self, State};
use serde_json::{Value, json};

/// A service with one live version, so many of whose three containers are healthy.
fn shop(healthy: usize) -> Value {
    let text = include_str!("../src/cli/render/fixtures/services.json");
    let mut shop = serde_json::from_str::<Value>(text).unwrap()[0].clone();
    let mut environments = shop["environments"].as_array().unwrap().iter();
    let mut live = environments.find(|one| one["weight"].is_number()).unwrap().clone();
    live["weight"] = json!(100);
    live["healthy"] = json!(healthy);
    live["replicas"] = json!(3);
    shop["environments"] = json!([live]);
    shop
}

fn edge(name: &str, state: &str) -> Value {
    json!({
        "name": name, "state": state, "remote": true, "version": null, "driver": null, "http": [],
        "connected_at": null, "last_seen": null, "invited_until": null, "lag_us": null, "behind": 0,
    })
}

async fn server() -> Stub {
    Stub::start(|call, _| match call.line.as_str() {
        "GET /api/v1/services/shop" => answer(200, &shop(2)),
        "GET /api/v1/services/well" => answer(200, &shop(3)),
        "GET /api/v1/services/ill" => answer(200, &shop(0)),
        "GET /api/v1/services/gone" => problem(404, "not-found", "there is no service gone"),
        "GET /readyz" => answer(200, &json!({ "ready": true, "store": "ok", "edges": 1 })),
        "GET /api/v1/server" => answer(
            200,
            &json!({
                "version": "1.0", "installation": "ours", "scheduler": "docker", "engine_trouble": null,
                "you": "sensu", "preview_url": "http://{version}.{service}.localhost",
            }),
        ),
        line if line.starts_with("GET /api/v1/edges") => {
            let edges = [edge("local", "connected"), edge("far", "away")];
            answer(200, &json!({ "items": edges, "next": null }))
        }
        _ => unexpected(call),
    })
    .await
}

/// What a check prints, and its status.
async fn check(url: &str, arguments: &[&str]) -> (String, i32) {
    let ran = run(url, &[&["agent", "check"], arguments].concat()).await;
    assert!(ran.stdout.ends_with('\n') && ran.stdout.lines().count() == 1, "{ran:?}");
    assert_eq!(ran.stderr, "", "{ran:?}");
    (ran.stdout.trim_end().to_owned(), ran.status)
}

#[tokio::test]
async fn a_check_is_one_line_and_a_status() {
    let stub = server().await;
    let line = "SERVICE WARNING: shop: v2 is live with 2 of 3 containers | containers=2;3:;1:;0;3";
    assert_eq!(check(&stub.url, &["service", "shop"]).await, (line.to_owned(), 1));
    assert_eq!(check(&stub.url, &["service", "well"]).await.1, 0);
    assert_eq!(check(&stub.url, &["service", "ill"]).await.1, 2);
    let line = "SERVICE UNKNOWN: there is no service gone";
    assert_eq!(check(&stub.url, &["service", "gone"]).await, (line.to_owned(), 3));
    let line = "SERVER WARNING: not connected: far | edges=1;;;0;2";
    assert_eq!(check(&stub.url, &["server"]).await, (line.to_owned(), 1));
}

#[tokio::test]
async fn a_server_that_is_away_is_critical_and_what_it_would_know_unknown() {
    let url = nowhere().await;
    let (line, status) = check(&url, &["server"]).await;
    assert_eq!(status, 2, "{line}");
    assert!(line.starts_with(&format!("SERVER CRITICAL: no server answers at {url} (")), "{line}");
    let (line, status) = check(&url, &["service", "shop"]).await;
    assert_eq!(status, 3, "{line}");
    assert!(line.starts_with("SERVICE UNKNOWN: no server answers at "), "{line}");
}

#[tokio::test]
async fn a_server_that_hangs_is_not_waited_for() {
    // It takes connections, and says nothing on them.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    for (what, line, status) in [
        (&["service", "shop"][..], "SERVICE UNKNOWN: no answer within 300ms; --timeout", 3),
        (&["host", "web2"], "HOST UNKNOWN: no answer within 300ms", 3),
        (&["server"], "SERVER CRITICAL: no answer within 300ms", 2),
    ] {
        let began = std::time::Instant::now();
        let (said, exit) = check(&url, &[what, &["--timeout", "300ms"]].concat()).await;
        assert!(said.starts_with(line) && exit == status, "{said}");
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }
    let (line, status) = check(&url, &["server", "--timeout", "1h"]).await;
    assert!(status == 3 && line.contains("100ms to 60s"), "{line}");
}

#[tokio::test]
async fn limits_that_stand_in_each_others_place_are_refused() {
    for what in ["host", "containers"] {
        let (line, status) = check("http://127.0.0.1:1", &[what, "-w", "95", "-c", "80"]).await;
        assert_eq!(status, 3, "{line}");
        let word = what.to_uppercase();
        let said = format!("{word} UNKNOWN: --warning 95 is beyond --critical 80");
        assert!(line.starts_with(&said), "{line}");
    }
}

#[tokio::test]
async fn this_host_is_checked_without_a_server() {
    let home = tempfile::tempdir().unwrap();
    let checked = async |arguments: &[&str]| {
        let arguments = [&["agent", "check", "host"], arguments].concat();
        let ran = cli_support::end(&mut launcher(home.path(), &arguments)).await;
        assert_eq!(ran.stderr, "");
        (ran.stdout, ran.status)
    };
    let (line, status) = checked(&["-w", "100", "-c", "100", "--over", "100ms"]).await;
    assert_eq!(status, 0, "{line}");
    assert!(line.starts_with("HOST OK: cpu "), "{line}");
    // Some of the memory is always in use.
    let (line, status) = checked(&["-w", "0", "-c", "100", "--disk", "/", "--disk", "/tmp"]).await;
    assert_eq!(status, 1, "{line}");
    assert!(line.contains("'disk /'=") && line.contains("'disk /tmp'="), "{line}");
    let (line, status) = checked(&["--disk", "/nowhere"]).await;
    assert_eq!(
        (line.starts_with("HOST UNKNOWN: cannot read /nowhere"), status),
        (true, 3),
        "{line}"
    );
}

#[tokio::test]
async fn a_check_that_is_typed_wrong_is_unknown_and_never_critical() {
    for wrong in [&["host", "--warning", "many"][..], &["nonsense"], &["service"], &["host", "-x"]]
    {
        let (line, status) = check("http://127.0.0.1:1", wrong).await;
        assert_eq!(status, 3, "{line}");
        assert!(line.starts_with("CHECK UNKNOWN: "), "{line}");
    }
    // Everything else is as it is everywhere.
    let ran = run("http://127.0.0.1:1", &["agent", "--every", "3s"]).await;
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("1s, 2s, 5s or 10s"), "{ran:?}");
    let ran = run("http://127.0.0.1:1", &["agent", "check", "--help"]).await;
    assert_eq!(ran.status, 0);
}

#[tokio::test]
async fn heavy_nagios_understands_what_checks_say() {
    let stub = server().await;
    let program = env!("CARGO_BIN_EXE_launcher");
    let with_server =
        format!("/usr/bin/env LAUNCHER_URL={} LAUNCHER_TOKEN=of-the-test {program}", stub.url);
    let command = |check: &str| format!("{with_server} agent check {check}");
    let found = nagios::run(&[
        ("warning", command("service shop")),
        ("well", command("service well")),
        ("critical", command("service ill")),
        ("unknown", command("service gone")),
        ("host", command("host -w 0 -c 100 --over 100ms --disk /")),
        ("wrong", command("host -w many")),
    ])
    .await;
    let of = |name: &str| found.iter().find(|one| one.name == name).unwrap();
    let shop = of("warning");
    assert_eq!(shop.state, State::Warning);
    assert_eq!(shop.output, "SERVICE WARNING: shop: v2 is live with 2 of 3 containers");
    assert_eq!(shop.figures, "containers=2;3:;1:;0;3");
    assert_eq!((of("well").state, of("critical").state), (State::Ok, State::Critical));
    assert_eq!((of("unknown").state, of("wrong").state), (State::Unknown, State::Unknown));
    let host = of("host");
    assert_eq!(host.state, State::Warning, "{host:?}");
    assert!(host.figures.contains("'disk /'=") && host.figures.contains("cpu="), "{host:?}");
}
