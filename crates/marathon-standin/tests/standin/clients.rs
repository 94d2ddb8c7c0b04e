//! Clients that others wrote.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use launcher_marathon_standin::Options;
use launcher_testkit::clients;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Ground, SOON, two_agents, until};

/// Where they are, once they are installed.
static CLIENTS: LazyLock<PathBuf> =
    LazyLock::new(|| clients::installed("marathon-clients", env!("CARGO_TARGET_TMPDIR")));

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standin/clients").join(name)
}

async fn run(command: &mut Command) -> String {
    let output = tokio::time::timeout(SOON, command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// What a client prints, a line of JSON at a time.
struct Listening {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<Value>,
}

impl Listening {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, lines, seen: Vec::new() }
    }

    /// Reads on until an event of that type comes that fits.
    async fn next(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let read = async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("ended before {kind}: {:?}", self.seen));
                let event: Value = serde_json::from_str(&line).unwrap();
                self.seen.push(event.clone());
                if event["type"] == kind && fits(&event["data"]) {
                    return event;
                }
            }
        };
        let read = tokio::time::timeout(SOON, read).await;
        read.unwrap_or_else(|_| panic!("no {kind} came"))
    }
}

/// The client for Python reads 512 bytes at a time, so more has to happen until it tells of an event.
async fn read_on(ground: &Ground, events: &mut Listening, kind: &str) {
    let next = events.next(kind, |_| true);
    let nudge = async {
        loop {
            ground.create(&ground.app("/nudge", 0)).await;
            ground.settled().await;
            ground.call("DELETE", "/v2/apps/nudge", None).await;
            ground.settled().await;
        }
    };
    tokio::select! {
        _ = next => {}
        () = nudge => {}
    }
    ground.call("DELETE", "/v2/apps/nudge", None).await;
    ground.settled().await;
}

fn python(ground: &Ground, arguments: &[&str]) -> Command {
    LazyLock::force(&CLIENTS);
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script("python.py")).arg(ground.standin.url()).args(arguments);
    command
}

async fn ask_python(ground: &Ground, arguments: &[&str]) -> Value {
    let printed = run(&mut python(ground, arguments)).await;
    serde_json::from_str(printed.trim()).unwrap()
}

#[tokio::test]
async fn docker_standin_serves_the_client_for_python() {
    let ground = Ground::of("1.4.2").await;
    let mut events = Listening::start(&mut python(&ground, &["events"]));
    read_on(&ground, &mut events, "event_stream_attached").await;

    let created = ask_python(&ground, &["create", "/shop/py", &ground.image.0, "2"]).await;
    assert_eq!(created["id"], "/shop/py");
    assert_eq!(created["deployments"].as_array().unwrap().len(), 1, "{created}");
    assert_eq!(created["healthy"], 2);
    ground.assert_running("/shop/py", 2).await;
    for kind in ["deployment_info", "add_health_check_event", "deployment_success"] {
        read_on(&ground, &mut events, kind).await;
    }

    let scaled = ask_python(&ground, &["scale", "/shop/py", "3"]).await;
    assert_eq!(scaled["tasks"].as_array().unwrap().len(), 3);
    ground.assert_running("/shop/py", 3).await;

    let victim = scaled["tasks"][0]["id"].as_str().unwrap();
    let fewer = ask_python(&ground, &["kill_and_scale", "/shop/py", victim]).await;
    assert_eq!(fewer["tasks"].as_array().unwrap().len(), 2);
    assert!(!ground.running().await.contains(&victim.to_owned()));
    ground.assert_running("/shop/py", 2).await;

    let victim = fewer["tasks"][0]["id"].as_str().unwrap().to_owned();
    let killed = ask_python(&ground, &["kill", "/shop/py", &victim]).await;
    assert_eq!(killed["killed"], victim.as_str());
    until("another container in its place", async || {
        let running = ground.running().await;
        (running.len() == 2 && !running.contains(&victim)).then_some(())
    })
    .await;

    let seen = ask_python(&ground, &["look", "/shop/py"]).await;
    assert_eq!(seen["info"], "1.4.2");
    assert_eq!(seen["apps"], json!([{ "id": "/shop/py", "tasks": 2 }]));
    assert_eq!(seen["versions"], 3);
    assert_eq!(seen["groups"], json!(["/shop"]));
    assert_eq!(seen["endpoints"].as_array().unwrap().len(), 2);

    ask_python(&ground, &["delete", "/shop/py"]).await;
    assert!(ground.running().await.is_empty());
    read_on(&ground, &mut events, "app_terminated_event").await;
}

#[tokio::test]
async fn docker_standin_serves_the_client_for_its_events() {
    let options = Options { instances: 2, agents: two_agents(), ..Options::default() };
    let ground = Ground::with(options).await;
    // A stand-by, which sends it to the leader.
    let address = ground.standin.urls()[1].replace("http://", "");
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new("node");
    command.arg(script("events.js")).args([host, port]);
    command.env("NODE_PATH", CLIENTS.join("node_modules"));
    let mut events = Listening::start(&mut command);
    events.next("event_stream_attached", |_| true).await;

    let deployment = ground.create(&ground.app("/shop/bus", 1)).await;
    let running = |data: &Value| data["taskStatus"] == "TASK_RUNNING";
    let status = events.next("status_update_event", running).await;
    assert_eq!(ground.running().await, [status["data"]["taskId"].as_str().unwrap()]);
    events.next("instance_health_changed_event", |data| data["healthy"] == true).await;
    events.next("deployment_success", |data| data["id"] == deployment.as_str()).await;

    // It remembers where it was sent, and comes back there; what was the leader is a stand-by then.
    ground.standin.kill_leader();
    until("another leader", async || (ground.standin.leader() == Some(1)).then_some(())).await;
    ground.standin.revive(0).await.unwrap();
    events.next("event_stream_attached", |_| true).await;
    let url = format!("{}/v2/apps/shop/bus", ground.standin.urls()[1]);
    let answer = ground.client.delete(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    events.next("app_terminated_event", |data| data["appId"] == "/shop/bus").await;
    assert!(ground.running().await.is_empty());
}

#[tokio::test]
async fn docker_standin_serves_a_tool_that_deploys() {
    let ground = Ground::of("1.1.2").await;
    let shpkpr = |arguments: &[&str]| {
        let mut command = Command::new(CLIENTS.join("venv/bin/shpkpr"));
        command.arg("apps").args(arguments);
        command.env("SHPKPR_MARATHON_URL", ground.standin.url());
        command.env("LC_ALL", "C.UTF-8").env("SHPKPR_IMAGE", &ground.image.0);
        command
    };
    let folder = script("");
    let template = [
        "--template-dir",
        folder.to_str().unwrap(),
        "--template",
        "app.json.tmpl",
        "--timeout",
        "60",
    ];

    for instances in [1, 2] {
        let mut deploy = shpkpr(&[&["deploy"], &template[..]].concat());
        run(deploy.env("SHPKPR_INSTANCES", instances.to_string())).await;
        ground.assert_running("/shop/shpkpr", instances).await;
    }
    let shown = run(&mut shpkpr(&["show", "-a", "shop/shpkpr"])).await;
    assert!(shown.contains("/shop/shpkpr"), "{shown}");

    let delete = "import sys, shpkpr.marathon as m\n\
                  sys.exit(not m.MarathonClient(sys.argv[1]).delete_application('shop/shpkpr'))";
    let mut python = Command::new(CLIENTS.join("venv/bin/python"));
    run(python.args(["-c", delete, &ground.standin.url()])).await;
    ground.settled().await;
    assert!(ground.running().await.is_empty());
}
