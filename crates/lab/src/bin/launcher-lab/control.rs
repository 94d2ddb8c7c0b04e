//! The conversation between a lab that runs and the commands in other terminals: one question and one
//! answer for each connection with a Unix socket, as JSON.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use launcher_lab::{Host, Image, Lab, Node};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::site::Site;

/// How long the managers may take to tell of the nodes. Without a majority they do not.
const NODES: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// How it is.
    Status,
    /// Something is to happen to a host.
    Change(String, Change),
    /// What leads into a host.
    Entry(String),
    /// An image is to come into the registry.
    Push(String, Source),
}

/// What can happen to a host.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    Cut,
    Mend,
    Kill,
    Revive,
    StopEngine,
    StartEngine,
}

/// Where an image comes from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    Local(String),
    Folder(PathBuf),
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Status(Status),
    Done,
    Entry(Vec<String>),
    Pushed(String),
    Refused(String),
}

/// How a lab is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    /// Where the hosts reach this machine.
    pub(crate) gateway: Ipv4Addr,
    pub(crate) registry: SocketAddr,
    /// Where the server's API and pages are, and the token for it; none without a server.
    pub(crate) server: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) hosts: Vec<HostStatus>,
}

/// How a host is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HostStatus {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    /// `up`, `cut` or `down`.
    pub(crate) state: String,
    /// Whether its engine runs.
    pub(crate) engine: bool,
    /// Where that listens.
    pub(crate) socket: String,
    /// What the Swarm says of it: `ready` or `down`; none without a Swarm, or when no manager answers.
    pub(crate) node: Option<String>,
    /// Whether it was made a manager of the Swarm.
    pub(crate) manager: bool,
    /// Where its edge serves HTTP; none when there is no edge on it that runs.
    pub(crate) edge: Option<SocketAddr>,
}

/// A lab, and what runs in it, to which people's commands come.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) lab: Lab,
    pub(crate) site: Option<Site>,
}

/// Where a lab with this directory listens.
pub(crate) fn socket(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}

/// Answers until it is dropped. Returns only when the socket fails.
pub(crate) async fn serve(control: Arc<Control>) -> Result<()> {
    let path = socket(control.lab.directory());
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot listen at {}", path.display()))?;
    let mut conversations = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("cannot take a connection")?;
        conversations.spawn(converse(stream, Arc::clone(&control)));
        while conversations.try_join_next().is_some() {}
    }
}

/// Whoever asked may be gone before the answer; nothing follows from that.
async fn converse(mut stream: UnixStream, control: Arc<Control>) {
    let mut asked = Vec::new();
    if stream.read_to_end(&mut asked).await.is_err() {
        return;
    }
    let answer = match serde_json::from_slice(&asked) {
        Ok(question) => control.answer(question).await,
        Err(error) => Answer::Refused(format!("the lab does not understand the command: {error}")),
    };
    if let Ok(answer) = serde_json::to_vec(&answer) {
        let _ = stream.write_all(&answer).await;
    }
}

impl Control {
    async fn answer(&self, question: Question) -> Answer {
        let answered = match question {
            Question::Status => Ok(Answer::Status(self.status().await)),
            Question::Change(host, change) => self.change(&host, change).await,
            Question::Entry(host) => self.entry(&host).await,
            Question::Push(name, source) => self.push(&name, source).await,
        };
        answered.unwrap_or_else(|error| Answer::Refused(format!("{error:#}")))
    }

    async fn change(&self, host: &str, change: Change) -> Result<Answer> {
        let host = self.lab.host(host)?;
        match change {
            Change::Cut => host.cut().await?,
            Change::Mend => host.mend().await?,
            Change::Kill => host.kill().await?,
            Change::Revive => {
                host.revive().await?;
                if let Some(site) = &self.site {
                    site.start_on(host).await?;
                }
            }
            Change::StopEngine => host.stop_engine().await,
            Change::StartEngine => host.start_engine().await?,
        }
        Ok(Answer::Done)
    }

    async fn entry(&self, host: &str) -> Result<Answer> {
        let entry = self.lab.host(host)?.entry().await?;
        Ok(Answer::Entry(entry.iter().map(|word| word.to_string_lossy().into_owned()).collect()))
    }

    async fn push(&self, name: &str, source: Source) -> Result<Answer> {
        let image = match source {
            Source::Local(image) => Image::Local(image),
            Source::Folder(folder) => Image::Folder(folder),
        };
        Ok(Answer::Pushed(self.lab.push(name, &image).await?))
    }

    /// How all of it is.
    pub(crate) async fn status(&self) -> Status {
        let lab = &self.lab;
        let nodes = tokio::time::timeout(NODES, lab.nodes()).await;
        let nodes = nodes.ok().and_then(Result::ok).unwrap_or_default();
        let mut hosts = Vec::new();
        for host in lab.hosts() {
            hosts.push(self.host_status(host, &nodes).await);
        }
        Status {
            name: lab.name().to_owned(),
            directory: lab.directory().to_owned(),
            gateway: lab.gateway(),
            registry: lab.registry(),
            server: self.site.as_ref().map(Site::url),
            token_file: self.site.as_ref().map(Site::token_file),
            hosts,
        }
    }

    async fn host_status(&self, host: &Host, nodes: &[Node]) -> HostStatus {
        let state = match (host.is_up().await, host.is_cut().await) {
            (false, _) => "down",
            (true, true) => "cut",
            (true, false) => "up",
        };
        let node = nodes.iter().find(|node| node.host == host.name());
        let edge = match &self.site {
            Some(site) => site.edge(host).await,
            None => None,
        };
        HostStatus {
            name: host.name().to_owned(),
            address: host.address(),
            state: state.to_owned(),
            engine: host.has_engine().await,
            socket: host.socket(),
            node: node.map(|node| if node.ready { "ready" } else { "down" }.to_owned()),
            manager: self.lab.managers().iter().any(|manager| manager.name() == host.name()),
            edge,
        }
    }
}
