//! `launcher agent`: measures what this host and its containers use, and tells the server.

use anyhow::{Context, Result};
use launcher_agent::{Options, Server};
use launcher_scheduler::docker::residents::Residents;
use tokio::net::TcpListener;

use super::{stopping, systemd};
use crate::cli;
use crate::cli::args::agent::AgentRun;
use crate::cli::args::client::To;

/// Runs until the process is told to stop.
pub(crate) async fn run(To { what, server }: To<AgentRun>) -> Result<()> {
    let stopping = stopping::told_to_stop()?;
    let AgentRun { host, every, metrics, no_server, engine } = what;
    let server = if no_server {
        None
    } else {
        let (url, token) = cli::server(&server)?;
        Some(Server::new(url, token)?)
    };
    let metrics = match metrics {
        Some(address) => {
            let listener = TcpListener::bind(address).await;
            Some(listener.with_context(|| {
                format!("cannot listen on {address}; choose another address with --metrics")
            })?)
        }
        None => None,
    };
    if let Some(bound) = metrics.as_ref().and_then(|listener| listener.local_addr().ok()) {
        tracing::info!(address = %bound, "Prometheus may ask at /metrics");
    }
    let residents = Residents::at(engine.docker_host)?;
    let installation = engine.installation;
    systemd::is_ready();
    let stopping = async {
        stopping.await;
        systemd::is_stopping();
    };
    launcher_agent::run(
        Options { residents, host, every, server, installation, metrics },
        stopping,
    )
    .await?;
    Ok(())
}
