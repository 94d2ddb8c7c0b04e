//! `launcher edge`: the load balancer that is built in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use launcher_edge::Config;
use launcher_model::EdgeName;

use super::stopping;

/// How long requests that are under way may take to end when the edge is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// What an edge needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) name: EdgeName,
    pub(crate) data: PathBuf,
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) server_socket: PathBuf,
    pub(crate) threads: Option<usize>,
}

/// Runs until the process is told to stop.
pub(crate) async fn run(options: Options) -> Result<()> {
    let stopping = stopping::told_to_stop()?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let config = Config {
        name: options.name,
        http: options.http.clone(),
        threads: options.threads.unwrap_or_else(processors),
        data_dir: options.data,
        control: options.server_socket,
        limits: launcher_edge::Limits::default(),
        stop_within: STOP_WITHIN,
    };
    launcher_edge::run(config, stopping).await.with_context(|| {
        let addresses: Vec<String> = options.http.iter().map(ToString::to_string).collect();
        format!("the edge cannot serve on {}; choose an address with --http", addresses.join(", "))
    })
}
