//! Several hosts on one machine, each with a Docker Engine of its own, for tests and for people.
//!
//! A [`Lab`] is a bridge with hosts on it. A [`Host`] has namespaces of its own for its network, its
//! processes, its mounts and its name, and an address that this machine and the other hosts reach; inside,
//! `dockerd` runs as it does on any host. Its cable can be pulled, its engine stopped, and the whole host
//! lost and started again. Needs root.
//!
//! A lab that is dropped leaves nothing behind, and neither does one whose process is killed: a keeper
//! beside it (`keeper.sh`) takes everything away as soon as that process is gone.

mod command;
mod engine;
mod error;
mod folder;
mod host;
mod image;
mod keeper;
mod lab;
mod machine;
mod network;
mod options;
mod process;
mod registry;
mod swarm;

pub use error::{Error, Result};
pub use host::Host;
pub use image::Image;
pub use lab::Lab;
pub use options::{HostOptions, Options, SwarmOptions};
pub use process::Process;
pub use swarm::Node;
