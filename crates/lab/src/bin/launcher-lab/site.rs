//! The installation in a lab: a server on the first host, and an edge on every host.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use launcher_lab::{Host, Lab, Process};
use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::configuration;

/// How long the server may take to answer, and the edges to be connected.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often is looked whether they are.
const LOOK: Duration = Duration::from_millis(50);

/// An installation that runs.
#[derive(Debug)]
pub(crate) struct Site {
    program: PathBuf,
    configuration: PathBuf,
    data: PathBuf,
    /// The name of the server's host.
    host: String,
    api: SocketAddr,
    door: SocketAddr,
    /// What runs, by the host's name.
    servers: Mutex<BTreeMap<String, Process>>,
    edges: Mutex<BTreeMap<String, Process>>,
}

/// What an edge joins with.
#[derive(Debug, Deserialize)]
struct Invitation {
    token: String,
}

/// What there is to know of an edge.
#[derive(Debug, Deserialize)]
struct Edge {
    name: String,
    state: String,
}

impl Site {
    /// Starts it, and returns when every edge is connected.
    pub(crate) async fn start(lab: &Lab, program: &Path) -> Result<Self> {
        let first = lab.hosts().first().context("a lab has hosts")?;
        let site = Self {
            program: program.to_owned(),
            configuration: configuration::write(lab, first)?,
            data: configuration::data(lab),
            host: first.name().to_owned(),
            api: configuration::api(first),
            door: configuration::edges(first),
            servers: Mutex::default(),
            edges: Mutex::default(),
        };
        site.start_server(first).await?;
        for host in lab.hosts() {
            site.start_edge(host).await?;
        }
        site.wait_until_connected(lab.hosts().len()).await?;
        Ok(site)
    }

    /// Where API and pages are.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// Where the administrator's token is.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.data.join("admin-token")
    }

    /// Where a host's edge serves, if it runs.
    pub(crate) async fn edge(&self, host: &Host) -> Option<SocketAddr> {
        let mut edges = self.edges.lock().await;
        let runs = edges.get_mut(host.name()).is_some_and(Process::is_running);
        runs.then(|| serves(host))
    }

    /// Starts what belongs on a host, where it does not run.
    pub(crate) async fn start_on(&self, host: &Host) -> Result<()> {
        if host.name() == self.host {
            self.start_server(host).await?;
        }
        self.start_edge(host).await
    }

    async fn start_server(&self, host: &Host) -> Result<()> {
        let mut servers = self.servers.lock().await;
        if servers.get_mut(host.name()).is_some_and(Process::is_running) {
            return Ok(());
        }
        let configuration = self.configuration.as_os_str();
        let arguments = ["server".as_ref(), "--config".as_ref(), configuration];
        let log = host.directory().join("server.log");
        let mut server = host.run(&self.program, &arguments, &log).await?;
        let began = Instant::now();
        while !self.answers().await {
            let log = log.display();
            ensure!(server.is_running(), "the server has ended at its start; its log is {log}");
            ensure!(began.elapsed() < PATIENCE, "the server does not answer; its log is {log}");
            tokio::time::sleep(LOOK).await;
        }
        servers.insert(host.name().to_owned(), server);
        Ok(())
    }

    async fn answers(&self) -> bool {
        self.token_file().exists() && self.launcher(&["edges", "--json"]).await.is_ok()
    }

    async fn start_edge(&self, host: &Host) -> Result<()> {
        let mut edges = self.edges.lock().await;
        if edges.get_mut(host.name()).is_some_and(Process::is_running) {
            return Ok(());
        }
        let data = host.directory().join("edge");
        let (directory, http) = (data.display().to_string(), serves(host).to_string());
        let mut arguments = vec!["edge", "--data", &directory, "--http", &http, "--threads", "1"];
        let (server, token);
        // One that has joined knows its server.
        if !data.exists() {
            token = self.invite(host.name()).await?;
            server = format!("https://{}", self.door);
            arguments.extend(["--server", &server, "--token", &token]);
        }
        let log = host.directory().join("edge.log");
        let edge = host.run(&self.program, &arguments, &log).await?;
        edges.insert(host.name().to_owned(), edge);
        Ok(())
    }

    async fn invite(&self, name: &str) -> Result<String> {
        let invitation = self.launcher(&["edges", "invite", name, "--json"]).await?;
        let invitation: Invitation = serde_json::from_slice(&invitation)
            .context("`launcher edges invite` does not print an invitation")?;
        Ok(invitation.token)
    }

    async fn wait_until_connected(&self, wanted: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let listed = self.launcher(&["edges", "--json"]).await?;
            let edges: Vec<Edge> =
                serde_json::from_slice(&listed).context("`launcher edges` does not print edges")?;
            let away = edges.iter().filter(|edge| edge.state != "connected");
            let away: Vec<_> = away.map(|edge| edge.name.as_str()).collect();
            if edges.len() == wanted && away.is_empty() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!(
                    "not all edges are connected: {}; the logs are edge.log beside each engine's",
                    away.join(", ")
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What the program prints when it is asked this as the administrator.
    async fn launcher(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let doing = || format!("`launcher {}` failed", arguments.join(" "));
        let asked = Command::new(&self.program)
            .args(["--url", &self.url(), "--token-file"])
            .arg(self.token_file())
            .args(arguments)
            .env_remove("LAUNCHER_TOKEN")
            .kill_on_drop(true)
            .output()
            .await
            .with_context(doing)?;
        let said = String::from_utf8_lossy(&asked.stderr);
        ensure!(asked.status.success(), "{}: {}", doing(), said.trim());
        Ok(asked.stdout)
    }
}

fn serves(host: &Host) -> SocketAddr {
    SocketAddr::from((host.address(), configuration::HTTP))
}
