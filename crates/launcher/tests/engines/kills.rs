//! `kill -9` at every fault point, and at random: everything converges, nothing is orphaned, and production
//! traffic never goes to a wrong place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use launcher_testkit::load::{CLOSED, Plan};
use launcher_testkit::wait::{SOON, until, until_ok};
use launcher_testkit::{Api, Installation, Load};
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::Ground;

const REPLICAS: u64 = 2;
/// Within this time every point is reached again: minutes are put together once in each, a moment after it.
const AGAIN: Duration = Duration::from_secs(120);

/// A service that goes through every kind of change again and again.
struct Story {
    api: Api,
    installation: Installation,
    images: [String; 2],
    load: Load,
    /// What is live.
    live: u64,
    /// Stands last: the installation goes before what it stands on.
    ground: Ground,
}

impl Story {
    async fn begin(mut ground: Ground, mut installation: Installation) -> Self {
        let images = [ground.image(1, &[]).await, ground.image(2, &[]).await];
        let api = installation.start_supervised().await;
        let mut spec = json!({
            "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": REPLICAS, "port": 8080 },
            "health": { "path": "/healthz", "interval": "200ms", "start_period": "30s" },
            "keep": { "running": 1, "stopped": 1 },
        });
        if ground.runs_once() {
            spec["hooks"] = json!({ "release": ["/launcher", "sample", "migrate"] });
        }
        api.put_service(spec).await;
        api.launch_ready("shop", &images[0]).await;
        api.deploy("shop", 1).await;
        let load = Self::start_load(&installation, 1);
        Self { api, installation, images, load, live: 1, ground }
    }

    fn start_load(installation: &Installation, live: u64) -> Load {
        Load::start(Plan {
            edge: installation.http,
            host: "shop.example.com".to_owned(),
            connections: 8,
            sockets: 0,
            pause: Duration::from_millis(2),
            // The sample answers with the number in its image, so a version is known by its parity.
            live: Self::answer_of(live),
        })
    }

    /// The number that the image of a version answers with.
    fn answer_of(number: u64) -> u64 {
        if number % 2 == 1 { 1 } else { 2 }
    }

    async fn launch(&self) -> u64 {
        loop {
            let versions = self.api.insist_get("/services/shop/versions?limit=1").await;
            let newest = versions["items"][0]["number"].as_u64().unwrap();
            // Which image is next depends on the number that it will have.
            let image = &self.images[usize::try_from(newest % 2).unwrap()];
            let body = json!({ "image": image });
            let launched = self.api.insist(Method::POST, "/services/shop/versions", &body).await;
            assert_eq!(launched.status, 202, "{}", launched.body);
            let number = launched.body["number"].as_u64().unwrap();
            self.api.wait_for_state("shop", number, "ready").await;
            if number == newest + 1 {
                return number;
            }
            // It was killed between storing and answering: a second one was launched, of the wrong image.
        }
    }

    async fn deploy(&mut self, number: u64) {
        self.switch(number, json!({ "version": number })).await;
    }

    async fn switch(&mut self, number: u64, asked: Value) {
        self.load.timeline.begins(Self::answer_of(number));
        let path = "/services/shop/deployments";
        until("the version being live", SOON, || async {
            let answer = self.api.insist(Method::POST, path, &asked).await;
            // A container that is just being replaced, an edge that is just coming back: try again.
            (answer.status == 200).then_some(())
        })
        .await;
        self.await_edge().await;
        self.load.timeline.ended(Self::answer_of(number));
        self.live = number;
    }

    /// An edge that was killed comes back with what it acknowledged last, and is given the rest.
    async fn await_edge(&self) {
        until("the edge having everything", SOON, || async {
            let edges = self.api.insist_get("/edges").await;
            (edges["items"][0]["behind"] == json!(0)).then_some(())
        })
        .await;
    }

    /// Closes the service to its users and opens it again.
    async fn maintain(&self) {
        let path = "/services/shop/maintenance";
        let steps = [
            (Method::PUT, json!({ "page": CLOSED.to_string() }), CLOSED),
            (Method::DELETE, json!({}), Self::answer_of(self.live)),
        ];
        for (method, body, answers) in steps {
            self.load.timeline.begins(answers);
            let answer = self.api.insist(method, path, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            self.await_edge().await;
            self.load.timeline.ended(answers);
        }
    }

    async fn cycle(&mut self) {
        let before = self.live;
        let fresh = self.launch().await;
        self.turn(before, fresh).await;
        self.retire(before, fresh).await;
    }

    /// The part of the cycle that costs no container.
    async fn turn(&mut self, before: u64, fresh: u64) {
        self.deploy(fresh).await;
        self.maintain().await;
        self.switch(before, json!({ "version": before, "hold": "1s" })).await;
    }

    async fn retire(&mut self, before: u64, fresh: u64) {
        let path = format!("/services/shop/versions/{fresh}");
        self.api.insist(Method::POST, &format!("{path}/stop"), &json!({})).await;
        self.api.wait_for_state("shop", fresh, "stopped").await;
        self.deploy(fresh).await;
        self.api
            .insist(Method::DELETE, &format!("/services/shop/versions/{before}"), &json!({}))
            .await;
        self.api.wait_for_state("shop", before, "destroyed").await;
    }

    /// What is there is what is wanted: no container too many, none missing, production where it belongs,
    /// no deployment hanging.
    async fn check(&self, after: &str) {
        let calm = format!("calm after {after}");
        until_ok(&calm, SOON, async || {
            let versions = self.api.insist_get("/services/shop/versions?limit=500").await;
            let versions = versions["items"].as_array().unwrap();
            if let Some(moving) = versions.iter().find(|version| !is_settled(version)) {
                return Err(moving.to_string());
            }
            let deployments = self.api.insist_get("/deployments?limit=10").await;
            let is_over = |deployment: &&Value| {
                matches!(deployment["state"].as_str(), Some("done" | "aborted" | "draining"))
            };
            if let Some(open) =
                deployments["items"].as_array().unwrap().iter().find(|d| !is_over(d))
            {
                return Err(open.to_string());
            }
            self.engine_agrees(versions).await
        })
        .await;
        assert_eq!(self.api.live("shop").await, Some(self.live), "after {after}");
    }

    /// What became of a death at a point, and how many requests felt it.
    async fn look_back(&mut self, point: &str, harmed: &mut BTreeMap<String, u64>) {
        self.check(point).await;
        let next = Self::start_load(&self.installation, self.live);
        let report = std::mem::replace(&mut self.load, next).stop();
        assert_eq!(report.wrong, 0, "{point}: {report:?}");
        assert!(report.answered > 0, "{point}: {report:?}");
        if report.failed + report.closed > 0 {
            harmed.insert(point.to_owned(), report.failed + report.closed);
        }
    }

    async fn engine_agrees(&self, versions: &[Value]) -> Result<(), String> {
        let all = self.ground.keeps_stopped();
        let mut known = BTreeMap::new();
        for version in versions {
            let containers = version["containers"].as_array().unwrap();
            let counts = |container: &&Value| all || container["phase"]["phase"] == "running";
            let count = containers.iter().filter(counts).count() as u64;
            if count > 0 {
                known.insert(format!("shop/{}", version["number"]), count);
            }
        }
        let there = self.ground.containers(self.installation.id()).await;
        if there == known { Ok(()) } else { Err(format!("{there:?} are there, not {known:?}")) }
    }
}

