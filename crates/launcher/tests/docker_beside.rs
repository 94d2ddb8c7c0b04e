//! A built-in edge and one beside an nginx, which carry the same service and are switched as one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use launcher_testkit::load::{Answer, Plan};
use launcher_testkit::nginx::BINARY;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Image, Installation, Load, Nginx, Report};
use reqwest::Method;
use serde_json::{Value, json};

const HOST: &str = "shop.example.com";
const CONNECTIONS: usize = 16;
const SWITCHES: usize = 20;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

/// An nginx, and the edge beside it. The edge ends first.
struct Beside {
    edge: Child,
    nginx: Nginx,
    http: SocketAddr,
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.edge.kill();
        let _ = self.edge.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Beside {
    fn start(installation: &Installation) -> Self {
        let root = installation.scratch().join("nginx");
        let nginx = Nginx::start(&root);
        let (http, internal) = (free_address(), free_address());
        let log = std::fs::File::create(installation.scratch().join("beside.log")).unwrap();
        let edge = Command::new(program())
            .args(["edge", "--driver", "nginx", "--name", "beside", "--nginx-binary", BINARY])
            .arg("--data")
            .arg(installation.scratch().join("beside"))
            .arg("--server-socket")
            .arg(installation.data().join("edge.sock"))
            .args(["--http", &http.to_string(), "--nginx-internal", &internal.to_string()])
            .arg("--nginx-conf")
            .arg(nginx.conf())
            .arg("--nginx-include")
            .arg(nginx.include())
            .arg("--nginx-pid")
            .arg(nginx.pid_file())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { edge, nginx, http }
    }
}

/// A server with both kinds of edges, and two versions of a service. The fields end in their order.
struct Site {
    beside: Beside,
    api: Api,
    installation: Installation,
    _images: [Image; 2],
}

impl Site {
    async fn new() -> Self {
        let engine = Engine::local();
        let images = [engine.build(program(), 1, &[]), engine.build(program(), 2, &[])];
        let mut installation = Installation::new(program(), &engine);
        let api = installation.start().await;
        let beside = Beside::start(&installation);
        until("both edges being connected", SOON, || async {
            let edges = api.get("/edges").await;
            let edges = edges["items"].as_array().unwrap();
            (edges.len() == 2).then_some(())
        })
        .await;
        api.put_service(json!({
            "service": { "name": "shop", "hosts": [HOST], "replicas": 2, "port": 8080 },
            "health": { "path": "/healthz", "interval": "1s" },
        }))
        .await;
        for image in &images {
            api.launch_ready("shop", &image.id).await;
        }
        api.deploy("shop", 1).await;
        Self { beside, api, installation, _images: images }
    }

    /// As a user says it to the server.
    async fn say(&self, arguments: &[&str]) -> Output {
        let token = std::fs::read_to_string(self.installation.data().join("admin-token")).unwrap();
        tokio::process::Command::new(program())
            .args(arguments)
            .env("LAUNCHER_URL", format!("http://{}", self.installation.listen))
            .env("LAUNCHER_TOKEN", token.trim())
            .output()
            .await
            .unwrap()
    }

    /// The built-in edge, and the one beside nginx.
    fn addresses(&self) -> [SocketAddr; 2] {
        [self.installation.http, self.beside.http]
    }

    /// Load on both, which idle connections that nginx closes do not fail.
    fn loads(&self, live: u64) -> [Load; 2] {
        let [builtin, nginx] = self.addresses().map(|edge| Plan {
            edge,
            host: HOST.to_owned(),
            connections: CONNECTIONS,
            sockets: 0,
            pause: Duration::from_millis(20),
            live,
        });
        [Load::start(builtin), Load::asking_again(nginx)]
    }

