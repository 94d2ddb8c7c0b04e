//! A process that is kept running.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::{join_all, select_all};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Notify;

use crate::run::server::ANNOUNCE;
use crate::run::stopping::SUPERVISED;
use crate::run::systemd;

/// The first delay before a process that ended is started again; each further one is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// A process that ran so long begins with the first delay again.
const STEADY: Duration = Duration::from_secs(10);
/// How long the processes have to end when they are told to.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// How a process is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    /// It is told to end, and started again.
    ByARestart,
    /// Another one is started beside it, and takes over by itself; then it ends by itself.
    ByTakeover,
}

/// A process that is kept running. While it is taken over from, there are two.
pub(super) struct Process {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    replaced: Replaced,
    announce: bool,
    replace: Arc<Notify>,
    running: Vec<Running>,
}

struct Running {
    child: Child,
    /// Open as long as the process shall run.
    _lifeline: Option<ChildStdin>,
    since: Instant,
}

/// Something that a process's keeper has to do something about.
enum Event {
    Ended(usize, ExitStatus),
    Replace,
}

impl Process {
    pub(super) fn new(
        name: &'static str,
        program: &Path,
        arguments: Vec<OsString>,
        replaced: Replaced,
    ) -> Self {
        Self {
            name,
            program: program.to_owned(),
            arguments,
            replaced,
            announce: false,
            replace: Arc::default(),
            running: Vec::new(),
        }
    }

    /// Has its first start tell where it is reached.
    pub(super) fn announce(&mut self) {
        self.announce = true;
    }

    /// What has it replaced when it is notified.
    pub(super) fn replace(&self) -> Arc<Notify> {
        self.replace.clone()
    }

    fn start(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        // Its standard input ends with this process, which is how it notices.
        command.args(&self.arguments).stdin(Stdio::piped()).env(SUPERVISED, "1");
        if self.replaced == Replaced::ByTakeover && self.running.is_empty() {
            // There is nobody to take over from, except by mistake: from a second `launcher up`.
            command.arg("--no-takeover");
        }
        // What systemd says to this process, and wants to hear of it, is not meant for that one.
        for variable in systemd::HANDED.iter().chain(&[systemd::NOTIFIED]) {
            command.env_remove(variable);
        }
        // The address is told once; a server that comes back is where it was.
        if std::mem::take(&mut self.announce) {
            command.env(ANNOUNCE, "1");
        } else {
            command.env_remove(ANNOUNCE);
        }
        let child = command.spawn();
        let mut child = child.with_context(|| format!("cannot start the {}", self.name))?;
        // Waiting for a child closes its standard input, unless it was taken.
        let lifeline = child.stdin.take();
        self.running.push(Running { child, _lifeline: lifeline, since: Instant::now() });
        Ok(())
    }

    /// Starts the process, again and again; returns when it fails at its first start, which starting
    /// it again would not mend.
    pub(super) async fn keep_running(&mut self) -> Result<()> {
        let mut delay = FIRST_DELAY;
        let mut first = true;
        self.start()?;
        loop {
            let (ended, ran) = match self.event().await? {
                Event::Replace => {
                    self.be_replaced();
                    continue;
                }
                Event::Ended(which, ended) => {
                    (ended, self.running.swap_remove(which).since.elapsed())
                }
            };
            if !self.running.is_empty() {
                self.tell_of_takeover(ended);
                continue;
            }
            if first && failed_by_itself(ended) && ran < STEADY {
                bail!("the {} could not be started; what it said stands above", self.name);
            }
            first = false;
            if ran >= STEADY {
                delay = FIRST_DELAY;
            }
            tracing::warn!(process = self.name, %ended, after = ?ran, "a process ended and is started again");
            loop {
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(LONGEST_DELAY);
                // Its file may be missing for the moment in which another one is put in its place.
                match self.start() {
                    Ok(()) => break,
                    Err(error) => tracing::error!("{error:#}"),
                }
            }
        }
    }

    async fn event(&mut self) -> Result<Event> {
        let name = self.name;
        let ends = self.running.iter_mut().map(|running| Box::pin(running.child.wait()));
        tokio::select! {
            (ended, which, _) = select_all(ends) => {
                let ended = ended.with_context(|| format!("cannot wait for the {name}"))?;
                Ok(Event::Ended(which, ended))
            }
            () = self.replace.notified() => Ok(Event::Replace),
        }
    }

    fn be_replaced(&mut self) {
        match self.replaced {
            Replaced::ByARestart => {
                for running in &self.running {
                    terminate(&running.child);
                }
            }
            Replaced::ByTakeover => {
                // What runs goes on then.
                if let Err(error) = self.start() {
                    tracing::error!("{error:#}");
                }
            }
        }
    }

    /// One of two has ended: the one before, as it should, or the one that was to take over.
    fn tell_of_takeover(&self, ended: ExitStatus) {
        if ended.success() {
            tracing::info!(process = self.name, "a process was taken over from, and has ended");
        } else {
            tracing::warn!(process = self.name, %ended, "a process ended, and the other one goes on");
        }
    }

    /// Tells it to end, and waits until it has.
    pub(super) async fn stop(&mut self) {
        let stops = self.running.iter_mut().map(|running| stop(self.name, &mut running.child));
        join_all(stops).await;
    }
}

async fn stop(name: &str, child: &mut Child) {
    terminate(child);
    if tokio::time::timeout(STOP_WITHIN, child.wait()).await.is_err() {
        tracing::warn!(process = name, "it did not end in time, and is killed");
        let _ = child.kill().await;
    }
}

fn terminate(child: &Child) {
    // One that has ended and was waited for has no id any more.
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, Signal::TERM)
    {
        tracing::debug!(%error, "a process had ended already");
    }
}

/// Ended with a status of its own, not by a signal.
fn failed_by_itself(ended: ExitStatus) -> bool {
    ended.code().is_some_and(|code| code != 0)
}
