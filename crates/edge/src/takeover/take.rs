//! The successor's side: asking for the owner's place, and taking it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UnixStream;

use super::lock::Lock;
use super::message::{Answer, Ask, FromPredecessor, PROTOCOL, ToPredecessor};
use super::succession::Succession;
use super::{pass, socket};
use crate::Error;
use crate::driver::Driver;
use crate::engine::Listening;
use crate::table::RouteTable;
use crate::wire;

/// How long an owner is looked for that does not listen: it is just starting, or about to end.
const FOUND_WITHIN: Duration = Duration::from_secs(10);
/// How long one that ends may take to let go of the directory.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
/// From one attempt to the next.
const AGAIN: Duration = Duration::from_millis(20);
/// How long the owner may take to send its sockets.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to hand over. It waits for switches and holds that are under way.
const HANDS_OVER_WITHIN: Duration = Duration::from_secs(90);
/// How long the lock may take to be free after it has.
const FREE_WITHIN: Duration = Duration::from_secs(5);

/// What became of asking.
pub(crate) enum Offer {
    /// Nobody was there: this process is the owner.
    Alone(Lock),
    /// The sockets of the owner, and the place with them when it is wanted.
    Place(Place),
}

/// The owner's place.
pub(crate) struct Place {
    owner: UnixStream,
    /// What the owner listens on.
    pub(crate) listening: Vec<Listening>,
}

/// Takes the lock of a directory whose owner may be just about to end.
///
/// # Errors
/// When it stays.
pub(crate) async fn wait_for_nobody(dir: &Path) -> Result<Lock, Error> {
    let began = Instant::now();
    loop {
        match Lock::take(dir)? {
            Some(lock) => return Ok(lock),
            None if began.elapsed() > ENDS_WITHIN => return Err(Lock::is_taken(dir)),
            None => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Asks whoever owns the directory for its place.
///
/// # Errors
/// When the owner refuses or does not answer.
pub(crate) async fn ask(dir: &Path) -> Result<Offer, Error> {
    let refused = |why| Error::InUse { path: dir.to_owned(), why };
    let began = Instant::now();
    loop {
        if let Some(lock) = Lock::take(dir)? {
            return Ok(Offer::Alone(lock));
        }
        let asked = tokio::time::timeout(ANSWERS_WITHIN, ask_once(dir)).await;
        match asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(Ok(place)) => return Ok(Offer::Place(place)),
            Ok(Err(why)) => return Err(refused(why)),
            Err(error) if began.elapsed() > FOUND_WITHIN => {
                return Err(refused(format!("{error}; stop it, or use another --data")));
            }
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

async fn ask_once(dir: &Path) -> io::Result<Result<Place, String>> {
    let mut owner = socket::connect(dir).await?;
    let (version, pid) = (env!("CARGO_PKG_VERSION").to_owned(), std::process::id());
    pass::say(&mut owner, &Ask::TakeOver { protocol: PROTOCOL, version, pid }).await?;
    match pass::hear(&mut owner).await? {
        Answer::Refused { why } => Ok(Err(why)),
        Answer::Sockets { sockets, https } => {
            let sockets = pass::receive(&owner, sockets).await?;
            let mut listening = Listening::given(sockets)?;
            for one in &mut listening {
                one.secure = https.contains(&one.address);
            }
            Ok(Ok(Place { owner, listening }))
        }
    }
}

impl Place {
    /// Takes the place, with everything that it takes ready; `leaving` are the owner's addresses that
    /// nobody shall listen on any more. Serves when this returns, unless the owner died: then what is
    /// served waits for the control plane's word, as at every start.
    ///
    /// # Errors
    /// When the owner stays the owner.
    pub(crate) async fn take(
        self,
        dir: &Path,
        succession: &Arc<Succession>,
        leaving: Vec<SocketAddr>,
    ) -> Result<Lock, Error> {
        let refused = |why| Error::InUse { path: dir.to_owned(), why };
        launcher_fault::point("edge.takeover_asks");
        let (mut reader, mut writer) = wire::split::<_, FromPredecessor, ToPredecessor>(self.owner);
        let handed = async {
            writer.send(&ToPredecessor::HandOver).await?;
            reader.next().await
        };
        let handed = tokio::time::timeout(HANDS_OVER_WITHIN, handed).await;
        let builtin = succession.builtin();
        match handed {
            Ok(Ok(Some(FromPredecessor::Handed { table, draining }))) => {
                launcher_fault::point("edge.takeover_handed");
                let lock = wait_for_lock(dir).await?;
                builtin.own(dir, table).await?;
                builtin.open();
                launcher_fault::point("edge.takeover_open");
                // Whether it still hears that changes nothing: who has the lock is the owner.
                if writer.send(&ToPredecessor::Ready { leaving }).await.is_ok() {
                    succession.lead(reader, writer, &draining).await;
                }
                launcher_fault::point("edge.takeover_ready");
                Ok(lock)
            }
            Ok(Ok(Some(FromPredecessor::Refused { why }))) => Err(refused(why)),
            Ok(Ok(Some(_))) => Err(refused("it said something else than was asked".into())),
            Err(_elapsed) => Err(refused("it does not hand over".into())),
            Ok(Ok(None) | Err(_)) => {
                tracing::warn!("the edge to take over from died; starting with its sockets");
                let lock = wait_for_lock(dir).await?;
                builtin.own(dir, RouteTable::default()).await?;
                Ok(lock)
            }
        }
    }
}

async fn wait_for_lock(dir: &Path) -> Result<Lock, Error> {
    let began = Instant::now();
    loop {
        if let Some(lock) = Lock::take(dir)? {
            return Ok(lock);
        }
        if began.elapsed() > FREE_WITHIN {
            let why = "a third one has taken over; start this one again, or leave it".to_owned();
            return Err(Error::InUse { path: dir.to_owned(), why });
        }
        tokio::time::sleep(AGAIN).await;
    }
}
