//! The owner's side: handing its place over to a successor, or keeping it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{UnixListener, UnixStream};

use super::follow::{Elected, elect};
use super::lock::Lock;
use super::message::{Answer, Ask, FromPredecessor, PROTOCOL, ToPredecessor};
use super::succession::Succession;
use super::{pass, socket};
use crate::driver::Driver;
use crate::link::Quiet;
use crate::table::RouteTable;
use crate::wire::{self, Reader, WireError, Writer};

/// How long a successor may take to say what it wants, and to bind what it wants besides.
const PREPARES_WITHIN: Duration = Duration::from_secs(20);
/// How long switches that are under way are waited for, and holds, of which none takes longer than a
/// minute.
const QUIET_WITHIN: Duration = Duration::from_secs(75);
/// How long a successor may take to serve once all is handed over.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long to wait when the socket does not work.
const PAUSE: Duration = Duration::from_millis(100);

/// Where successors come in.
pub(crate) struct Door {
    dir: PathBuf,
    succession: Arc<Succession>,
    listener: Option<UnixListener>,
}

/// The new owner, as its predecessor speaks with it.
pub(crate) struct Leader {
    pub(super) reader: Reader<ReadHalf<UnixStream>, ToPredecessor>,
    pub(super) writer: Writer<WriteHalf<UnixStream>, FromPredecessor>,
    /// Addresses that nobody listens on any more.
    pub(super) leaving: Vec<SocketAddr>,
}

impl Leader {
    pub(super) fn new(stream: UnixStream) -> Self {
        let (reader, writer) = wire::split(stream);
        Self { reader, writer, leaving: Vec::new() }
    }
}

impl Door {
    /// Lets successors in, for who has the lock of the directory.
    pub(crate) fn open(dir: PathBuf, succession: Arc<Succession>) -> Self {
        let mut door = Self { dir, succession, listener: None };
        door.listen();
        door
    }

    fn listen(&mut self) {
        self.listener = match socket::listen(&self.dir) {
            Ok(listener) => Some(listener),
            Err(error) => {
                let dir = self.dir.display();
                tracing::error!(%dir, %error, "no other edge can take over: cannot listen at takeover.sock in the data directory");
                None
            }
        };
    }

    /// Waits until a successor has taken the place. The conversation with the control plane is
    /// [quiet](Quiet) then.
    pub(crate) async fn successor(&mut self, lock: &mut Option<Lock>, quiet: &Quiet) -> Leader {
        loop {
            let Some(listener) = &self.listener else { return std::future::pending().await };
            let stream = match socket::accept(listener).await {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot hear another edge");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            match self.attend(stream, lock, quiet).await {
                Ok(Some(leader)) => return leader,
                Ok(None) => {}
                Err(why) => tracing::warn!(%why, "an edge that was to take over did not"),
            }
        }
    }

    async fn attend(
        &mut self,
        mut stream: UnixStream,
        lock: &mut Option<Lock>,
        quiet: &Quiet,
    ) -> Result<Option<Leader>, WireError> {
        let asked = tokio::time::timeout(PREPARES_WITHIN, pass::hear::<Ask>(&mut stream)).await;
        match asked.map_err(|_| silent())?? {
            Ask::Follow { protocol: PROTOCOL, draining } => {
                let (reader, writer) = wire::split(stream);
                self.succession.lead(reader, writer, &draining).await;
                Ok(None)
            }
            Ask::TakeOver { protocol: PROTOCOL, version, pid } => {
                tracing::info!(%version, pid, "another edge process asks to take over");
                let leader = self.send_sockets(stream).await?;
                self.hand_over(leader, lock, quiet).await
            }
            Ask::Follow { protocol, .. } | Ask::TakeOver { protocol, .. } => {
                let why = format!(
                    "it speaks takeover protocol {PROTOCOL}, this one {protocol}; stop it first"
                );
                pass::say(&mut stream, &Answer::Refused { why }).await?;
                Ok(None)
            }
        }
    }

    /// Sends the listening sockets, and waits until the successor has all that it needs.
    async fn send_sockets(&self, mut stream: UnixStream) -> Result<Leader, WireError> {
        let listening = self.succession.builtin().engine().sockets()?;
        let sockets: Vec<_> = listening.into_iter().flat_map(|one| one.sockets).collect();
        let https = self.succession.builtin().https().to_vec();
        pass::say(&mut stream, &Answer::Sockets { sockets: sockets.len(), https }).await?;
        pass::send(&stream, &sockets).await?;
        let mut leader = Leader::new(stream);
        let asked = tokio::time::timeout(PREPARES_WITHIN, leader.reader.next()).await;
        match asked.map_err(|_| silent())?? {
            Some(ToPredecessor::HandOver) => Ok(leader),
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Gives up everything but the connections. `None` when the place was not taken, and is this
    /// process's again.
    async fn hand_over(
        &mut self,
        mut leader: Leader,
        lock: &mut Option<Lock>,
        quiet: &Quiet,
    ) -> Result<Option<Leader>, WireError> {
        let comes_to_rest = async {
            self.succession.builtin().hold_nothing().await;
            quiet.begin().await;
        };
        if tokio::time::timeout(QUIET_WITHIN, comes_to_rest).await.is_err() {
            quiet.end();
            let why = "a switch or a hold does not come to its end; try again".to_owned();
            leader.writer.send(&FromPredecessor::Refused { why }).await?;
            return Ok(None);
        }
        let builtin = self.succession.builtin();
        builtin.disown().await;
        launcher_fault::point("edge.handover_disowned");
        self.listener = None;
        drop(lock.take());
        let (table, draining) = (builtin.table().await, self.succession.left().await);
        let ready = async {
            leader.writer.send(&FromPredecessor::Handed { table, draining }).await?;
            launcher_fault::point("edge.handover_handed");
            leader.reader.next().await
        };
        let ready = tokio::time::timeout(READY_WITHIN, ready).await;
        if let Ok(Ok(Some(ToPredecessor::Ready { leaving }))) = ready {
            launcher_fault::point("edge.handover_done");
            leader.leaving = leaving;
            return Ok(Some(leader));
        }
        drop(leader);
        tracing::warn!("the edge that was to take over did not get ready");
        match elect(&self.dir, &self.succession).await {
            Elected::Follows(leader) => Ok(Some(*leader)),
            Elected::Owns(again) => {
                *lock = Some(again);
                if let Err(error) = builtin.own(&self.dir, RouteTable::default()).await {
                    tracing::error!(%error, "serving on without keeping the routes");
                }
                self.listen();
                quiet.end();
                Ok(None)
            }
        }
    }
}

fn silent() -> WireError {
    io::Error::new(io::ErrorKind::TimedOut, "it said nothing").into()
}
