//! What goes into a scheduler and comes out of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// What an engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Its name in configuration: `docker`, `swarm`, `marathon`.
    pub name: &'static str,
    /// It has more than one host.
    pub many_hosts: bool,
    /// It tells what containers print.
    pub logs: bool,
    /// It sends what containers print to a Fluentd besides.
    pub sends_logs: bool,
    /// It runs commands in running containers.
    pub exec: bool,
    /// It runs one-off containers, a version's release command among them.
    pub one_off: bool,
    /// It checks containers with commands by itself.
    pub exec_checks: bool,
    /// A stopped environment keeps its containers, and the same ones are started again. Elsewhere it has
    /// none, and gets new ones.
    pub keeps_stopped: bool,
    /// It replaces what dies by itself. Elsewhere the driver does, when it is asked to
    /// [`ensure`](crate::Scheduler::ensure).
    pub replaces: bool,
    /// When there are to be fewer, exactly the containers above the number wanted end. Elsewhere the engine
    /// chooses, and so others are made beside them first.
    pub ends_chosen: bool,
    /// What is on a host that is lost is told as lost until the engine has made up for it. Elsewhere it may
    /// be gone at once.
    pub tells_lost: bool,
    /// What an environment is given later may be placed on a host that it once avoided. Elsewhere such a host
    /// is avoided for as long as the environment lasts.
    pub forgets_avoided: bool,
    /// Where it keeps volumes.
    pub volumes: KeepsVolumes,
}

impl Capabilities {
    /// Why what containers with these settings print cannot be sent where they say, and what to do.
    #[must_use]
    pub fn refuses_logs(&self, spec: &ServiceSpec) -> Option<String> {
        let asks = spec.log_server().is_some() && !self.sends_logs;
        asks.then(|| {
            format!(
                "with scheduler {} no logs are sent to a Fluentd: take [logs] fluentd out of launcher.toml, and \
                 have the application or the hosts send them",
                self.name
            )
        })
    }
}

/// Where an engine keeps volumes, so that each container of a service finds what others have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepsVolumes {
    /// Wherever it places containers: it has one host.
    Always,
    /// On each host by itself. So all containers must be placed on one, which `[placement]` says.
    OnOneHost,
    /// Nowhere.
    Never,
}

impl KeepsVolumes {
    /// Why containers with these settings cannot be given their volumes, and what to do, as far as the
    /// settings alone tell.
    #[must_use]
    pub fn refusal(self, spec: &ServiceSpec) -> Option<&'static str> {
        match self {
            _ if spec.volumes.is_empty() => None,
            Self::Always => None,
            Self::OnOneHost if !spec.placement.hosts.is_empty() => None,
            Self::OnOneHost => Some(crate::volumes::ON_ONE_HOST),
            Self::Never => Some("this engine keeps no [volumes]: take them out of launcher.toml"),
        }
    }
}

/// What containers an environment shall have.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The version: image and settings.
    pub version: Arc<Version>,
    /// How many containers.
    pub replicas: u16,
    /// When the environment was last asked to start: a container that ended before that was stopped
    /// on purpose, and may be started again.
    pub since: Timestamp,
    /// Environment variables, secrets included.
    pub variables: Arc<Vec<(String, SecretString)>>,
    /// Hosts that it shall not use: for each container that is on one of them there is to be another one
    /// of the same place elsewhere, beside it until it is [`released`](Self::released).
    pub avoid: Arc<BTreeSet<String>>,
    /// Containers that no edge sends anything any more, and that have nothing to end: these may be ended.
    /// A driver ends no other one that runs, except where what the engine does by itself cannot be had
    /// otherwise.
    pub released: BTreeSet<String>,
}

/// What [`ensure`](crate::Scheduler::ensure) left for later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ensured {
    /// When it should be called again though nothing changes: the end of a replacement's delay.
    pub again_at: Option<Timestamp>,
}

/// What a scheduler's event stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Containers of one service came, went or changed.
    Service(ServiceName),
    /// The same, and that one of them has ended. Its engine may take a while to tell more of it.
    Ended {
        /// Whose it is.
        service: ServiceName,
        /// Its id.
        container: String,
    },
    /// Everything may have changed: look at all of it. Each stream begins with it, as soon as the engine
    /// is there.
    Everything,
    /// The engine cannot be reached.
    Lost {
        /// Why.
        why: String,
    },
}

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a container's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was printed.
    pub at: Option<Timestamp>,
    /// Where to.
    pub stream: LogStream,
    /// The line, without its end; what is not UTF-8 is replaced.
    pub text: String,
}

/// Which part of a log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogOptions {
    /// Only so many of the last lines; all when none.
    pub tail: Option<u32>,
    /// Only what was printed from then on. Engines count in whole seconds: a little before it may be told, too.
    pub since: Option<Timestamp>,
    /// Go on with new lines until the container ends.
    pub follow: bool,
}

/// A command for a running container.
#[derive(Debug, Clone)]
pub struct ExecRequest {
    /// The command and its arguments.
    pub command: Vec<String>,
}

/// What a command prints, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Output {
    /// A line.
    Line(LogLine),
    /// The end.
    Exit {
        /// The exit status.
        code: i64,
    },
}

/// What a one-off container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneOffRole {
    /// The release command of a version.
    Release,
    /// A person's command.
    Run,
}

/// A one-off container.
#[derive(Debug, Clone)]
pub struct OneOff {
    /// Image and settings.
    pub version: Arc<Version>,
    /// Environment variables, secrets included.
    pub variables: Arc<Vec<(String, SecretString)>>,
    /// What runs in it, program first; the image's own entry point does not.
    pub command: Vec<String>,
    /// What it is for.
    pub role: OneOffRole,
    /// It is killed so long after its start, and the stream ends with
    /// [`Error::Overdue`](crate::Error::Overdue).
    pub timeout: Duration,
}
