//! `launcher edge`: the load balancer that is built in, or an nginx that runs beside this process.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use launcher_edge::remote::{self, JoinToken, Membership};
use launcher_edge::{
    Config, ControlPlane, Counters, Daemon, Https, Nginx, NginxDaemon, NginxOptions, Start,
};
use launcher_model::EdgeName;
use tokio::process::Command;
use tokio_util::task::AbortOnDropHandle;

use super::access_log;
use super::data::keep_to_itself;
use super::edge_page::LogTold;
use super::stopping::Replacements;
use super::{edge_page, program, stopping, systemd};
use crate::cli::args::nginx::NginxArgs;

/// How long requests that are under way may take to end when the edge is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// What an edge needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) control: Place,
    pub(crate) data: PathBuf,
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) https: Https,
    pub(crate) threads: Option<usize>,
    /// The nginx that carries the traffic, if this process does not.
    pub(crate) nginx: Option<NginxArgs>,
    pub(crate) take_over: bool,
    /// Whether it is measured how long requests take.
    pub(crate) measures: bool,
    /// Where what was measured is shown to Prometheus.
    pub(crate) metrics: Option<SocketAddr>,
    /// Where what becomes of each request is told.
    pub(crate) access_log: Option<access_log::Options>,
}

/// Where its server is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// On this machine.
    Here { socket: PathBuf, name: EdgeName },
    /// On another one; what is not said was kept when it joined.
    Elsewhere { server: Option<String>, token: Option<JoinToken> },
}

/// Runs until the process is told to stop, or another one has taken over.
pub(crate) async fn run(options: Options) -> Result<()> {
    let stopping = stopping::told_to_stop()?;
    // Workers of nginx, which are another user's, read what is written beside it.
    if options.nginx.is_none() {
        keep_to_itself();
    }
    let mut replacements = Replacements::listen()?;
    let program = program::path()?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let (name, control) = reach(options.control, &options.data).await?;
    if options.nginx.is_some() && options.access_log.is_some() {
        bail!(
            "nginx writes its access log itself: leave --access-log and --access-log-fluentd out, and see docs/access-logs.md for how its log is sent"
        );
    }
    if options.nginx.is_some() && !options.https.addresses.is_empty() {
        bail!(
            "nginx speaks HTTPS itself: leave --https out, and see docs/nginx.md for how its certificates are configured"
        );
    }
    let opened = options.access_log.as_ref().map(|log| access_log::open(log, &name, &options.data));
    let (log, access_log) = opened.transpose()?.unzip();
    let config = Config {
        name,
        http: options.http,
        https: options.https,
        threads: options.threads.unwrap_or_else(processors),
        data_dir: options.data,
        control,
        limits: launcher_edge::Limits { measures: options.measures, ..Default::default() },
        access: log,
        stop_within: STOP_WITHIN,
    };
    if let Some(nginx) = options.nginx {
        let nginx = Nginx::start(beside(nginx, &config))?;
        let name = config.name.to_string();
        let daemon = NginxDaemon::new(config, nginx);
        let _page = page(options.metrics, name, daemon.counters(), None);
        systemd::is_ready();
        daemon.run(stopping).await;
        return Ok(());
    }
    let start = Start { sockets: systemd::sockets()?, take_over: options.take_over };
    let name = config.name.to_string();
    let daemon = Daemon::begin(config, start).await.context("the edge cannot start")?;
    let told = access_log.as_ref().map(access_log::AccessLog::told);
    let shown = page(options.metrics, name, daemon.counters(), told);
    systemd::is_ready();
    let arguments = arguments_of_successor(daemon.http(), daemon.https());
    let replace = async {
        loop {
            replacements.next().await;
            start_successor(&program, &arguments);
        }
    };
    let stopping = async {
        stopping.await;
        systemd::is_stopping();
    };
    tokio::select! {
        () = daemon.run(stopping) => {}
        () = replace => {}
    }
    drop(shown);
    if let Some(access_log) = access_log {
        access_log.close().await;
    }
    Ok(())
}

/// This process's own arguments, and each address that it serves: some may have come from systemd.
fn arguments_of_successor(http: &[SocketAddr], https: &[SocketAddr]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    for (option, addresses) in [("--http", http), ("--https", https)] {
        for address in addresses {
            arguments.extend([option.into(), address.to_string().into()]);
        }
    }
    arguments
}

/// Starts the program that the disk holds now; it takes over by itself. When it cannot, this process
/// goes on.
fn start_successor(program: &Path, arguments: &[OsString]) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    for variable in systemd::HANDED {
        command.env_remove(variable);
    }
    match command.spawn() {
        Ok(mut successor) => {
            tracing::info!(program = %program.display(), pid = successor.id(), "another edge process is started, to take over");
            tokio::spawn(async move {
                match successor.wait().await {
                    Ok(ended) => {
                        tracing::warn!(%ended, "the edge process that was to take over ended");
                    }
                    Err(error) => tracing::error!(%error, "cannot wait for an edge process"),
                }
            });
        }
        Err(error) => {
            tracing::error!(program = %program.display(), %error, "cannot start another edge process");
        }
    }
}

fn beside(nginx: NginxArgs, config: &Config) -> NginxOptions {
    NginxOptions {
        binary: nginx.nginx_binary,
        conf: nginx.nginx_conf,
        prefix: nginx.nginx_prefix,
        pid: nginx.nginx_pid,
        include: nginx.nginx_include,
        internal: nginx.nginx_internal,
        http: config.http.clone(),
        data_dir: config.data_dir.clone(),
    }
}

/// Joins, if that was not done yet. Who this is, and where its server.
async fn reach(place: Place, data: &Path) -> Result<(EdgeName, ControlPlane)> {
    let (server, token) = match place {
        Place::Here { socket, name } => return Ok((name, ControlPlane::Local(socket))),
        Place::Elsewhere { server, token } => (server, token),
    };
    let kept = Membership::kept(data)?;
    let membership = match (kept, server, token) {
        // A token that was used may stay where it was written down; another one is to join anew.
        (Some(kept), server, token) if token.as_ref().is_none_or(|token| kept.came_by(token)) => {
            match server {
                Some(server) => kept.at(server),
                None => kept,
            }
        }
        (_, Some(server), Some(token)) => {
            let joined = remote::join(data, &server, &token).await?;
            tracing::info!(edge = %joined.edge(), %server, "this edge has joined");
            joined
        }
        _ => bail!(
            "this edge belongs to no server yet: run `launcher edges invite NAME` where the server is, and start this with --server URL --token TOKEN"
        ),
    };
    Ok((membership.edge().clone(), ControlPlane::Remote(Arc::new(membership))))
}

/// Shows what was measured, where that is asked for.
fn page(
    address: Option<SocketAddr>,
    name: String,
    counters: Counters,
    log: Option<LogTold>,
) -> Option<AbortOnDropHandle<()>> {
    address.map(|address| edge_page::show(address, name, counters, log))
}
