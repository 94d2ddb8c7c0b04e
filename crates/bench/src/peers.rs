//! What the edge is measured beside, and what all of them are measured in front of.

mod caddy;
mod envoy;
mod haproxy;
mod nginx;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Running, free_port};
use crate::wire::{Certificate, Wire};

/// A process that serves an address.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) process: Running,
}

impl Serving {
    fn start(name: &'static str, address: SocketAddr, command: &mut Command) -> Result<Self> {
        let mut process = Running::start(name, command)?;
        process.wait_until_serving(address)?;
        Ok(Self { address, process })
    }
}

/// The sample application as a process of this machine.
///
/// # Errors
/// When it does not start.
pub(crate) fn upstream(program: &Path) -> Result<Serving> {
    let address = free_port()?;
    let mut command = Command::new(program);
    command.arg("sample").env("PORT", address.port().to_string());
    Serving::start("launcher sample", address, &mut command)
}

/// A proxy that others make, set up to do the same work as the edge: two threads, connections to the
/// upstream that are kept, and the headers that the edge sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Nginx,
    HaProxy,
    Envoy,
    Caddy,
}

/// What a peer stands on.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    /// For its files.
    pub(crate) directory: &'a Path,
    pub(crate) upstream: SocketAddr,
    pub(crate) wire: Wire,
    pub(crate) certificate: &'a Certificate,
}

impl Peer {
    /// As it is called in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(self, ground: Ground<'_>) -> Result<Serving> {
        let address = free_port()?;
        let mut command = match self {
            Self::Nginx => nginx::command(ground, address),
            Self::HaProxy => haproxy::command(ground, address),
            Self::Envoy => envoy::command(ground, address),
            Self::Caddy => caddy::command(ground, address),
        }?;
        Serving::start(self.name(), address, &mut command)
    }
}

impl Ground<'_> {
    /// Writes a peer's configuration.
    fn write(&self, name: &str, configuration: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        std::fs::write(&path, configuration).with_context(|| format!("cannot write {name}"))?;
        Ok(path)
    }
}

/// Programs from the Python registry, which `dev/setup.sh bench` puts beside what is built.
fn client(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find out where this program is")?;
    let places = own.ancestors().map(|place| place.join("bench-clients/venv"));
    let found = places.map(|place| place.join(name)).find(|path| path.exists());
    found.with_context(|| format!("there is no {name}; dev/setup.sh bench installs it"))
}
