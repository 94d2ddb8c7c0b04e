//! A Docker Engine on a host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bollard::{ClientVersion, Docker};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::folder::{self, make_directory};
use crate::machine::{Machine, Place};
use crate::process::{LOOK, Process, Start};
use crate::{HostOptions, Result};

/// How long an engine may take to start, or to stop with its containers.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long is waited for the answer of an engine that is starting, before it is seen whether it still runs.
const PING: Duration = Duration::from_secs(2);

/// How long one call may take, in seconds.
const ANSWER: u64 = 120;

/// An engine that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Engine {
    daemon: Process,
}

/// Where a host's engine listens.
pub(crate) fn socket(directory: &Path) -> PathBuf {
    directory.join("docker.sock")
}

/// Where what it says goes.
pub(crate) fn log(directory: &Path) -> PathBuf {
    directory.join("dockerd.log")
}

/// Writes its settings to where it looks for them. Paths are those that engines have anyway: its machine
/// has file systems of its own there.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn configure(place: Place<'_>, options: &HostOptions) -> Result<()> {
    let listens = socket(place.directory);
    let mut settings = json!({
        "hosts": ["unix:///run/docker.sock", format!("unix://{}", listens.display())],
        "insecure-registries": [place.network.range()],
        "cgroup-parent": format!("/{}/{}", place.mark, place.name),
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
    });
    if let Some(settings) = settings.as_object_mut() {
        extend(settings, &options.settings);
    }
    let directory = place.directory.join("etc");
    make_directory(&directory)?;
    folder::write(&directory.join("daemon.json"), &format!("{settings:#}\n"))
}

/// Lists become longer; what else is there twice is as the second has it.
fn extend(settings: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (settings.get_mut(name), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more.iter().cloned()),
            _ => drop(settings.insert(name.clone(), value.clone())),
        }
    }
}

/// An engine takes connections long before it answers.
async fn answers(place: Place<'_>) -> bool {
    match client(place.name, &socket(place.directory)) {
        Ok(client) => {
            tokio::time::timeout(PING, client.ping()).await.is_ok_and(|pong| pong.is_ok())
        }
        Err(_) => false,
    }
}

/// A client of the engine that listens here.
///
/// # Errors
/// When there is no socket.
pub(crate) fn client(host: &str, socket: &Path) -> Result<Docker> {
    // The oldest that it may be: 20.10's.
    let version = ClientVersion { major_version: 1, minor_version: 41 };
    let client = Docker::connect_with_unix(&socket.to_string_lossy(), ANSWER, &version);
    client.map_err(|why| Error::Engine { host: host.to_owned(), doing: "reaching it", why })
}

impl Engine {
    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn start(machine: &Machine, place: Place<'_>) -> Result<Self> {
        let log = log(place.directory);
        let words = vec![OsString::from("dockerd")];
        let daemon = machine.start(Start { mark: place.mark, words, log: &log }).await?;
        let mut engine = Self { daemon };
        engine.wait_until_it_answers(place).await?;
        Ok(engine)
    }

    async fn wait_until_it_answers(&mut self, place: Place<'_>) -> Result<()> {
        let what = || format!("the engine of {}", place.name);
        let log = log(place.directory);
        let began = Instant::now();
        while !answers(place).await {
            let said = || folder::end_of(&log);
            if !self.daemon.is_running() {
                return Err(Error::Ended { what: what(), said: said(), log });
            }
            if began.elapsed() > PATIENCE {
                return Err(Error::Late { what: what(), after: PATIENCE, said: said(), log });
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Stops it, as its service would: its containers end too, unless its settings let them live on.
    pub(crate) async fn stop(mut self) {
        self.daemon.stop(PATIENCE).await;
    }

    /// Whether it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.daemon.is_running()
    }
}
