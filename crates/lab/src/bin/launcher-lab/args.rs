//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
EXAMPLES
  launcher-lab                            three hosts in a Swarm, until ctrl-C
  launcher-lab up --hosts 5 --managers 3
  launcher-lab status                     in another terminal, as all below
  launcher-lab cut host-2                 pull its cable; `mend` plugs it in again
  launcher-lab kill host-3                lose the host; `revive` starts it again
  launcher-lab exec host-1 -- docker node ls
  launcher-lab push shop:1 ./shop         build a folder's Dockerfile into the lab's registry

EXIT STATUS
  0 done, 1 refused or failed, 2 typed wrong; exec: that of the command";

const HOSTS: usize = 3;
const MANAGERS: usize = 1;

/// Several hosts on this machine, each with a Docker Engine of its own.
///
/// Needs root. Everything is gone when it ends, however it ends.
#[derive(Debug, Parser)]
#[command(name = "launcher-lab", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The lab that is meant, when several run [default: the one that runs]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) lab: Option<String>,
}

/// `up`. By default, as without a command: three hosts, one manager, and an installation.
#[derive(Debug, Clone, Args)]
pub(crate) struct UpArgs {
    /// How many hosts there are
    #[arg(long, value_name = "N", default_value_t = HOSTS)]
    pub(crate) hosts: usize,
    /// How many of them, the first ones, are managers of the Swarm; 0 for no Swarm
    #[arg(long, value_name = "N", default_value_t = MANAGERS)]
    pub(crate) managers: usize,
    /// Engines and registry alone, without a server and edges
    #[arg(long)]
    pub(crate) bare: bool,
    /// The program that server and edges are [default: the `launcher` beside this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) program: Option<PathBuf>,
}

impl Default for UpArgs {
    fn default() -> Self {
        Self { hosts: HOSTS, managers: MANAGERS, bare: false, program: None }
    }
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring hosts up and keep them until ctrl-C; what is done without a command
    Up(UpArgs),
    /// Show what is where, and how it is
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Pull a host's cable: it runs on, nothing reaches it, and nobody is told
    Cut {
        /// Its name
        host: String,
    },
    /// Plug a host's cable in again
    Mend {
        /// Its name
        host: String,
    },
    /// Lose a host: all that runs on it is gone at once
    Kill {
        /// Its name
        host: String,
    },
    /// Start a host again that was lost
    Revive {
        /// Its name
        host: String,
    },
    /// Stop a host's engine, and its containers with it
    StopEngine {
        /// The host's name
        host: String,
    },
    /// Start a host's engine again
    StartEngine {
        /// The host's name
        host: String,
    },
    /// Put an image into the lab's registry, and print the name by which the hosts pull it
    Push {
        /// What it is called there, such as shop:1
        name: String,
        /// A folder with a Dockerfile, or the name or id of an image that this machine's engine has
        image: String,
    },
    /// Run a command on a host
    Exec {
        /// The host's name
        host: String,
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<String>,
    },
}
