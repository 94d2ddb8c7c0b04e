//! What an installation stands on.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use launcher_lab::{Host, Image as Source, Lab, Options, SwarmOptions};
use launcher_marathon_standin::{AgentOptions, Options as StandInOptions, StandIn};
use launcher_testkit::{Engine, Image, Installation, Registry};

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_launcher"))
}

/// An engine with room for containers, and the images that were made for it.
pub(crate) struct Ground {
    kind: Kind,
    /// Of this machine, on which images are made.
    engine: Engine,
    images: Vec<Image>,
    /// The agents of a Marathon are told with their engines.
    engines: bool,
}

/// Of the Marathon that is stood in for.
const AGENTS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];

enum Kind {
    Docker,
    Swarm(Lab),
    Marathon(StandIn, Registry),
}

impl Ground {
    /// One Docker Engine.
    pub(crate) fn docker() -> Self {
        Self::of(Kind::Docker)
    }

    /// Three hosts in a Swarm.
    pub(crate) async fn swarm() -> Self {
        // One that is lost is noticed within some 4 s.
        let heartbeat = Some(Duration::from_secs(1));
        let swarm = SwarmOptions { heartbeat, ..SwarmOptions::default() };
        Self::of(Kind::Swarm(Lab::open(Options::hosts(3).swarm(swarm)).await.expect("no lab")))
    }

    /// This machine's address, as the hosts of a Swarm reach it.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        let Kind::Swarm(lab) = &self.kind else { panic!("it has no hosts of its own") };
        lab.gateway()
    }

    /// A host of a Swarm.
    pub(crate) fn host(&self, name: &str) -> &Host {
        let Kind::Swarm(lab) = &self.kind else { panic!("it has no hosts of its own") };
        lab.host(name).unwrap()
    }

    /// Marathon, stood in for, with two agents that are one engine.
    pub(crate) async fn marathon() -> Self {
        Self::marathon_that_removes_after(Duration::ZERO).await
    }

    async fn marathon_that_removes_after(remove_delay: Duration) -> Self {
        let agents = AGENTS.map(AgentOptions::local).into();
        let options = StandInOptions { agents, remove_delay, ..StandInOptions::default() };
        let standin = StandIn::start(options);
        let standin = standin.await.expect("no stand-in");
        Self::of(Kind::Marathon(standin, Registry::open().await))
    }

    /// The same, where agents' own engines are known, and keep for a while what has ended, as Mesos has them do.
    pub(crate) async fn marathon_with_engines() -> Self {
        let marathon = Self::marathon_that_removes_after(Duration::from_secs(20)).await;
        Self { engines: true, ..marathon }
    }

    fn of(kind: Kind) -> Self {
        // A process does it once, for all its TLS; a second time it is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { kind, engine: Engine::local(), images: Vec::new(), engines: false }
    }

    /// An installation on it, with nothing running. It has to go before this.
    pub(crate) fn installation(&self) -> Installation {
        let mut installation = Installation::new(program(), &self.engine);
        match &self.kind {
            Kind::Docker => {}
            Kind::Swarm(lab) => installation.configure(&swarm_configuration(lab)),
            Kind::Marathon(standin, _) => {
                let url = standin.url();
                let mut text =
                    format!("scheduler = \"marathon\"\n[marathon]\nurls = [\"{url}\"]\n");
                if self.engines {
                    let host = self.engine.host();
                    let engines = AGENTS.map(|agent| format!("\"{agent}\" = {host:?}\n"));
                    text.push_str(&format!("[marathon.engines]\n{}", engines.concat()));
                }
                installation.configure(&text);
            }
        }
        installation
    }

    /// Makes the sample application that answers with `version`. Returns by what it is launched.
    pub(crate) async fn image(&mut self, version: u32, environment: &[(&str, &str)]) -> String {
        let image = self.engine.build(program(), version, environment);
        let number = self.images.len();
        let launched = match &self.kind {
            Kind::Docker => image.id.clone(),
            Kind::Swarm(lab) => {
                let source = Source::Local(image.id.clone());
                lab.push(&format!("sample:{number}"), &source).await.unwrap()
            }
            Kind::Marathon(_, registry) => {
                let repository = registry.name("sample");
                image.push(&repository, &number.to_string()).await;
                format!("{repository}:{number}")
            }
        };
        self.images.push(image);
        launched
    }

    /// How many containers of each version are there to serve, as the engines tell, by `shop/1`: those that
    /// run, and where an environment [keeps](Self::keeps_stopped) the others, these too.
    pub(crate) async fn containers(&self, installation: &str) -> BTreeMap<String, u64> {
        let all = self.keeps_stopped();
        let Kind::Swarm(lab) = &self.kind else {
            return self.engine.containers_by_version(installation, all).await;
        };
        let mut versions = BTreeMap::new();
        for host in lab.hosts() {
            let engine = Engine::at(&host.socket());
            for (version, count) in engine.containers_by_version(installation, all).await {
                *versions.entry(version).or_default() += count;
            }
        }
        versions
    }

    /// Whether an environment that is stopped keeps its containers, so that these are started again.
    pub(crate) fn keeps_stopped(&self) -> bool {
        matches!(self.kind, Kind::Docker)
    }

    /// Whether it tells what containers say.
    pub(crate) fn tells_logs(&self) -> bool {
        self.runs_once()
    }

    /// Whether it can run a release command.
    pub(crate) fn runs_once(&self) -> bool {
        !matches!(self.kind, Kind::Marathon(..))
    }
}

/// The server's configuration for the Swarm of a lab.
fn swarm_configuration(lab: &Lab) -> String {
    let managers: Vec<String> = lab.managers().iter().map(|host| host.socket()).collect();
    let engines =
        lab.hosts().iter().map(|host| format!("{:?} = {:?}\n", host.name(), host.socket()));
    let engines: String = engines.collect();
    format!("scheduler = \"swarm\"\n[swarm]\nhosts = {managers:?}\n[swarm.engines]\n{engines}")
}

/// What Docker's command line says to a host's engine.
pub(crate) async fn docker(host: &Host, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new("docker");
    let output = command.arg("--host").arg(host.socket()).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
