//! The agent as it runs on a host: who it tells, what it shows, and what it costs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod monitors;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Image, Installation};
use monitors::prometheus::{Prometheus, complaints};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_launcher");

/// The most that an agent may cost: this share of a processor for 100 containers.
const MOST: f64 = 0.01;
/// So long it is watched.
const WATCHED: Duration = Duration::from_secs(30);
/// How many containers run while it is measured.
const CONTAINERS: u16 = 50;

/// A server with an edge, on which the shop runs in so many containers. The server does not measure, but where it is told to.
struct Ground {
    api: Api,
    installation: Installation,
    engine: Engine,
    _image: Image,
}

impl Ground {
    async fn new(containers: u16) -> Self {
        Self::measuring(containers, false).await
    }

    /// The same, with a server that measures or does not.
    async fn measuring(containers: u16, measures: bool) -> Self {
        let engine = Engine::local();
        let image = engine.build(Path::new(PROGRAM), 1, &[]);
        let mut installation = Installation::new(Path::new(PROGRAM), &engine);
        if !measures {
            installation.configure("[metrics]\nagent = false\n");
        }
        let api = installation.start().await;
        let service =
            json!({ "name": "shop", "port": 8080, "hosts": ["shop.test"], "replicas": containers });
        api.put_service(json!({ "service": service, "health": { "path": "/healthz" } })).await;
        let launched = json!({ "image": image.id });
        api.post("/services/shop/versions", launched).await;
        until("the version being ready", Duration::from_secs(300), || async {
            let shown = api.get("/services/shop/versions/1").await;
            (shown["environment"]["state"] == "ready").then_some(())
        })
        .await;
        Self { api, installation, engine, _image: image }
    }

    /// An agent of this host, that measures each second.
    async fn agent(&self) -> Agent {
        let body = json!({ "name": "here", "role": "agent" });
        let token = self.api.post("/tokens", body).await["token"].as_str().unwrap().to_owned();
        Agent::start(&format!("http://{}", self.installation.listen), &token, &self.installation)
    }
}

struct Agent {
    child: Child,
    metrics: SocketAddr,
}

impl Agent {
    fn start(url: &str, token: &str, installation: &Installation) -> Self {
        let metrics = free_port();
        let log = std::fs::File::create(installation.scratch().join("agent.log")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["agent", "--every", "1s", "--metrics", &metrics.to_string()])
            .args(["--installation", installation.id()])
            .env("LAUNCHER_URL", url)
            .env("LAUNCHER_TOKEN", token)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, metrics }
    }

    async fn page(&self) -> Option<String> {
        let answer = reqwest::get(format!("http://{}/metrics", self.metrics)).await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    }

    /// A number of the page without labels.
    async fn number(&self, name: &str) -> Option<f64> {
        let page = self.page().await?;
        page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until the server has so many of its reports.
    async fn has_told(&self, reports: f64) {
        until("reports that the server has", SOON, || async {
            let sent = self.number("launcher_agent_reports_sent_total").await?;
            (sent >= reports).then_some(())
        })
        .await;
    }

    /// Processor time that it has used so far, in seconds.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, figures) = stat.rsplit_once(')').unwrap();
        let figures: Vec<&str> = figures.split_whitespace().collect();
        let ticks: f64 = figures[11].parse::<f64>().unwrap() + figures[12].parse::<f64>().unwrap();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn docker_what_is_measured_is_told_and_shown_and_a_token_for_it_is_for_nothing_else() {
    let ground = Ground::new(2).await;
    let agent = ground.agent().await;
    agent.has_told(2.0).await;
    shows_containers(&ground.api, 2).await;
    let page = agent.page().await.unwrap();
    assert_eq!(complaints(&page), "", "{page}");
    let prometheus = Prometheus::start(agent.metrics);
    let found = prometheus
        .finds("launcher_container_memory_bytes{service=\"shop\",version=\"v1\"} > 0")
        .await;
    assert_eq!(found.len(), 2, "{found:?}");
    let found = prometheus.finds("sum by (service) (launcher_container_cpu_seconds_total)").await;
    assert!(found.iter().any(|one| one["metric"]["service"] == "shop"), "{found:?}");
    // Containers that are gone are not shown any more.
    let containers = ground.engine.serving_containers(ground.installation.id()).await;
    let gone = &containers[0];
    ground.engine.remove(gone).await;
    until("it being gone from the page", SOON, || async {
        (!agent.page().await?.contains(&gone[..12])).then_some(())
    })
    .await;
}

/// Waits until the server shows that so many containers of version 1 were measured, and what they used.
async fn shows_containers(api: &Api, containers: u16) {
    let path = "/services/shop/metrics?versions=1&measures=containers,memory&from=-1m&step=10s";
    until("the figures being shown", SOON, || async {
        let shown = api.get(path).await;
        let lines = shown["lines"].as_array().unwrap().clone();
        let newest = |measure: &str| {
            let line = lines.iter().find(|line| line["measure"] == measure)?;
            line["values"].as_array()?.iter().filter_map(Value::as_f64).next_back()
        };
        let all = newest("containers")? >= f64::from(containers);
        (all && newest("memory")? > 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn docker_a_server_measures_its_own_machine() {
    let ground = Ground::measuring(1, true).await;
    shows_containers(&ground.api, 1).await;
}

#[tokio::test]
async fn docker_reports_wait_while_the_server_is_away() {
    let mut ground = Ground::new(1).await;
    let agent = ground.agent().await;
    agent.has_told(2.0).await;
    ground.installation.kill_server();
    until("reports that wait", SOON, || async {
        (agent.number("launcher_agent_reports_waiting").await? >= 3.0).then_some(())
    })
    .await;
    let sent = agent.number("launcher_agent_reports_sent_total").await.unwrap();
    ground.installation.start_server();
    ground.installation.wait_for_server().await;
    agent.has_told(sent + 4.0).await;
    until("none that waits", SOON, || async {
        (agent.number("launcher_agent_reports_waiting").await? == 0.0).then_some(())
    })
    .await;
    assert_eq!(agent.number("launcher_agent_reports_dropped_total").await, Some(0.0));
}

#[tokio::test]
async fn docker_an_agent_costs_less_than_a_hundredth_of_a_processor_for_100_containers() {
    let ground = Ground::new(CONTAINERS).await;
    let agent = ground.agent().await;
    agent.has_told(3.0).await;
    let counted = async |name: &str| agent.number(name).await.unwrap();
    let (samples, spent) =
        ("launcher_agent_samples_total", "launcher_agent_sampling_seconds_total");
    let before = (counted(samples).await, counted(spent).await);
    let (cpu, begun) = (agent.cpu(), Instant::now());
    // What is measured is what it uses in this time.
    tokio::time::sleep(WATCHED).await;
    let (cpu, took) = (agent.cpu() - cpu, begun.elapsed());
    let samples = counted(samples).await - before.0;
    let spent = (counted(spent).await - before.1) / samples;
    assert!(samples >= WATCHED.as_secs_f64() * 0.8, "{samples} samples in {took:?}");
    // At the interval that is taken when nobody says.
    let each = cpu / samples;
    let share = each / 5.0 * 100.0 / f64::from(CONTAINERS);
    println!(
        "{CONTAINERS} containers: {:.2} ms of processor time for each sample ({:.2} ms of it from begin to end of \
         reading), {:.3} % of a processor for 100 containers at the default interval",
        each * 1000.0,
        spent * 1000.0,
        share * 100.0,
    );
    assert!(share <= MOST / 2.0, "{share} of a processor");
}
