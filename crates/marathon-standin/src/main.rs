//! The stand-in as a program.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use clap::Parser;
use launcher_marathon_standin::{AgentOptions, Options, StandIn, Version};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  # Marathon 1.11 on port 8080 with one agent, which is this machine's engine
  launcher-marathon-standin

  # Three instances of Marathon 1.4 and two agents on one engine
  launcher-marathon-standin --marathon-version 1.4.2 --instances 3 \\
      --agent hostname=127.0.0.1,cpus=2,mem=1024,rack=r1 \\
      --agent hostname=127.0.0.2,cpus=2,mem=1024,rack=r2

  # Agents on engines of their own
  launcher-marathon-standin --agent hostname=10.99.0.2,engine=unix:///run/a/docker.sock \\
      --agent hostname=b,address=10.99.0.3,engine=tcp://10.99.0.3:2375";

/// Stands in for Marathon on Mesos in tests and in the lab, and starts real containers.
///
/// It runs until SIGTERM or ctrl-C, and removes its containers then.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// The release of Marathon to stand in for, from 0.8.2 on
    #[arg(long, default_value_t = Version::default(), value_name = "VERSION")]
    marathon_version: Version,
    /// Where to listen
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into(), value_name = "ADDRESS")]
    listen: IpAddr,
    /// The port of the first instance of Marathon; the others follow
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of the first master of Mesos; the others follow
    #[arg(long, default_value_t = 5050, value_name = "PORT")]
    mesos_port: u16,
    /// How many instances of Marathon there are
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    instances: usize,
    /// How many masters of Mesos there are
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    masters: usize,
    /// An agent: hostname, and optionally address, engine, cpus, mem, ports; anything else is an attribute
    #[arg(long, value_parser = agent, value_name = "NAME=VALUE,...")]
    agent: Vec<AgentOptions>,
    /// USER:PASSWORD that every call of Marathon needs
    #[arg(long, env = "STANDIN_HTTP_CREDENTIALS", hide_env_values = true, value_parser = login)]
    http_credentials: Option<(String, SecretString)>,
    /// The image of tasks whose app has none
    #[arg(long, value_name = "IMAGE")]
    command_image: Option<String>,
}

fn login(text: &str) -> Result<(String, SecretString), String> {
    let (user, password) = text.split_once(':').ok_or("write USER:PASSWORD")?;
    Ok((user.to_owned(), password.to_owned().into()))
}

fn agent(text: &str) -> Result<AgentOptions, String> {
    let mut agent = AgentOptions::local(Ipv4Addr::LOCALHOST);
    let mut named = false;
    let mut address = None;
    let mut attributes = BTreeMap::new();
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=').ok_or(format!("`{pair}` is no NAME=VALUE"))?;
        let number = || value.parse().map_err(|_| format!("`{value}` is no number for {name}"));
        match name {
            "hostname" => {
                value.clone_into(&mut agent.hostname);
                named = true;
            }
            "address" => {
                address = Some(value.parse().map_err(|_| format!("`{value}` is no IP address"))?);
            }
            "engine" => value.clone_into(&mut agent.engine),
            "cpus" => agent.cpus = number()?,
            "mem" => agent.mem = number()?,
            "ports" => agent.ports = ports(value)?,
            attribute => {
                attributes.insert(attribute.to_owned(), value.to_owned());
            }
        }
    }
    if !named {
        return Err("say its hostname, as in hostname=127.0.0.1".to_owned());
    }
    // A name that is an address needs none beside it.
    if let Some(address) = address.or_else(|| agent.hostname.parse().ok()) {
        agent.address = address;
    }
    agent.attributes = attributes;
    Ok(agent)
}

fn ports(text: &str) -> Result<std::ops::RangeInclusive<u16>, String> {
    let bad = || format!("`{text}` is no range of ports, as in 31000-32000");
    let (first, last) = text.split_once('-').ok_or_else(bad)?;
    let number = |text: &str| text.parse::<u16>().map_err(|_| bad());
    Ok(number(first)?..=number(last)?)
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options {
        version: arguments.marathon_version,
        listen: arguments.listen,
        port: arguments.port,
        mesos_port: arguments.mesos_port,
        instances: arguments.instances,
        masters: arguments.masters,
        credentials: arguments.http_credentials,
        command_image: arguments.command_image,
        ..Options::default()
    };
    if !arguments.agent.is_empty() {
        options.agents = arguments.agent;
    }
    let mut terminated = signal(SignalKind::terminate())?;
    let standin = StandIn::start(options).await?;
    let (marathons, masters) = (standin.urls().join(" "), standin.mesos_urls().join(" "));
    tracing::info!(version = %standin.version(), marathons, masters, mark = standin.mark(), "ready");
    tokio::select! {
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    tracing::info!("removing containers");
    drop(standin);
    Ok(())
}
