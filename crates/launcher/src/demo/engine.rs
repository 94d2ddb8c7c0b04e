//! The Docker Engine, for what is no service's: the images of the sample, and tidying up.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::errors::Error;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use launcher_scheduler::docker::Config;

type Filter = HashMap<&'static str, Vec<String>>;

/// How long an engine may take to show that it is there.
const REACH: Duration = Duration::from_secs(10);
/// How long it may take until the head of an answer, in seconds.
const ANSWER: u64 = 120;
/// How often removing is tried, and how long it is waited in between.
const ROUNDS: usize = 100;
const ROUND: Duration = Duration::from_millis(50);

/// Connects to the engine that the server will use.
///
/// # Errors
/// When none answers; the message says what to do.
pub(super) async fn connect() -> Result<Docker> {
    let host = host();
    let reached = tokio::time::timeout(REACH, reach(&host)).await;
    let reached = reached.unwrap_or_else(|_| bail!("it does not answer in time"));
    reached.with_context(|| {
        format!(
            "no Docker Engine answers at {host}: start it (`make demo` installs and starts one), or say \
             where it listens with LAUNCHER_DOCKER_HOST"
        )
    })
}

fn host() -> String {
    let said = std::env::var("LAUNCHER_DOCKER_HOST").ok().filter(|host| !host.is_empty());
    said.unwrap_or_else(|| Config::new("demo").host)
}

async fn reach(host: &str) -> Result<Docker> {
    let engine = if host.starts_with("unix://") || host.starts_with('/') {
        Docker::connect_with_unix(host, ANSWER, API_DEFAULT_VERSION)
    } else {
        Docker::connect_with_http(host, ANSWER, API_DEFAULT_VERSION)
    };
    Ok(engine?.negotiate_version().await?)
}

/// The label of everything on the engine that belongs to one demonstration: its images have it, and the
/// containers that are made of them.
pub(super) const RUN: &str = "launcher.demo";
/// The label that says which process's it is.
pub(super) const OWNER: &str = "launcher.demo.owner";

/// The demonstrations that have something on the engine: which, and whose.
///
/// # Errors
/// When the engine does not say.
pub(super) async fn runs(engine: &Docker) -> Result<BTreeMap<String, String>> {
    let label = HashMap::from([("label", vec![OWNER.to_owned()])]);
    let all = ListImagesOptionsBuilder::new().all(true).filters(&label).build();
    let images = engine.list_images(Some(all)).await.context("cannot list the engine's images")?;
    let run = |labels: HashMap<String, String>| {
        Some((labels.get(RUN)?.clone(), labels.get(OWNER)?.clone()))
    };
    Ok(images.into_iter().filter_map(|image| run(image.labels)).collect())
}

/// Removes all that is on the engine of one demonstration.
///
/// # Errors
/// When something is left.
pub(super) async fn remove(engine: &Docker, run: &str) -> Result<()> {
    let label = HashMap::from([("label", vec![format!("{RUN}={run}")])]);
    remove_containers(engine, &label).await.context("cannot remove the containers")?;
    remove_images(engine, &label).await.context("cannot remove the images")
}

async fn remove_containers(engine: &Docker, label: &Filter) -> Result<()> {
    let all = ListContainersOptionsBuilder::new().all(true).filters(label).build();
    for _ in 0..ROUNDS {
        let found = engine.list_containers(Some(all.clone())).await?;
        if found.is_empty() {
            return Ok(());
        }
        let ids = found.into_iter().filter_map(|container| container.id);
        let removals = ids.map(|id| async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            done_or_under_way(engine.remove_container(&id, Some(options)).await)
        });
        futures_util::future::try_join_all(removals).await?;
        tokio::time::sleep(ROUND).await;
    }
    bail!("the engine is still removing them")
}

/// An image that others build upon goes after those.
async fn remove_images(engine: &Docker, label: &Filter) -> Result<()> {
    let all = ListImagesOptionsBuilder::new().all(true).filters(label).build();
    for _ in 0..ROUNDS {
        let found = engine.list_images(Some(all.clone())).await?;
        if found.is_empty() {
            return Ok(());
        }
        for image in found {
            let options = RemoveImageOptionsBuilder::new().force(true).build();
            done_or_under_way(engine.remove_image(&image.id, Some(options), None).await)?;
        }
        tokio::time::sleep(ROUND).await;
    }
    bail!("something else uses them")
}

/// What is gone already is as good as removed; what cannot be removed yet is tried again.
fn done_or_under_way<T>(outcome: Result<T, Error>) -> Result<()> {
    match outcome {
        Ok(_) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
