//! The edge that is measured: the program's own process, told what to serve as a server tells it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use launcher_edge::protocol::{FromEdge, ToEdge};
use launcher_edge::table::{Pool, RouteTable, Rules, ServiceTable};
use launcher_edge::wire;
use launcher_model::service::Traffic;
use launcher_model::{Generation, ServiceName, VersionNumber, Weight};
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Settings;
use crate::process::{Running, free_port};
use crate::report::{Better, Figure};
use crate::rounds::{Candidate, Plan, alternate, compare};
use crate::wire::{Certificate, Wire};

/// How long an edge may take to report.
const PATIENCE: Duration = Duration::from_secs(20);

/// An edge that serves.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) process: Running,
    /// Its other side, which must outlive it.
    _server: JoinSet<()>,
}

/// The production hostname of a service, counted from 0.
pub(crate) fn hostname(number: usize) -> String {
    format!("s{number}.example.com")
}

impl Edge {
    /// Starts one with two threads that serves so many services, all by the same upstream.
    ///
    /// # Errors
    /// When it does not start, or does not take its table.
    pub(crate) async fn start(
        program: &Path,
        directory: &Path,
        upstream: SocketAddr,
        services: usize,
    ) -> Result<Self> {
        Self::start_with(program, directory, upstream, services, &[]).await
    }

    /// The same, which speaks TLS with this certificate, and has that as its address.
    ///
    /// # Errors
    /// When it does not start, or does not take its table.
    pub(crate) async fn start_with_tls(
        program: &Path,
        directory: &Path,
        upstream: SocketAddr,
        certificate: &Certificate,
    ) -> Result<Self> {
        let configuration = directory.join("edge.toml");
        let (chain, key) = (certificate.chain.display(), certificate.key.display());
        let named = format!("[[certificates]]\ncertificate = \"{chain}\"\nkey = \"{key}\"\n");
        std::fs::write(&configuration, named).context("cannot write the edge's configuration")?;
        let address = free_port()?;
        let (https, file) = (address.to_string(), configuration.display().to_string());
        let arguments = ["--https", &https, "--config", &file];
        let mut edge = Self::start_with(program, directory, upstream, 1, &arguments).await?;
        edge.process.wait_until_serving(address)?;
        Ok(Self { address, ..edge })
    }

    /// The same as [`Edge::start`], with more arguments.
    ///
    /// # Errors
    /// When it does not start, or does not take its table.
    pub(crate) async fn start_with(
        program: &Path,
        directory: &Path,
        upstream: SocketAddr,
        services: usize,
        arguments: &[&str],
    ) -> Result<Self> {
        let name = format!("edge-{services}{}", arguments.first().unwrap_or(&""));
        let (data, socket) = (directory.join(&name), directory.join(format!("{name}.sock")));
        let listener = UnixListener::bind(&socket).context("cannot listen for the edge")?;
        let address = free_port()?;
        let mut command = Command::new(program);
        command.args(["edge", "--name", "bench", "--threads", "2", "--http"]);
        command.arg(address.to_string()).arg("--data").arg(data);
        command.arg("--server-socket").arg(socket).args(arguments);
        let mut process = Running::start("launcher edge", &mut command)?;
        let server = timeout(PATIENCE, instruct(listener, table(upstream, services)?))
            .await
            .context("the edge did not take its table in time")??;
        process.wait_until_serving(address)?;
        Ok(Self { address, process, _server: server })
    }
}

/// Two edges that do the same but for their arguments, to tell what those cost.
pub(crate) struct Pair<'a> {
    /// A name, and the arguments of the one that does more.
    pub(crate) more: (&'static str, &'a [&'a str]),
    /// The same of the one that does less.
    pub(crate) less: (&'static str, &'a [&'a str]),
    /// What is told: the share of the throughput that it costs, and the time of a request's processors.
    pub(crate) figures: [&'static str; 2],
}

impl Pair<'_> {
    /// Has them carry the same in turns.
    ///
    /// # Errors
    /// When an edge does not start, or the load cannot be made.
    pub(crate) async fn compare(
        &self,
        settings: &Settings,
        directory: &Path,
        upstream: SocketAddr,
    ) -> Result<Vec<Figure>> {
        let start =
            |(_, arguments)| Edge::start_with(&settings.program, directory, upstream, 1, arguments);
        let (more, less) = (start(self.more).await?, start(self.less).await?);
        let candidates = [(self.more.0, &more), (self.less.0, &less)]
            .map(|(name, edge)| Candidate { name, address: edge.address, process: &edge.process });
        let host = &hostname(0);
        let plan = Plan {
            wire: Wire::Plain,
            host,
            path: "/version",
            rounds: settings.rounds(),
            turn: settings.turn(),
        };
        let [more, less] = alternate(candidates, plan).await?;
        let (.., rate) = compare(&more.rate, &less.rate);
        let (ours, without, cpu) = compare(&more.cpu_us, &less.cpu_us);
        let [cost, cpu_cost] = self.figures;
        let cost = Figure::new(cost, "share", Better::Lower, 1.0 - rate);
        let cpu_cost = Figure::new(cpu_cost, "µs", Better::Lower, ours);
        Ok(vec![cost, cpu_cost.beside("without", without, cpu)])
    }
}

/// Gives the edge that connects its table, and then listens to it without a word.
async fn instruct(listener: UnixListener, table: RouteTable) -> Result<JoinSet<()>> {
    let (stream, _) = listener.accept().await.context("the edge does not connect")?;
    let (mut from_edge, mut to_edge) = wire::split::<_, FromEdge, ToEdge>(stream);
    let Some(FromEdge::Hello { .. }) = from_edge.next().await? else {
        bail!("the edge does not introduce itself");
    };
    to_edge.send(&ToEdge::Welcome { table, unchanged: Vec::new() }).await?;
    let Some(FromEdge::Applied { .. }) = from_edge.next().await? else {
        bail!("the edge does not take its table");
    };
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok(Some(_)) = from_edge.next().await {}
        drop(to_edge);
    });
    Ok(server)
}

fn table(upstream: SocketAddr, services: usize) -> Result<RouteTable> {
    let version = VersionNumber(1);
    let services = (0..services).map(|number| {
        let name = ServiceName::new(format!("s{number}"))?;
        let endpoints = [("c1".to_owned(), upstream)].into();
        let table = ServiceTable {
            name: name.clone(),
            hosts: vec![hostname(number)],
            revision: 1,
            generation: Generation(1),
            weights: [(version, Weight::ALL)].into(),
            pools: [(version, Pool { endpoints, ..Pool::default() })].into(),
            traffic: Traffic::default(),
            rules: Rules::default(),
            branches: Default::default(),
        };
        Ok((name, table))
    });
    let services = services.collect::<Result<_>>()?;
    Ok(RouteTable { preview_domain: "localhost".to_owned(), installation: None, services })
}
