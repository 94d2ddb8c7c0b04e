//! The Docker Engine, for what is no service's: the images of the sample, and tidying up.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::{API_DEFAULT_VERSION, Docker};
use launcher_scheduler::docker::Config;

/// How long an engine may take to show that it is there.
const REACH: Duration = Duration::from_secs(10);
/// How long it may take until the head of an answer, in seconds.
const ANSWER: u64 = 120;

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
