//! Fewer containers, and more again, under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use launcher_testkit::load::Plan;
use launcher_testkit::wait::{SOON, until_ok};
use launcher_testkit::{Api, Load};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::ground::Ground;

const HOST: &str = "shop.example.com";

/// From 4 containers to 1 and back, so often.
const ROUNDS: usize = 2;

/// Requests that take a while, each over a connection of its own.
struct Slow {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Slow {
    fn start(edge: SocketAddr, at_once: u64) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let tasks = (0..at_once).map(|nth| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let takes = Duration::from_millis(600 + 100 * nth);
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match order(edge, takes).await {
                        Ok(answer)
                            if answer.starts_with("HTTP/1.1 200 ")
                                && answer.ends_with("first, last") =>
                        {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        other => failed.push(format!("{other:?}")),
                    }
                }
                failed
            })
        });
        let tasks = tasks.collect();
        Self { stop, answered, tasks }
    }

    async fn stop(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        for task in self.tasks {
            failed.extend(task.await.unwrap());
        }
        (self.answered.load(Ordering::Relaxed), failed)
    }
}

/// A request that takes so long, and that nothing repeats. Its answer, as it comes.
async fn order(edge: SocketAddr, takes: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(edge).await?;
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 11\r\nconnection: close\r\n\r\nfirst"
    );
    stream.write_all(head.as_bytes()).await?;
    tokio::time::sleep(takes).await;
    stream.write_all(b", last").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn scale(api: &Api, ground: &Ground, installation: &str, replicas: u64) {
    let body = json!({ "replicas": replicas });
    let _: Value = api.post("/services/shop/versions/1/scale", body).await;
    let what = format!("{replicas} healthy containers and no other");
    until_ok(&what, SOON, async || {
        let healthy = api.version("shop", 1).await["environment"]["healthy"].clone();
        let there = ground.containers(installation).await;
        let wanted = there == [("shop/1".to_owned(), replicas)].into();
        if wanted && healthy == json!(replicas) {
            return Ok(());
        }
        Err(format!("{healthy} are healthy of {there:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_fewer_containers_of_a_hasty_application_lose_nothing() {
    lose_nothing(Ground::docker()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_fewer_containers_of_a_hasty_application_lose_nothing() {
    lose_nothing(Ground::swarm().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_fewer_containers_of_a_hasty_application_lose_nothing() {
    lose_nothing(Ground::marathon().await).await;
}

/// An application that dies at once when it is told to end loses no request, however slow: it is told when it
/// has none any more.
async fn lose_nothing(mut ground: Ground) {
    let image = ground.image(1, &[("SAMPLE_HASTY", "true")]).await;
    let mut installation = ground.installation();
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": [HOST], "replicas": 4, "port": 8080 },
        "health": { "path": "/healthz", "interval": "1s" },
    }))
    .await;
    api.launch_ready("shop", &image).await;
    api.deploy("shop", 1).await;
    let load = Load::start(Plan {
        edge: installation.http,
        host: HOST.to_owned(),
        connections: 16,
        sockets: 0,
        pause: Duration::from_millis(5),
        live: 1,
    });
    let slow = Slow::start(installation.http, 8);
    for _ in 0..ROUNDS {
        scale(&api, &ground, installation.id(), 1).await;
        scale(&api, &ground, installation.id(), 4).await;
    }
    let (answered, failed) = slow.stop().await;
    assert_eq!(failed, Vec::<String>::new());
    assert!(answered > 8, "{answered}");
    let report = load.stop();
    assert_eq!((report.failed, report.closed), (0, 0), "{report:?}");
    assert!(report.answered > 100, "{report:?}");
}
