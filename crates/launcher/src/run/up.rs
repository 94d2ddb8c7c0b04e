//! `launcher up`: server and edge of this machine, as two processes that are kept running.
//!
//! Two, so that either survives the other's death: the edge serves on while the server is started again,
//! and the other way round. At SIGHUP both are replaced by what the program's file holds then.

mod process;

use std::ffi::OsString;

use anyhow::Result;

use super::config::Config;
use super::data::{DataDir, keep_to_itself};
use super::stopping::{self, Replacements};
use super::{program, systemd};
use process::{Process, Replaced};

/// Runs until the process is told to stop.
pub(crate) async fn run(config: Config) -> Result<()> {
    let stopping = stopping::told_to_stop()?;
    keep_to_itself();
    let data = DataDir::open(&config.data)?;
    let mut replacements = Replacements::listen()?;
    let program = program::path()?;
    let arguments = server_arguments(&config);
    let mut server = Process::new("server", &program, arguments, Replaced::ByARestart);
    let arguments = edge_arguments(&config, &data);
    let mut edge = Process::new("edge", &program, arguments, Replaced::ByTakeover);
    server.announce();
    let (replace_server, replace_edge) = (server.replace(), edge.replace());
    let replace = async {
        loop {
            replacements.next().await;
            tracing::info!("the processes are replaced by what the program's file holds now");
            replace_server.notify_one();
            replace_edge.notify_one();
        }
    };
    systemd::is_ready();
    let kept = tokio::select! {
        () = stopping => Ok(()),
        () = replace => Ok(()),
        failed = server.keep_running() => failed,
        failed = edge.keep_running() => failed,
    };
    systemd::is_stopping();
    // The edge goes last: it carries requests that the server may still be switching.
    server.stop().await;
    edge.stop().await;
    kept
}

fn server_arguments(config: &Config) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["server".into()];
    if let Some(file) = &config.file {
        arguments.extend(["--config".into(), file.into()]);
    }
    arguments.extend(["--data".into(), config.data.clone().into()]);
    arguments.extend(["--listen".into(), config.listen.to_string().into()]);
    arguments.extend(addresses(config));
    if let Some(edges) = config.edges {
        arguments.extend(["--edges".into(), edges.to_string().into()]);
    }
    arguments
}

/// Where the edge serves.
fn addresses(config: &Config) -> Vec<OsString> {
    let mut arguments = Vec::new();
    for (option, addresses) in [("--http", &config.http), ("--https", &config.https)] {
        for address in addresses {
            arguments.extend([option.into(), address.to_string().into()]);
        }
    }
    arguments
}

fn edge_arguments(config: &Config, data: &DataDir) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["edge".into(), "--name".into(), "local".into()];
    // For its certificates.
    if let Some(file) = &config.file {
        arguments.extend(["--config".into(), file.into()]);
    }
    arguments.extend(["--data".into(), data.edge_dir().into()]);
    arguments.extend(["--server-socket".into(), data.edge_socket().into()]);
    if let Some(metrics) = config.metrics.edge() {
        arguments.extend(["--metrics".into(), metrics.to_string().into()]);
    }
    arguments.extend(addresses(config));
    arguments.extend(config.access_log.iter().flat_map(|log| log.arguments()));
    arguments
}
