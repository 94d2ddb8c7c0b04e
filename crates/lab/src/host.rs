//! One host of a lab.

use std::ffi::{OsStr, OsString};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use bollard::Docker;
use tokio::sync::Mutex;

use crate::engine::{self, Engine};
use crate::error::Error;
use crate::folder::{Folder, make_directory};
use crate::machine::{Machine, Place};
use crate::network::Network;
use crate::process::{Process, Start, words};
use crate::{HostOptions, Result};

/// A host: a machine with an address, on which a Docker Engine runs. Each verb may be repeated, and does
/// nothing when things are as it would have them.
#[derive(Debug)]
pub struct Host {
    name: String,
    number: u8,
    directory: PathBuf,
    mark: String,
    network: Network,
    state: Mutex<State>,
}

/// What of a host runs. The engine stands first: it goes before the machine it runs on.
#[derive(Debug, Default)]
struct State {
    engine: Option<Engine>,
    machine: Option<Machine>,
    cut: bool,
}

impl Host {
    /// One that is switched off.
    ///
    /// # Errors
    /// When its directory cannot be made.
    pub(crate) fn new(
        options: &HostOptions,
        number: u8,
        folder: &Folder,
        network: &Network,
    ) -> Result<Self> {
        let host = Self {
            name: options.name.clone(),
            number,
            directory: folder.path().join(&options.name),
            mark: folder.mark().to_owned(),
            network: network.clone(),
            state: Mutex::default(),
        };
        make_directory(&host.directory)?;
        engine::configure(host.place(), options)?;
        Ok(host)
    }

    fn place(&self) -> Place<'_> {
        Place {
            mark: &self.mark,
            name: &self.name,
            number: self.number,
            directory: &self.directory,
            network: &self.network,
        }
    }

    /// Its name, which is also its hostname.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where this machine and the other hosts reach it, and the ports that its containers publish.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.network.host(self.number)
    }

    /// Where what it keeps when it is switched off is, its logs among it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where its engine listens: `unix:///…`.
    #[must_use]
    pub fn socket(&self) -> String {
        format!("unix://{}", engine::socket(&self.directory).display())
    }

    /// Where what its engine says goes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        engine::log(&self.directory)
    }

    /// A client of its engine.
    ///
    /// # Errors
    /// When it has not been started, or was stopped.
    pub fn docker(&self) -> Result<Docker> {
        engine::client(&self.name, &engine::socket(&self.directory))
    }

    /// Whether it is switched on.
    pub async fn is_up(&self) -> bool {
        self.state.lock().await.machine.is_some()
    }

    /// Whether its cable is pulled.
    pub async fn is_cut(&self) -> bool {
        self.state.lock().await.cut
    }

    /// Whether its engine runs.
    pub async fn has_engine(&self) -> bool {
        self.state.lock().await.engine.as_mut().is_some_and(Engine::is_running)
    }

    /// What leads into its namespaces, when a command is put behind.
    ///
    /// # Errors
    /// When it is switched off.
    pub async fn entry(&self) -> Result<Vec<OsString>> {
        let state = self.state.lock().await;
        Ok(state.machine.as_ref().ok_or_else(|| self.down())?.entry())
    }

    /// Loses it: all that runs on it is killed at once, containers and engine, and nobody is told.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        // The engine is dropped, and so killed, after its machine: it would say goodbye before.
        let State { engine: _engine, machine, .. } = std::mem::take(&mut *state);
        match machine {
            Some(machine) => machine.lose(self.place()).await,
            None => Ok(()),
        }
    }

    /// Starts it again after it was lost, as a machine does that was switched off: what was on its disk is
    /// there, and nothing else. Returns when its engine answers.
    ///
    /// # Errors
    /// When machine or engine do not start.
    pub async fn revive(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        if state.machine.is_none() {
            state.machine = Some(Machine::boot(self.place()).await?);
        }
        self.resume(&mut state).await
    }

    /// Pulls its cable: what runs on it runs on, nothing reaches it, and nobody is told.
    ///
    /// # Errors
    /// When it is switched off, or the system refuses.
    pub async fn cut(&self) -> Result<()> {
        self.plug(true).await
    }

    /// Plugs its cable in again.
    ///
    /// # Errors
    /// When it is switched off, or the system refuses.
    pub async fn mend(&self) -> Result<()> {
        self.plug(false).await
    }

    async fn plug(&self, cut: bool) -> Result<()> {
        let mut state = self.state.lock().await;
        if state.machine.is_none() {
            return Err(self.down());
        }
        if cut {
            self.network.cut(self.number).await?;
        } else {
            self.network.mend(self.number).await?;
        }
        state.cut = cut;
        Ok(())
    }

    /// Stops its engine, as its service would: its containers end too, unless its settings have
    /// `live-restore`. What else runs on the host runs on.
    pub async fn stop_engine(&self) {
        if let Some(engine) = self.state.lock().await.engine.take() {
            engine.stop().await;
        }
    }

    /// Starts its engine, and returns when it answers.
    ///
    /// # Errors
    /// When the host is switched off, or the engine does not start.
    pub async fn start_engine(&self) -> Result<()> {
        self.resume(&mut *self.state.lock().await).await
    }

    async fn resume(&self, state: &mut State) -> Result<()> {
        let machine = state.machine.as_ref().ok_or_else(|| self.down())?;
        if !state.engine.as_mut().is_some_and(Engine::is_running) {
            state.engine = Some(Engine::start(machine, self.place()).await?);
        }
        Ok(())
    }

    /// Runs a program on it, as a process beside the engine; what it says is appended to the file `log`. It
    /// sees the files of this machine except those in `/run`, `/var/lib/docker` and `/etc/docker`.
    ///
    /// # Errors
    /// When the host is switched off, or the program cannot be started.
    pub async fn run(
        &self,
        program: &Path,
        arguments: &[impl AsRef<OsStr> + Sync],
        log: &Path,
    ) -> Result<Process> {
        let words = words(program, arguments);
        let state = self.state.lock().await;
        let machine = state.machine.as_ref().ok_or_else(|| self.down())?;
        machine.start(Start { mark: &self.mark, words, log }).await
    }

    fn down(&self) -> Error {
        Error::Down(self.name.clone())
    }
}
