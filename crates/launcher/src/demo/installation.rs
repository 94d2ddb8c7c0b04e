//! An installation for the time of the demonstration: `launcher up` on a data directory of its own.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use super::SERVICE;
use super::api::Api;
use super::checkout::{self, Remote};
use crate::run::stopping::SUPERVISED;

/// Where `launcher up` serves when nothing is said: taken here too, when it is free.
const PAGE_PORT: u16 = 7070;
const EDGE_PORT: u16 = 8080;
/// How long the processes may take to be up, and to end.
const UP_WITHIN: Duration = Duration::from_secs(60);
const DOWN_WITHIN: Duration = Duration::from_secs(40);
/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// As many lines of the log as are shown when something went wrong.
const LOG_LINES: usize = 20;
/// What an installation of this user's may have said, which is not meant for this one.
const NOT_OURS: [&str; 9] = [
    "LAUNCHER_CONFIG",
    "LAUNCHER_DATA",
    "LAUNCHER_HTTP",
    "LAUNCHER_HTTPS",
    "LAUNCHER_LISTEN",
    "LAUNCHER_LOG_FORMAT",
    "LAUNCHER_PREVIEW_DOMAIN",
    "LAUNCHER_PREVIEW_PORT",
    "LAUNCHER_PREVIEW_SCHEME",
];

/// Server and edge, up and running.
#[derive(Debug)]
pub(super) struct Installation {
    directory: TempDir,
    /// Where API and pages are served.
    pub(super) page: SocketAddr,
    /// Where the edge serves.
    pub(super) edge: SocketAddr,
    up: Child,
    /// The processes end when this is dropped, whatever becomes of this one.
    lifeline: Option<ChildStdin>,
}

/// What can be done with an installation once it is up.
pub(super) struct Up {
    /// How to call its server.
    pub(super) api: Api,
    /// The link that signs in once.
    pub(super) login: String,
    /// Where to push.
    pub(super) remote: Remote,
}

impl Installation {
    /// Starts the processes for a run, without waiting for them.
    ///
    /// # Errors
    /// When they cannot be started.
    pub(super) fn start(run: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix(&prefix(run)).tempdir();
        let directory = directory.context("cannot make a temporary directory")?;
        let (page, edge) = (free(PAGE_PORT)?, free(EDGE_PORT)?);
        // An empty one of its own, so that none of this machine is read.
        let config = directory.path().join("config.toml");
        File::create(&config).with_context(|| format!("cannot write {}", config.display()))?;
        let log = File::create(log_in(directory.path())).context("cannot write a log")?;

        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.arg("up").arg("--config").arg(config).arg("--data").arg(data_in(directory.path()));
        command.args(["--listen", &page.to_string(), "--http", &edge.to_string()]);
        for variable in NOT_OURS {
            command.env_remove(variable);
        }
        command.env(SUPERVISED, "1").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut up = command.spawn().context("cannot start this program as `launcher up`")?;
        let lifeline = up.stdin.take();
        Ok(Self { directory, page, edge, up, lifeline })
    }

    /// Waits until the server answers and the edge is connected to it.
    ///
    /// # Errors
    /// When that does not come about; with what the log says.
    pub(super) async fn wait(&mut self) -> Result<Up> {
        let said = self.up.stdout.take();
        let up = async {
            let link = login_link(said).await?;
            let token = std::fs::read_to_string(self.data().join("admin-token"));
            let token = token.context("cannot read the administrator's token")?;
            let token = SecretString::from(token.trim().to_owned());
            let remote = Remote::new(self.page, &token);
            let api = Api::new(self.page, token, SERVICE)?;
            while api.edges().await?.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
            Ok(Up { api, login: link, remote })
        };
        let up = tokio::time::timeout(UP_WITHIN, up).await;
        let up = up.unwrap_or_else(|_| bail!("they were not up after {} s", UP_WITHIN.as_secs()));
        up.with_context(|| format!("server and edge did not start:\n{}", self.log_tail()))
    }

    /// The working copy of what is shown.
    pub(super) fn checkout(&self) -> PathBuf {
        checkout::place(self.directory.path())
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        data_in(self.directory.path())
    }

    /// The last lines of the log of server and edge.
    pub(super) fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(log_in(self.directory.path())).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// Ends the processes and removes the directory; with `keep_log`, all but the log, whose place is
    /// returned then.
    ///
    /// # Errors
    /// When something is left.
    pub(super) async fn stop(mut self, keep_log: bool) -> Result<Option<PathBuf>> {
        drop(self.lifeline.take());
        let deadline = Instant::now() + DOWN_WITHIN;
        if tokio::time::timeout_at(deadline, self.up.wait()).await.is_err() {
            self.up.kill().await.context("server and edge did not end, and cannot be killed")?;
        }
        let mut kept = None;
        if keep_log {
            let place = self.directory.path().with_extension("log");
            std::fs::copy(log_in(self.directory.path()), &place)
                .with_context(|| format!("cannot keep the log at {}", place.display()))?;
            kept = Some(place);
        }
        let path = self.directory.path().to_owned();
        self.directory.close().with_context(|| format!("cannot remove {}", path.display()))?;
        Ok(kept)
    }
}

/// Removes the directories that a run has left; what cannot be removed is the system's to tidy.
pub(super) fn remove_directories(run: &str) {
    let listed = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in listed {
        if entry.file_name().to_string_lossy().starts_with(&prefix(run)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn prefix(run: &str) -> String {
    format!("launcher-demo-{run}-")
}

fn data_in(directory: &Path) -> PathBuf {
    directory.join("data")
}

fn log_in(directory: &Path) -> PathBuf {
    directory.join("log")
}

/// An address of this machine that is free now: with the preferred port when possible.
fn free(preferred: u16) -> Result<SocketAddr> {
    let local = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener =
        local(preferred).or_else(|_| local(0)).context("this machine has no free port")?;
    listener.local_addr().context("this machine has no free port")
}

/// Reads what `launcher up` says until it names the link that signs in, and the rest for nobody.
async fn login_link(said: Option<ChildStdout>) -> Result<String> {
    let said = said.context("it says nothing")?;
    let mut lines = BufReader::new(said).lines();
    while let Some(line) = lines.next_line().await.context("it cannot be read")? {
        if let Some(link) = line.split_whitespace().find(|word| word.contains("/login/")) {
            let link = link.to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(link);
        }
    }
    bail!("it ended")
}
