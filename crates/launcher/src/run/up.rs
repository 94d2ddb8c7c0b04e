//! `launcher up`: server and edge of this machine, as two processes that are kept running.
//!
//! Two, so that either survives the other's death: the edge serves on while the server is started again,
//! and the other way round.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, ChildStdin, Command};

use super::config::Config;
use super::data::DataDir;
use super::server::ANNOUNCE;
use super::stopping::{self, SUPERVISED};

/// The first delay before a process that ended is started again; each further one is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// A process that ran so long begins with the first delay again.
const STEADY: Duration = Duration::from_secs(10);
/// How long the processes have to end when they are told to.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Runs until the process is told to stop.
pub(crate) async fn run(config: Config) -> Result<()> {
    let stopping = stopping::told_to_stop()?;
    let data = DataDir::open(&config.data)?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut server = Process::new("server", &program, server_arguments(&config));
    let mut edge = Process::new("edge", &program, edge_arguments(&config, &data));
    server.announce = true;
    tokio::pin!(stopping);
    let kept = tokio::select! {
        () = &mut stopping => Ok(()),
        failed = server.keep_running() => failed,
        failed = edge.keep_running() => failed,
    };
    // The edge goes last: it carries requests that the server may still be switching.
    server.stop().await;
    edge.stop().await;
    kept
}

fn server_arguments(config: &Config) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["server".into()];
    if let Some(file) = &config.file {
        arguments.extend(["--config".into(), file.into()]);
    }
    arguments.extend(["--data".into(), config.data.clone().into()]);
    arguments.extend(["--listen".into(), config.listen.to_string().into()]);
    for http in &config.http {
        arguments.extend(["--http".into(), http.to_string().into()]);
    }
    if let Some(edges) = config.edges {
        arguments.extend(["--edges".into(), edges.to_string().into()]);
    }
    arguments
}

fn edge_arguments(config: &Config, data: &DataDir) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["edge".into(), "--name".into(), "local".into()];
    arguments.extend(["--data".into(), data.edge_dir().into()]);
    arguments.extend(["--server-socket".into(), data.edge_socket().into()]);
    for http in &config.http {
        arguments.extend(["--http".into(), http.to_string().into()]);
    }
    arguments
}

struct Process {
    name: &'static str,
    program: std::path::PathBuf,
    arguments: Vec<OsString>,
    announce: bool,
    child: Option<Child>,
    /// Open as long as the process shall run.
    lifeline: Option<ChildStdin>,
}

impl Process {
    fn new(name: &'static str, program: &std::path::Path, arguments: Vec<OsString>) -> Self {
        Self {
            name,
            program: program.to_owned(),
            arguments,
            announce: false,
            child: None,
            lifeline: None,
        }
    }

    fn start(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        // Its standard input ends with this process, which is how it notices.
        command.args(&self.arguments).stdin(Stdio::piped()).env(SUPERVISED, "1");
        // The address is told once; a server that comes back is where it was.
        if std::mem::take(&mut self.announce) {
            command.env(ANNOUNCE, "1");
        } else {
            command.env_remove(ANNOUNCE);
        }
        let child = command.spawn();
        let mut child = child.with_context(|| format!("cannot start the {}", self.name))?;
        // Waiting for a child closes its standard input, unless it was taken.
        self.lifeline = child.stdin.take();
        self.child = Some(child);
        Ok(())
    }

    /// Starts the process, again and again; returns when it fails at its first start, which starting
    /// it again would not mend.
    async fn keep_running(&mut self) -> Result<()> {
        let mut delay = FIRST_DELAY;
        let mut first = true;
        loop {
            let began = Instant::now();
            self.start()?;
            let Some(child) = &mut self.child else { return Ok(()) };
            let ended =
                child.wait().await.with_context(|| format!("cannot wait for the {}", self.name))?;
            if first && failed_by_itself(ended) && began.elapsed() < STEADY {
                bail!("the {} could not be started; what it said stands above", self.name);
            }
            first = false;
            if began.elapsed() >= STEADY {
                delay = FIRST_DELAY;
            }
            tracing::warn!(process = self.name, %ended, after = ?began.elapsed(), "a process ended and is started again");
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    async fn stop(&mut self) {
        let Some(child) = &mut self.child else { return };
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        // One that has ended and was waited for has no id any more.
        let Some(pid) = pid else { return };
        if let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::TERM) {
            tracing::debug!(process = self.name, %error, "it had ended already");
        }
        if tokio::time::timeout(STOP_WITHIN, child.wait()).await.is_err() {
            tracing::warn!(process = self.name, "it did not end in time, and is killed");
            let _ = child.kill().await;
        }
    }
}

/// Ended with a status of its own, not by a signal.
fn failed_by_itself(ended: ExitStatus) -> bool {
    ended.code().is_some_and(|code| code != 0)
}
