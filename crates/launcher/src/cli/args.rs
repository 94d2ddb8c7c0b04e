//! What can be typed: the arguments of the processes that run here. [`client`] has the rest.

pub(crate) mod access_log;
pub(crate) mod agent;
pub(crate) mod client;
mod examples;
pub(crate) mod nginx;

use std::net::SocketAddr;
use std::path::PathBuf;

use access_log::AccessLogArgs;
use clap::Args;
use launcher_edge::remote::JoinToken;
use launcher_model::EdgeName;
use nginx::{DriverName, NginxArgs};

use crate::run::edge::Place;

pub(super) const FIRST_STEPS: &str = "\
FIRST STEPS
  launcher up                                    run it on this machine
  launcher apply                                 create what launcher.toml says
  launcher launch shop --image shop:1.2 --wait   an environment of its own
  launcher deploy shop 1                         put it live
  launcher rollback shop                         go back

OPTIONS OF MOST COMMANDS
  --url, --token-file, --data and --json may also stand before the command

EXIT STATUS
  0 done, 1 refused or failed, 2 typed wrong; exec and run: that of the command";

const UP_EXAMPLES: &str = "\
EXAMPLES
  launcher up
  launcher up --data ./data --listen 127.0.0.1:7070 --http 127.0.0.1:8080
  launcher up --http 0.0.0.0:80 --https 0.0.0.0:443";

const SERVER_EXAMPLES: &str = "\
EXAMPLES
  launcher server --data ./data --listen 127.0.0.1:7070";

const EDGE_EXAMPLES: &str = "\
EXAMPLES
  launcher edge --server https://launcher.example.com:7071 --token TOKEN \\
      --data /var/lib/launcher-edge --http 0.0.0.0:80
  launcher edge --data /var/lib/launcher-edge --http 0.0.0.0:80     once it has joined
  launcher edge --data /var/lib/launcher-edge --http 0.0.0.0:80 --https 0.0.0.0:443 \\
      --config /etc/rocket-launcher/config.toml
  launcher edge --name local --server-socket /run/launcher/edge.sock \\
      --data /var/lib/launcher-edge --http 0.0.0.0:80
  launcher edge --driver nginx --server https://launcher.example.com:7071 --token TOKEN \\
      --data /var/lib/launcher-edge --http 0.0.0.0:80
  launcher edge --data /var/lib/launcher-edge --http 0.0.0.0:80 \\
      --access-log-fluentd fluentd.example.com:24224
  launcher edge --data /var/lib/launcher-edge --http 0.0.0.0:80 \\
      --access-log /var/log/launcher/access.log --access-log-format combined

A machine that is to be an edge is invited first: `launcher edges invite NAME` prints the token.

When an edge runs on the data directory already, the new one takes over from it and loses no
request. SIGHUP has an edge start its own successor, from the program's file as it is then.";

pub(super) const AGENT_EXAMPLES: &str = "\
EXAMPLES
  LAUNCHER_URL=https://launcher.example.com LAUNCHER_TOKEN=rl_… launcher agent
  launcher agent --token-file /etc/rocket-launcher/agent-token --url https://launcher.example.com
  launcher agent --every 1s --metrics 127.0.0.1:9190
  launcher agent --no-server --metrics 127.0.0.1:9190
  launcher agent check host --warning 80 --critical 95
  launcher agent metrics

One runs on each host; on the server's own machine none is needed. Its token is made by
`launcher token create NAME --role agent`.";

const DEMO_EXAMPLES: &str = "\
EXAMPLES
  launcher demo             leaves everything up, and prints the page's address
  launcher demo --exit --json > demo.json";

/// `launcher up`.
#[derive(Debug, Clone, Args)]
#[command(after_help = UP_EXAMPLES)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

/// `launcher server`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SERVER_EXAMPLES)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

