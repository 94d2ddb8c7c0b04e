//! How long an environment takes from the call until it is ready.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::join_all;
use launcher_testkit::engine::TEST_LABEL;
use launcher_testkit::{Api, Engine, Image, Installation};
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::Settings;
use crate::report::{Better, Figure};
use crate::rounds::compare;

const CONTAINERS: usize = 10;
/// How often the caller looks whether the environment is ready.
const LOOK: Duration = Duration::from_millis(5);

/// An environment of ten containers, beside ten `docker run -d` at once, in turns.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let rounds = if settings.quick { 2 } else { 9 };
    let engine = Engine::local();
    let image = engine.build(&settings.program, 1, &[]);
    let mut installation = Installation::new(&settings.program, &engine);
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "replicas": CONTAINERS, "port": 8080 },
        "health": { "path": "/healthz", "interval": "100ms", "healthy_after": 1 },
    }))
    .await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round warms the engine up and is not counted.
    for round in 0..=rounds {
        let (environment, docker) = if round % 2 == 0 {
            let environment = launch(&api, &image).await?;
            (environment, docker_run(&engine, &image).await?)
        } else {
            let docker = docker_run(&engine, &image).await?;
            (launch(&api, &image).await?, docker)
        };
        if round > 0 {
            eprintln!("  round {round} of {rounds}: {environment:.3} s, docker run {docker:.3} s");
            ours.push(environment);
            theirs.push(docker);
        }
    }
    let (ours, theirs, ratio) = compare(&ours, &theirs);
    let figure = Figure::new("environment_10_ready", "s", Better::Lower, ours);
    Ok(vec![figure.beside("docker run", theirs, ratio)])
}

/// Launches an environment, and takes it away again: seconds from the call until it was ready.
async fn launch(api: &Api, image: &Image) -> Result<f64> {
    let began = Instant::now();
    let number = api.launch("shop", &image.id).await;
    loop {
        let version = api.version("shop", number).await;
        match version["environment"]["state"].as_str() {
            Some("ready") => break,
            Some("failed") => bail!("v{number} failed: {}", version["environment"]["failure"]),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
    let took = began.elapsed();
    api.call(Method::DELETE, &format!("/services/shop/versions/{number}"), None).await;
    api.wait_for_state("shop", number, "destroyed").await;
    Ok(took.as_secs_f64())
}

/// Runs as many containers by hand, and takes them away again: seconds until all ran.
async fn docker_run(engine: &Engine, image: &Image) -> Result<f64> {
    let began = Instant::now();
    let containers = join_all((0..CONTAINERS).map(|_| docker_run_one(engine, image))).await;
    let took = began.elapsed();
    let ran = containers.iter().filter_map(|container| container.as_ref().ok());
    join_all(ran.map(|container| engine.remove(container))).await;
    containers.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(took.as_secs_f64())
}

async fn docker_run_one(engine: &Engine, image: &Image) -> Result<String> {
    let output = Command::new("docker")
        .args(["--host", engine.host(), "run", "--detach", "--label", TEST_LABEL, &image.id])
        .output()
        .await
        .context("cannot run docker; dev/setup.sh bench installs it")?;
    if !output.status.success() {
        bail!("docker run failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
