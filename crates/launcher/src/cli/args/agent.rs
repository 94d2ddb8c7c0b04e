//! The agent, and what monitoring asks of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use launcher_agent::Every;
use launcher_agent::check::Limits;
use launcher_model::{ServiceName, Span};

use super::client::To;
use super::examples;

/// `launcher agent`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Agent {
    /// What to do instead of measuring for ever.
    #[command(subcommand)]
    pub(crate) act: Option<AgentCommand>,
    #[command(flatten)]
    pub(crate) run: To<AgentRun>,
}

/// How to measure for ever.
#[derive(Debug, Clone, Args)]
pub(crate) struct AgentRun {
    /// What the scheduler calls this host [default: what the engine calls it]
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// How often it measures: 1s, 2s, 5s or 10s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = every)]
    pub(crate) every: Every,
    /// Serve /metrics for Prometheus there
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Tell no server: measure for Prometheus alone
    #[arg(long, requires = "metrics")]
    pub(crate) no_server: bool,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// Which engine's containers.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Where this host's Docker Engine listens
    #[arg(long, value_name = "HOST", env = "LAUNCHER_DOCKER_HOST", hide_env_values = true)]
    #[arg(default_value = "unix:///var/run/docker.sock")]
    pub(crate) docker_host: String,
    /// Only the containers of one installation, by the id in its labels
    #[arg(long, value_name = "ID")]
    pub(crate) installation: Option<String>,
}

fn every(text: &str) -> Result<Every, String> {
    let span: Span =
        text.parse().map_err(|error: launcher_model::units::InvalidQuantity| error.to_string())?;
    Every::new(span.duration()).map_err(|error| error.to_string())
}

/// What an agent does once.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AgentCommand {
    /// Check something as Nagios and Sensu do: one line, and a status of 0 to 3
    #[command(subcommand, after_help = examples::AGENT_CHECK)]
    Check(CheckCommand),
    /// Print what this host and its containers use as lines for Graphite, and end
    #[command(after_help = examples::AGENT_METRICS)]
    Metrics(MetricsArgs),
}

/// What to check.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CheckCommand {
    /// Check that a service is live, with as many healthy containers as it shall have
    #[command(after_help = examples::AGENT_CHECK_SERVICE)]
    Service(To<CheckService>),
    /// Check this host's processors, memory and disks; or what the server says of another host
    #[command(after_help = examples::AGENT_CHECK_HOST)]
    Host(To<CheckHost>),
    /// Check the memory of our containers on this host, and that none of them died for want of it
    #[command(after_help = examples::AGENT_CHECK_CONTAINERS)]
    Containers(CheckContainers),
    /// Check that the server takes changes, and that its edges are connected
    #[command(after_help = examples::AGENT_CHECK_SERVER)]
    Server(To<CheckServer>),
}

/// `agent metrics`.
#[derive(Debug, Clone, Args)]
pub(crate) struct MetricsArgs {
    /// What the scheduler calls this host [default: what the engine calls it]
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = over)]
    pub(crate) over: Duration,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// For how long a check waits.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PatienceArgs {
    /// How long others may take to answer, in all
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = patience)]
    pub(crate) timeout: Span,
}

/// `agent check service`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckService {
    /// The service
    pub(crate) service: ServiceName,
    #[command(flatten)]
    pub(crate) patience: PatienceArgs,
}

/// `agent check server`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckServer {
    #[command(flatten)]
    pub(crate) patience: PatienceArgs,
}

/// `agent check host`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckHost {
    /// Another host than this one, of which the server is asked
    #[arg(value_name = "HOST", conflicts_with_all = ["disk", "over"])]
    pub(crate) host: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// A folder whose file system is to have room; may be given several times
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) disk: Vec<PathBuf>,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = over)]
    pub(crate) over: Duration,
    #[command(flatten)]
    pub(crate) patience: PatienceArgs,
}

/// `agent check containers`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckContainers {
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Where it is kept what the last run saw [default: in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    #[command(flatten)]
    pub(crate) patience: PatienceArgs,
}

/// From where on something is worth telling.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct LimitArgs {
    /// Warn at more than so many percent
    #[arg(short, long, value_name = "PERCENT", default_value = "80", value_parser = percent)]
    pub(crate) warning: f64,
    /// It is critical at more than so many percent
    #[arg(short, long, value_name = "PERCENT", default_value = "95", value_parser = percent)]
    pub(crate) critical: f64,
}

impl LimitArgs {
    /// The limits, when there can be a warning before it is critical.
    pub(crate) fn read(self) -> Result<Limits, String> {
        let Self { warning, critical } = self;
        if warning > critical {
            return Err(format!(
                "--warning {warning} is beyond --critical {critical}, so that nothing would ever be a warning; \
                 give a --warning up to {critical}, or a higher --critical"
            ));
        }
        Ok(Limits { warning, critical })
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: Option<f64> = text.trim_end_matches('%').parse().ok();
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or("write a percentage, 0 to 100".to_owned())
}

/// How long something is measured: not too short for the kernel's counters, not too long for a check.
fn over(text: &str) -> Result<Duration, String> {
    let span: Option<Span> = text.parse().ok();
    let over = span.map(Span::duration).filter(|over| (100..=60_000).contains(&over.as_millis()));
    over.ok_or("write 100ms to 60s".to_owned())
}

/// How long a check waits: what runs it ends it after a minute at the latest.
fn patience(text: &str) -> Result<Span, String> {
    let span: Option<Span> = text.parse().ok();
    let fits = |span: &Span| (100..=60_000).contains(&span.duration().as_millis());
    span.filter(fits).ok_or("write 100ms to 60s".to_owned())
}