/// What may be said of a server, over what its configuration file says.
#[derive(Debug, Clone, Args)]
pub(crate) struct SettingArgs {
    /// The data directory [default: /var/lib/rocket-launcher, or in the user's data folder]
    #[arg(long, value_name = "DIR", env = "LAUNCHER_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Where API and web pages are served [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR", env = "LAUNCHER_LISTEN", hide_env_values = true)]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the edge serves HTTP; may be given several times [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "LAUNCHER_HTTP", hide_env_values = true)]
    #[arg(value_delimiter = ',')]
    pub(crate) http: Vec<SocketAddr>,
    /// Where the edge serves HTTPS; may be given several times [default: nowhere]
    #[arg(long, value_name = "ADDR", env = "LAUNCHER_HTTPS", hide_env_values = true)]
    #[arg(value_delimiter = ',')]
    pub(crate) https: Vec<SocketAddr>,
    /// Where edges of other machines are let in [default: nowhere]
    #[arg(long, value_name = "ADDR", env = "LAUNCHER_EDGES", hide_env_values = true)]
    pub(crate) edges: Option<SocketAddr>,
    /// The configuration file [default: /etc/rocket-launcher/config.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "LAUNCHER_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}

/// `launcher edge`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EDGE_EXAMPLES)]
pub(crate) struct EdgeArgs {
    #[command(flatten)]
    pub(crate) control: ControlArgs,
    /// Where it keeps the route table that it serves on with while the server is away
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where it serves HTTP, beside what systemd hands over; may be given several times
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub(crate) http: Vec<SocketAddr>,
    /// Where it serves HTTPS; may be given several times
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub(crate) https: Vec<SocketAddr>,
    /// A configuration file, as the server has one: of it the certificates and the section tls count
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How many threads carry traffic [default: one per processor]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Fail when an edge runs on the data directory, instead of taking over from it
    #[arg(long)]
    pub(crate) no_takeover: bool,
    /// What carries the traffic: this program itself, or an nginx beside it
    #[arg(long, value_enum, value_name = "NAME", default_value = "builtin")]
    pub(crate) driver: DriverName,
    #[command(flatten)]
    pub(crate) nginx: NginxArgs,
    /// Where /metrics is served for Prometheus [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Measure nothing: for the benchmark of what that costs
    #[arg(long, hide = true)]
    pub(crate) unmeasured: bool,
    #[command(flatten)]
    pub(crate) access_log: AccessLogArgs,
}

/// Where an edge's server is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ControlArgs {
    /// The server on another machine; kept, once the edge has joined
    #[arg(long, value_name = "URL", value_parser = edge_door, conflicts_with = "server_socket")]
    pub(crate) server: Option<String>,
    /// The join token that `launcher edges invite NAME` printed; needed once
    #[arg(long, value_name = "TOKEN", env = "LAUNCHER_JOIN_TOKEN", hide_env_values = true)]
    #[arg(conflicts_with = "server_socket")]
    pub(crate) token: Option<JoinToken>,
    /// The server on this machine: its Unix socket
    #[arg(long, value_name = "PATH", requires = "name")]
    pub(crate) server_socket: Option<PathBuf>,
    /// The name by which an edge of the server's machine is listed
    #[arg(long, requires = "server_socket")]
    pub(crate) name: Option<EdgeName>,
}

impl ControlArgs {
    /// What was said, as one of the two.
    pub(crate) fn place(self) -> Place {
        match (self.server_socket, self.name) {
            (Some(socket), Some(name)) => Place::Here { socket, name },
            _ => Place::Elsewhere { server: self.server, token: self.token },
        }
    }
}

/// Reads where a server lets edges in: `https://host:port`, or `host:port`, or the host alone.
fn edge_door(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '@', '?', ' ']);
    match rest.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && port.parse::<u16>().is_ok() => {
            if is_host(host) { Ok(rest.to_owned()) } else { Err(WHERE.to_owned()) }
        }
        None if is_host(rest) => Ok(format!("{rest}:{EDGES_PORT}")),
        _ => Err(WHERE.to_owned()),
    }
}

const WHERE: &str = "write the server's host and the port of its --edges, such as https://launcher.example.com:7071";

/// The port at which a server lets edges in when nobody says another.
const EDGES_PORT: u16 = 7071;

/// `launcher demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub(crate) struct DemoArgs {
    /// End when everything was shown, instead of leaving it up
    #[arg(long)]
    pub(crate) exit: bool,
    /// Print the table as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Leave the log of server and edge behind
    #[arg(long)]
    pub(crate) keep_logs: bool,
}

/// `launcher sample`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SampleArgs {
    /// Its own arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}