    /// What each edge answers with now.
    async fn serve(&self) -> [u64; 2] {
        let mut versions = [0; 2];
        for (version, edge) in versions.iter_mut().zip(self.addresses()) {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let asked = client.get(format!("http://{edge}/version")).header("host", HOST).send();
            *version = asked.await.unwrap().text().await.unwrap().trim().parse().unwrap();
        }
        versions
    }
}

/// One switch, and what its receipt says.
#[derive(Debug)]
struct Switch {
    from: u64,
    to: u64,
    began: Instant,
    skew: Duration,
    /// Until the last edge had acknowledged.
    longest_commit: Duration,
}

impl Switch {
    /// Has `call` make a version live, and reads the receipt, which must name both edges.
    async fn make(loads: &[Load], to: u64, call: impl Future<Output = Value>) -> Self {
        let began = Instant::now();
        loads.iter().for_each(|load| load.timeline.begins(to));
        let deployed = call.await;
        loads.iter().for_each(|load| load.timeline.ended(to));
        let receipt = &deployed["receipt"];
        let edges = receipt["edges"].as_array().unwrap();
        let mut names: Vec<_> = edges.iter().map(|edge| edge["edge"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["beside", "local"], "{receipt}");
        assert!(edges.iter().all(|edge| edge["fenced"].is_null()), "{receipt}");
        let micros = |value: &Value| Duration::from_micros(value.as_u64().unwrap());
        let commits = edges.iter().map(|edge| micros(&edge["commit_us"]));
        let longest_commit = commits.max().unwrap();
        let skew = micros(&receipt["skew_us"]);
        Self { from: 3 - to, to, began, skew, longest_commit }
    }

    /// For how long at least the edges served different versions: from the first answer of the next
    /// version by one of them to the last request that the other one has answered with the one before.
    fn seen_skew(&self, until: Instant, reports: &[Report; 2]) -> Duration {
        let during = |report: &Report| -> Vec<Answer> {
            let all = report.answers.0.iter().copied();
            all.filter(|one| one.answered >= self.began && one.answered < until).collect()
        };
        let [one, other] = [during(&reports[0]), during(&reports[1])];
        let between = |first: &[Answer], last: &[Answer]| {
            let first = first.iter().filter(|one| one.version == self.to);
            let last = last.iter().filter(|one| one.version == self.from);
            let first = first.map(|one| one.answered).min()?;
            Some(last.map(|one| one.asked).max()?.saturating_duration_since(first))
        };
        between(&one, &other).max(between(&other, &one)).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_a_builtin_edge_and_one_beside_nginx_switch_as_one() {
    let site = Site::new().await;
    let listed = String::from_utf8(site.say(&["edges"]).await.stdout).unwrap();
    for (name, driver) in [("local", "builtin"), ("beside", "nginx")] {
        let is_told = |line: &str| line.starts_with(name) && line.contains(driver);
        assert!(listed.lines().any(is_told), "{listed}");
    }
    let loads = site.loads(1);
    until("load", SOON, || async { loads.iter().all(|load| load.answered() > 200).then_some(()) })
        .await;
    let mut switches = Vec::new();
    for round in 0..SWITCHES {
        let to = if round % 2 == 0 { 2 } else { 1 };
        let switch = if round % 5 == 4 {
            let call = site.api.post("/services/shop/rollback", json!({}));
            Switch::make(&loads, to, call).await
        } else {
            Switch::make(&loads, to, site.api.deploy("shop", to)).await
        };
        assert_eq!(site.serve().await, [to; 2], "{switch:?}");
        switches.push(switch);
    }
    let reports = loads.map(Load::stop);
    let [builtin, nginx] = &reports;
    println!("beside nginx {} requests of {} were repeated", nginx.repeated, nginx.answered);
    for report in &reports {
        assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
        assert!(report.by_version.len() == 2 && report.answered > 500, "{report:?}");
    }
    assert_eq!((builtin.closed, builtin.repeated), (0, 0), "{builtin:?}");
    let ends = switches.iter().skip(1).map(|switch| switch.began).chain([Instant::now()]);
    let (mut within, mut seen_at_all) = (0, 0);
    for (switch, until) in switches.iter().zip(ends) {
        let seen = switch.seen_skew(until, &reports);
        assert!(seen <= switch.longest_commit, "{seen:?} {switch:?}");
        // The skew of the receipt takes the ways to an edge and back as equally long.
        within += usize::from(seen <= switch.skew);
        seen_at_all += usize::from(!seen.is_zero());
        println!("different versions for {seen:?} at least, {:?} by the receipt", switch.skew);
    }
    assert!(within * 10 >= SWITCHES * 9, "{within} of {SWITCHES}: {switches:?}");
    assert!(seen_at_all > 0, "nginx takes a tenth of a second, which such a load sees");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_what_nginx_refuses_is_switched_nowhere() {
    let site = Site::new().await;
    let loads = site.loads(1);
    until("load", SOON, || async { loads.iter().all(|load| load.answered() > 100).then_some(()) })
        .await;
    let broken = site.beside.nginx.site("broken");
    std::fs::write(&broken, "no_such_directive;\n").unwrap();
    let said = "[emerg] unknown directive \"no_such_directive\" in ";

    let body = json!({ "version": 2 });
    let path = "/services/shop/deployments";
    let refused = site.api.try_call(Method::POST, path, Some(&body)).await.unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("beside") && detail.contains(said), "{detail}");
    let refused = site.say(&["deploy", "shop", "2"]).await;
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.contains("beside") && error.contains(said), "{error}");
    assert_eq!((site.api.live("shop").await, site.serve().await), (Some(1), [1, 1]));

    // Mended, and nothing else done.
    std::fs::remove_file(&broken).unwrap();
    Switch::make(&loads, 2, site.api.deploy("shop", 2)).await;
    assert_eq!(site.serve().await, [2, 2]);
    for report in loads.map(Load::stop) {
        assert_eq!((report.failed, report.wrong), (0, 0), "{report:?}");
    }
}
