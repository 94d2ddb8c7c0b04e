//! Changes of containers, and how soon edges have them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Engine, Installation};
use serde_json::{Value, json};

const REPLICAS: usize = 8;
/// Containers that are killed.
const KILLS: usize = 20;
/// Containers that fail their check for a while: two changes each.
const FAILURES: usize = 10;
const SOON_ENOUGH: SignedDuration = SignedDuration::from_millis(100);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

/// An edge, and the directory in which it keeps what it serves. It writes there what it has just put in
/// force.
struct Edge {
    name: &'static str,
    routes: PathBuf,
}

impl Edge {
    /// The containers of v1 that it sends requests to.
    fn endpoints(&self) -> BTreeMap<String, SocketAddr> {
        // A file may go while it is looked for: another one has come in its place then.
        let tables = std::fs::read_dir(&self.routes).unwrap().filter_map(|file| {
            let path = file.ok()?.path();
            let in_force = path.extension().is_some_and(|of| of == "json" || of == "fresh");
            serde_json::from_slice::<Value>(&std::fs::read(path).ok()?).ok().filter(|_| in_force)
        });
        let newest = tables.max_by_key(|table| table["revision"].as_u64());
        let endpoints =
            newest.and_then(|table| table["pools"]["1"]["endpoints"].as_object().cloned());
        let endpoints = endpoints.unwrap_or_default().into_iter();
        endpoints.map(|(id, at)| (id, at.as_str().unwrap().parse().unwrap())).collect()
    }

    /// When it first has the container or has it no more.
    fn comes_to(&self, container: &str, there: bool) -> Timestamp {
        let deadline = Instant::now() + SOON;
        while self.endpoints().contains_key(container) != there {
            assert!(Instant::now() < deadline, "{} does not hear of {container}", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        Timestamp::now()
    }
}

/// When each edge came to have the change.
async fn all_come_to(edges: &[Edge; 2], container: &str, there: bool) -> [Timestamp; 2] {
    // Threads, for what is short of a millisecond.
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let watching = [0, 1].map(|n| scope.spawn(move || edges[n].comes_to(container, there)));
            watching.map(|edge| edge.join().unwrap())
        })
    })
}

struct Site {
    engine: Engine,
    api: Api,
    edges: [Edge; 2],
    /// The last event that was looked at.
    last: i64,
}

impl Site {
    /// A container that both edges have.
    async fn one(&self) -> (String, SocketAddr) {
        until("the containers being there", SOON, || async {
            let [one, other] = [0, 1].map(|n| self.edges[n].endpoints());
            let both = one.into_iter().filter(|(id, _)| other.contains_key(id));
            let both: Vec<_> = both.collect();
            (both.len() >= REPLICAS / 2).then(|| both[rand::random_range(0..both.len())].clone())
        })
        .await
    }

    /// When the server observed what it tells of next as this kind of event.
    async fn observed(&mut self, kind: &str) -> Timestamp {
        let path = format!("/events?limit=500&after={}", self.last);
        let event = until(kind, SOON, || async {
            let events = self.api.get(&path).await;
            events["items"].as_array().unwrap().iter().find(|event| event["kind"] == kind).cloned()
        })
        .await;
        self.last = event["id"].as_i64().unwrap();
        event["at"].as_str().unwrap().parse().unwrap()
    }

    /// One container fails its check, and passes it again. How long each edge took, for both.
    async fn fail_and_pass(&mut self) -> [[SignedDuration; 2]; 2] {
        let (container, address) = self.one().await;
        let mut taken = Vec::new();
        for (what, kind, there) in
            [("fail", "container_unhealthy", false), ("pass", "container_healthy", true)]
        {
            let url = format!("http://{address}/health/{what}");
            reqwest::Client::new().post(url).send().await.unwrap();
            let come = all_come_to(&self.edges, &container, there).await;
            let observed = self.observed(kind).await;
            taken.push(come.map(|at| at.duration_since(observed)));
        }
        [taken[0], taken[1]]
    }

    /// One container dies behind the server's back. How long each edge took after the engine had told
    /// of it, which is before the server can know.
    async fn kill(&self) -> [SignedDuration; 2] {
        let (container, _) = self.one().await;
        let (engine, its) = (self.engine.clone(), container.clone());
        let killing = tokio::spawn(async move { engine.kill(&its).await });
        let come = all_come_to(&self.edges, &container, false).await;
        killing.await.unwrap();
        let told = Timestamp::try_from(self.engine.told_of_death(&container).await).unwrap();
        come.map(|at| at.duration_since(told))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_edges_have_changes_of_containers_within_a_tenth_of_a_second() {
    let engine = Engine::local();
    let image = engine.build(program(), 1, &[]);
    let mut installation = Installation::new(program(), &engine);
    installation.take_edges();
    let api = installation.start().await;
    let _machine = installation.start_edge_on(&api, "north").await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": REPLICAS, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms", "start_period": "60s" },
    }))
    .await;
    api.launch_ready("shop", &image.id).await;
    api.deploy("shop", 1).await;
    let edges = [
        Edge { name: "local", routes: installation.data().join("edge/routes") },
        Edge { name: "north", routes: installation.scratch().join("north/routes") },
    ];
    let last = api.get("/events?limit=1").await["items"][0]["id"].as_i64().unwrap();
    let mut site = Site { engine, api, edges, last };

    let (mut checks, mut deaths) = (Vec::new(), Vec::new());
    for _ in 0..FAILURES {
        checks.extend(site.fail_and_pass().await);
    }
    for _ in 0..KILLS {
        deaths.push(site.kill().await);
    }
    for (n, edge) in site.edges.iter().enumerate() {
        for (what, all) in [("a check", &checks), ("a death", &deaths)] {
            let mut all: Vec<_> = all.iter().map(|taken| taken[n]).collect();
            all.sort_unstable();
            let (median, most) = (all[all.len() / 2], all[all.len() - 1]);
            println!("{} had {what} after {median:?}, at most {most:?}", edge.name);
            // Single ones belong to whatever else the machine does.
            assert!(median <= SOON_ENOUGH, "{}, {what}: {all:?}", edge.name);
        }
    }
}
