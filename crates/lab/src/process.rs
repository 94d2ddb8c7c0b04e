//! Processes that a lab starts.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::command::cannot_start;
use crate::folder::failed;
use crate::keeper::MARK;
use crate::{Error, Result};

/// How often is looked whether something has happened that nobody tells of.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// The variable by which the test suite knows what it has started.
const RUN: &str = "LAUNCHER_TEST_RUN";

/// A program of a lab. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The program's own process, when another one brings it into a host's namespaces.
    inner: Option<Pid>,
    log: PathBuf,
}

/// How a program is started: what it is, and where what it says goes.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// The lab's name.
    pub(crate) mark: &'a str,
    /// The program and its arguments.
    pub(crate) words: Vec<OsString>,
    /// The file that its words are appended to.
    pub(crate) log: &'a Path,
}

impl Start<'_> {
    /// The command, marked as the lab's.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub(crate) fn command(&self) -> Result<Command> {
        let log = File::options().create(true).append(true).open(self.log);
        let log = log.map_err(failed("opening", self.log))?;
        let second = log.try_clone().map_err(failed("opening", self.log))?;
        let (program, arguments) = self.words.split_first().unwrap_or((&EMPTY, &[]));
        let mut command = Command::new(program);
        // The program's own settings are the lab's to make, not those of whoever works with it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LAUNCHER_") && name != RUN {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env(MARK, self.mark)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(second)
            // What a terminal sends to the lab is not for what runs in it.
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }

    /// Why the program could not be started.
    pub(crate) fn refused(&self, why: io::Error) -> Error {
        cannot_start(&self.words.first().unwrap_or(&EMPTY).to_string_lossy(), why)
    }
}

static EMPTY: OsString = OsString::new();

impl Process {
    /// Starts a program on this machine.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(start: &Start<'_>) -> Result<Self> {
        let child = start.command()?.spawn().map_err(|why| start.refused(why))?;
        Ok(Self { child, inner: None, log: start.log.to_owned() })
    }

    /// Starts a program in the namespaces of a host, whose first process is `host`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn start_in(host: u32, start: Start<'_>) -> Result<Self> {
        let words = entry(host).into_iter().chain(start.words).collect();
        let mut process = Self::start(&Start { words, ..start })?;
        // `nsenter` makes a child, which becomes the program: only children are in another process
        // namespace.
        while process.inner.is_none() && process.is_running() {
            process.inner = process.child.id().and_then(only_child);
            if process.inner.is_none() {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(process)
    }

    /// Its process, as this machine numbers it; none when it has ended.
    #[must_use]
    pub fn id(&mut self) -> Option<u32> {
        if !self.is_running() {
            return None;
        }
        let inner = self.inner.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
        inner.or_else(|| self.child.id())
    }

    /// Where what it says goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal, such as the one that asks it to end; nothing when it has ended.
    pub fn signal(&mut self, signal: Signal) {
        let pid = self.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may end at this very moment.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills it, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait().await;
    }

    /// Asks it to end, and kills it when it has not within this time.
    pub async fn stop(&mut self, patience: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// A program and its arguments, as one list.
pub(crate) fn words(program: &Path, arguments: &[impl AsRef<OsStr>]) -> Vec<OsString> {
    let arguments = arguments.iter().map(|argument| argument.as_ref().to_owned());
    [program.as_os_str().to_owned()].into_iter().chain(arguments).collect()
}

/// What leads into the namespaces of a host, whose first process is this one, when a command is put behind.
pub(crate) fn entry(host: u32) -> Vec<OsString> {
    let host = host.to_string();
    ["nsenter", "--target", &host, "--net", "--mount", "--uts", "--pid", "--"]
        .map(|word| OsStr::new(word).to_owned())
        .into()
}

/// The one process that another one has started, if it has yet.
pub(crate) fn only_child(parent: u32) -> Option<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}
