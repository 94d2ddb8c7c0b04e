//! What a stand-in is made of.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::SecretString;

use crate::version::Version;

/// An agent of Mesos: one Docker Engine, or a part of one.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// The name under which it is registered, and by which tasks say where they are.
    pub hostname: String,
    /// Where the host's ports are reached, and on which they are published.
    pub address: IpAddr,
    /// The engine, as `unix:///PATH` or `tcp://HOST:PORT`. The same one may stand as several agents.
    pub engine: String,
    /// Cores that tasks may be promised.
    pub cpus: f64,
    /// MiB that tasks may be promised.
    pub mem: f64,
    /// MiB that tasks may be promised.
    pub disk: f64,
    /// Host ports that tasks may be given.
    pub ports: RangeInclusive<u16>,
    /// What constraints may ask for.
    pub attributes: BTreeMap<String, String>,
}

impl AgentOptions {
    /// An agent with 4 cores, 4 GiB and Mesos' usual ports on this machine's engine, reached at `address`,
    /// which is its name, too.
    #[must_use]
    pub fn local(address: Ipv4Addr) -> Self {
        Self {
            hostname: address.to_string(),
            address: address.into(),
            engine: "unix:///var/run/docker.sock".to_owned(),
            cpus: 4.0,
            mem: 4096.0,
            disk: 20_000.0,
            ports: 31_000..=32_000,
            attributes: BTreeMap::new(),
        }
    }
}

/// What is to be stood in for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of Marathon.
    pub version: Version,
    /// One agent at least.
    pub agents: Vec<AgentOptions>,
    /// How many instances of Marathon there are; the first one leads.
    pub instances: usize,
    /// How many masters of Mesos there are; the first one leads.
    pub masters: usize,
    /// Where they listen.
    pub listen: IpAddr,
    /// The port of the first instance of Marathon, the others follow; 0 for any.
    pub port: u16,
    /// The port of the first master, the others follow; 0 for any.
    pub mesos_port: u16,
    /// The user and the password that every call of Marathon needs.
    pub credentials: Option<(String, SecretString)>,
    /// Whether callbacks can be subscribed to, before 1.5 (`--event_subscriber http_callback`).
    pub callbacks: bool,
    /// Between two heartbeats of a stream of events.
    pub heartbeat: Duration,
    /// How long there is no leader after one was lost.
    pub election: Duration,
    /// How many deployments may run, from 1.7 on (`--max_running_deployments`).
    pub max_running_deployments: usize,
    /// Of which image a task runs whose app has none; without it, such a task fails.
    pub command_image: Option<String>,
    /// How long an agent keeps the container of a task that has ended (`--docker_remove_delay`, which is 6 hours in
    /// Mesos). What is left is removed with the stand-in.
    pub remove_delay: Duration,
}

impl Default for Options {
    /// One leader of the latest version with one local agent, on ports of 127.0.0.1 that are free.
    fn default() -> Self {
        Self {
            version: Version::default(),
            agents: vec![AgentOptions::local(Ipv4Addr::LOCALHOST)],
            instances: 1,
            masters: 1,
            listen: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            mesos_port: 0,
            credentials: None,
            callbacks: true,
            heartbeat: Duration::from_secs(10),
            election: Duration::from_millis(300),
            max_running_deployments: 100,
            command_image: None,
            remove_delay: Duration::ZERO,
        }
    }
}
