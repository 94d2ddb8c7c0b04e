//! Stands in for Marathon on Mesos where neither can be run, and starts real containers.
//!
//! It answers as the chosen release of Marathon does, places tasks on agents by resources and constraints,
//! runs them on Docker Engines, checks their health and replaces what ends. Clients that others wrote hold
//! it to account; `docs/marathon-standin.md` says what it does and what it does not.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//!
//! use launcher_marathon_standin::{AgentOptions, Options, StandIn};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let agents = vec![
//!     AgentOptions::local(Ipv4Addr::new(127, 0, 0, 1)),
//!     AgentOptions::local(Ipv4Addr::new(127, 0, 0, 2)),
//! ];
//! let version = "1.4.2".parse()?;
//! let standin = StandIn::start(Options { version, agents, ..Options::default() }).await?;
//! println!("Marathon: {}, Mesos: {}", standin.url(), standin.mesos_url());
//! standin.lose_agent("127.0.0.2")?;
//! # Ok(())
//! # }
//! ```

mod api;
mod definition;
mod ids;
mod mesos;
mod options;
mod refusal;
mod serve;
mod standin;
mod sweep;
mod time;
mod version;
mod world;

pub use options::{AgentOptions, Options};
pub use standin::{NoAgent, StandIn, StartError};
pub use version::{BadVersion, Version};
