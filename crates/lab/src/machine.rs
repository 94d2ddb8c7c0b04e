//! What a host is before anything runs on it: namespaces of its own, and a cable.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::error::Error;
use crate::folder;
use crate::process::{Process, Start, entry, only_child};
use crate::{Result, network::Network};

/// What its first process does.
const SCRIPT: &str = include_str!("machine.sh");

/// How long it may take to make the namespaces, which needs no more than some 20 ms.
const PATIENCE: Duration = Duration::from_secs(30);

/// A machine that runs. All of its processes are killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Waits for the first process, and takes it along when it is killed.
    parent: Child,
    first: u32,
}

/// What a machine is called, and where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The lab's name.
    pub(crate) mark: &'a str,
    /// Its own name.
    pub(crate) name: &'a str,
    /// From 1, which gives it its address.
    pub(crate) number: u8,
    /// Where what it keeps when it is switched off is.
    pub(crate) directory: &'a Path,
    /// Where its cable leads.
    pub(crate) network: &'a Network,
}

impl Machine {
    /// Switches it on, and plugs its cable in.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) async fn boot(place: Place<'_>) -> Result<Self> {
        let log = place.directory.join("machine.log");
        let namespaces = ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child"];
        let first = ["sh", "-c", SCRIPT, "machine", place.name];
        let words = ["unshare"].into_iter().chain(namespaces).chain(first).map(OsString::from);
        let words = words.chain([place.directory.into()]).collect();
        let start = Start { mark: place.mark, words, log: &log };
        let mut command = start.command()?;
        let mut parent =
            command.stdout(Stdio::piped()).spawn().map_err(|why| start.refused(why))?;
        let mut said = String::new();
        if let Some(output) = parent.stdout.take() {
            let mut output = BufReader::new(output);
            let _ = tokio::time::timeout(PATIENCE, output.read_line(&mut said)).await;
        }
        let first = parent.id().and_then(only_child).filter(|_| said == "up\n");
        let Some(first) = first.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
        else {
            let said = folder::end_of(&log);
            return Err(Error::Ended { what: format!("the machine of {}", place.name), log, said });
        };
        let machine = Self { parent, first };
        // A cable that a half-done start has left goes with its machine, but not at once.
        place.network.disconnect(place.number).await;
        place.network.connect(place.number, first).await?;
        Ok(machine)
    }

    /// What leads into it, when a command is put behind.
    pub(crate) fn entry(&self) -> Vec<OsString> {
        entry(self.first)
    }

    /// Starts a program on it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn start(&self, start: Start<'_>) -> Result<Process> {
        Process::start_in(self.first, start).await
    }

    /// Kills everything that runs on it at once, and waits until that is gone. The cable is pulled first:
    /// a machine that is lost says goodbye to nobody, and connections of killed processes are closed.
    ///
    /// # Errors
    /// When the cable cannot be pulled.
    pub(crate) async fn lose(mut self, place: Place<'_>) -> Result<()> {
        place.network.cut(place.number).await?;
        // The system kills all others of a process namespace with its first, and does not let that one
        // go before they are gone.
        if let Some(first) = i32::try_from(self.first).ok().and_then(Pid::from_raw) {
            let _ = kill_process(first, Signal::KILL);
        }
        let _ = self.parent.wait().await;
        place.network.disconnect(place.number).await;
        Ok(())
    }
}