fn is_settled(version: &Value) -> bool {
    let (environment, containers) = (&version["environment"], &version["containers"]);
    let count = containers.as_array().map_or(0, Vec::len) as u64;
    match environment["state"].as_str().unwrap() {
        "ready" => environment["healthy"] == json!(REPLICAS) && count >= REPLICAS,
        "destroyed" => count == 0,
        "stopped" => environment["healthy"] == json!(0),
        _ => false,
    }
}

/// The points that one run of the story reaches, in the order in which they are first reached.
fn points(trace: &Path) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let text = std::fs::read_to_string(trace).unwrap();
    text.lines().filter(|line| seen.insert(line.to_string())).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_killed_at_every_fault_point() {
    kill_at_every_fault_point(Ground::docker()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_killed_at_every_fault_point() {
    kill_at_every_fault_point(Ground::swarm().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_killed_at_every_fault_point() {
    kill_at_every_fault_point(Ground::marathon().await).await;
}

async fn kill_at_every_fault_point(ground: Ground) {
    let mut installation = ground.installation();
    let (trace, fault) =
        (installation.scratch().join("trace"), installation.scratch().join("fault"));
    installation.set("LAUNCHER_FAULT_TRACE", trace.to_str().unwrap());
    installation.set("LAUNCHER_FAULT_FILE", fault.to_str().unwrap());
    let mut story = Story::begin(ground, installation).await;
    story.cycle().await;
    story.check("an undisturbed cycle").await;
    let points: Vec<String> = points(&trace);
    assert!(points.len() >= 15, "the story reaches the fault points: {points:?}");

    let mut harmed: BTreeMap<String, u64> = BTreeMap::new();
    let mut rest = Vec::new();
    let (before, fresh) = (story.live, story.launch().await);
    for point in points.iter().filter(|point| !point.starts_with("start.")) {
        // Those that a switch may reach are tried without making containers for each.
        if !["edge.", "switch.", "maintenance."].iter().any(|of| point.starts_with(of)) {
            rest.push(point);
            continue;
        }
        std::fs::write(&fault, point).unwrap();
        story.turn(before, fresh).await;
        if std::fs::remove_file(&fault).is_ok() {
            rest.push(point);
        } else {
            story.look_back(point, &mut harmed).await;
        }
    }
    story.retire(before, fresh).await;
    for point in rest {
        std::fs::write(&fault, point).unwrap();
        story.cycle().await;
        if fault.exists() {
            // One that is only reached when an edge connects: it does when the server comes back.
            story.installation.killer().kill("server");
            until(&format!("the fault point {point} being reached again"), AGAIN, || async {
                (!fault.exists()).then_some(())
            })
            .await;
            story.await_edge().await;
        }
        story.look_back(point, &mut harmed).await;
    }
    // The death of the edge is felt by those who talk to it; that of the server by nobody.
    let felt: Vec<_> = harmed.iter().filter(|(point, _)| !point.starts_with("edge.")).collect();
    assert!(felt.is_empty(), "requests were lost although only the server died: {felt:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_killed_at_random() {
    const ROUNDS: u32 = 12;
    let ground = Ground::docker();
    let installation = ground.installation();
    let mut story = Story::begin(ground, installation).await;
    for round in 0..ROUNDS {
        let victims: &[&str] = match rand::random_range(0..3) {
            0 => &["server"],
            1 => &["edge"],
            _ => &["server", "edge"],
        };
        let after = Duration::from_millis(rand::random_range(0..3000));
        let killer = story.installation.killer();
        let killing = tokio::spawn(async move {
            // A moment at random within the cycle is what is tested, so here time alone is waited for.
            tokio::time::sleep(after).await;
            for victim in victims {
                killer.kill(victim);
            }
        });
        story.cycle().await;
        killing.await.unwrap();
        story.await_edge().await;
        story.check(&format!("round {round}: {victims:?} killed after {after:?}")).await;
    }
    let report = story.load.stop();
    assert_eq!(report.wrong, 0, "{report:?}");
    assert!(report.answered > 1000, "{report:?}");
}
