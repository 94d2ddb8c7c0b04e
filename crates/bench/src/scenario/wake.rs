//! How long the first request of an environment that is asleep takes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use launcher_testkit::engine::TEST_LABEL;
use launcher_testkit::{Api, Engine, Image, Installation};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::Settings;
use crate::report::{Better, Figure};
use crate::rounds::compare;

/// How often is looked whether something is so.
const LOOK: Duration = Duration::from_millis(5);
const HOST: &str = "login.shop.localhost";

/// The first request to a branch's environment that is asleep, beside `docker start` of a container of the
/// same image until its application answers, in turns.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let rounds = if settings.quick { 2 } else { 9 };
    let engine = Engine::local();
    let image = engine.build(&settings.program, 1, &[]);
    let mut installation = Installation::new(&settings.program, &engine);
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "port": 8080 },
        "health": { "path": "/healthz", "interval": "1s" },
        "branches": { "match": ["*"], "sleep_after": "1s" },
    }))
    .await;
    let body = json!({ "image": image.id, "branch": "login" });
    let made = api.post("/services/shop/versions", body).await;
    let version = made["number"].as_u64().context("the launch answers with a number")?;
    let by_hand = ByHand::create(&engine, &image).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round warms the engine up and is not counted.
    for round in 0..=rounds {
        falls_asleep(&api, version).await;
        let (woken, started) = if round % 2 == 0 {
            (wake(installation.http).await?, by_hand.start().await?)
        } else {
            let started = by_hand.start().await?;
            (wake(installation.http).await?, started)
        };
        if round > 0 {
            eprintln!("  round {round} of {rounds}: {woken:.3} s, docker start {started:.3} s");
            ours.push(woken);
            theirs.push(started);
        }
    }
    engine.remove(&by_hand.container).await;
    let (ours, theirs, ratio) = compare(&ours, &theirs);
    let figure = Figure::new("wake_first_request", "s", Better::Lower, ours);
    Ok(vec![figure.beside("docker start + its own time", theirs, ratio)])
}

async fn falls_asleep(api: &Api, version: u64) {
    loop {
        let view = api.version("shop", version).await;
        let environment = &view["environment"];
        if environment["asleep"] == true && environment["state"] == "stopped" {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Seconds until the first request was answered.
async fn wake(edge: SocketAddr) -> Result<f64> {
    let began = Instant::now();
    if !answers(edge).await? {
        bail!("the environment did not answer its first request");
    }
    Ok(began.elapsed().as_secs_f64())
}

async fn answers(at: SocketAddr) -> Result<bool> {
    let mut stream = TcpStream::connect(at).await?;
    let request = format!("GET /version HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

/// A container that is started by hand.
struct ByHand {
    host: String,
    container: String,
}

impl ByHand {
    async fn create(engine: &Engine, image: &Image) -> Result<Self> {
        let host = engine.host().to_owned();
        let asked = ["create", "--label", TEST_LABEL, &image.id];
        let container = docker(&host, &asked).await?;
        Ok(Self { host, container })
    }

    /// Starts it and stops it again: seconds until its application answered.
    async fn start(&self) -> Result<f64> {
        let began = Instant::now();
        docker(&self.host, &["start", &self.container]).await?;
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = docker(&self.host, &["inspect", "--format", format, &self.container]).await?;
        let at: SocketAddr = format!("{address}:8080").parse().context("a container's address")?;
        while !answers(at).await.unwrap_or(false) {
            tokio::time::sleep(LOOK).await;
        }
        let took = began.elapsed().as_secs_f64();
        docker(&self.host, &["stop", &self.container]).await?;
        Ok(took)
    }
}

async fn docker(host: &str, asked: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(["--host", host]).args(asked).output().await;
    let output = output.context("cannot run docker; dev/setup.sh bench installs it")?;
    if !output.status.success() {
        bail!("docker {} failed: {}", asked[0], String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
