//! What carries the requests: one thread per core, each with its own runtime, listeners, connections
//! and pools of connections to containers. Threads share the route table, which is one atomic pointer,
//! and counters that each of them writes for itself; nothing on the way of a request is locked.
//!
//! A thread learns of a change in two ways. From the moment a table is [published](Engine::publish),
//! the next request that it looks up follows it, and whatever went by the old table is counted as under
//! way; nobody has to wait for the thread to have time. And it is [told](Engine::tell) of what it has
//! to do besides, such as to let go of connections or to say when something has come to rest.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::access::Log;
use crate::certificates::{Certificates, Challenges};
use crate::compiled::{Pool, PoolId, Standing, Table};
use crate::looks::Looks;
use crate::wakes::Wakes;

mod accept;
mod access;
mod assets;
mod attempts;
mod body;
mod body_limit;
mod choice;
mod chunks;
mod client;
mod closed;
mod coder;
mod coming;
mod common;
mod compress;
mod date;
mod doors;
mod elsewhere;
mod events;
mod fields;
mod forged;
mod forwarding;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod gate;
mod h2c;
mod hints;
mod hop;
mod http1;
mod http2;
mod limits;
mod line;
mod listen;
mod login;
mod moving;
mod outgoing;
mod page;
mod pool;
mod preface;
mod proxy;
mod request_body;
mod secure;
mod silence;
mod socket;
mod spare;
mod ticket;
mod tls;
mod trailers;
mod trial;
mod tunnel;
mod upstream;
mod waking;
mod websocket;
mod worker;

use coming::Coming;
use common::{Common, Thread};
pub use limits::Limits;
pub(crate) use listen::{Listening, Served, complete};
use tls::Tls;
pub(crate) use worker::Rest;
use worker::{Command, Worker};

/// The running threads.
pub(crate) struct Engine {
    common: Arc<Common>,
    /// All that is served, and of that what is served by HTTP and by HTTPS.
    served: Vec<Served>,
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
    listening: Mutex<Vec<Listening>>,
}

/// A pool whose production traffic is to be watched until it has come to rest.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) pool: Arc<Pool>,
    /// Dropped by each thread on which the pool is at rest.
    pub(crate) rest: Rest,
    /// Connections that stay long are told to move, the last of them then.
    pub(crate) move_within: Option<Duration>,
}

/// What changed between two tables, for the threads to follow.
#[derive(Clone, Default)]
pub(crate) struct Change {
    /// Pools that are new or whose endpoints changed.
    pub(crate) touched: Vec<Arc<Pool>>,
    /// Pools that are in no table any more.
    pub(crate) gone: Vec<PoolId>,
    /// Pools that have left production, or whose service is held.
    pub(crate) watch: Vec<Watch>,
    /// Pools that are watched no longer.
    pub(crate) unwatch: Vec<PoolId>,
}

impl Engine {
    /// Starts `threads` threads, which serve `table` on these sockets once the engine is
    /// [open](Self::open), and tell the log what became of each request. Those who speak TLS are shown
    /// these certificates, and reach the first address of HTTPS at its public port, where that is another one.
    pub(crate) fn start(
        listening: Vec<Listening>,
        threads: usize,
        limits: &Limits,
        certificates: Arc<Certificates>,
        public_port: Option<u16>,
        log: Option<Log>,
        table: Table,
    ) -> Result<Self, Error> {
        let served: Vec<Served> = listening.iter().map(Listening::served).collect();
        let of = |secure| served.iter().filter(move |one| one.secure == secure);
        let [http, https]: [Vec<SocketAddr>; 2] =
            [false, true].map(|secure| of(secure).map(|one| one.address).collect());
        let tls = Tls::for_those(&https, certificates, public_port, limits)?;
        let (inboxes, commands): (Vec<_>, Vec<_>) =
            (0..threads).map(|_| mpsc::unbounded_channel()).unzip();
        let threads = inboxes.into_iter().map(Thread::new).collect();
        let common = Arc::new(Common::new(table, limits.clone(), tls, log, threads));
        for (index, commands) in commands.into_iter().enumerate() {
            Worker::spawn(index, common.clone(), commands)?;
        }
        Ok(Self { common, served, http, https, listening: Mutex::new(listening) })
    }

    /// The addresses that are served by HTTP, with the ports that were chosen for those given as 0.
    pub(crate) fn http(&self) -> &[SocketAddr] {
        &self.http
    }

    /// Those that are served by HTTPS.
    pub(crate) fn https(&self) -> &[SocketAddr] {
        &self.https
    }

    /// Whether it is measured how long requests take.
    pub(crate) fn measures(&self) -> bool {
        self.common.limits.measures
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.common.threads.len()
    }

    /// The table in force.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.common.table.load_full()
    }

    /// Puts a table in force for every request that begins from now on. Afterwards, every request that
    /// went by the old one is counted.
    pub(crate) async fn publish(&self, table: Table) {
        self.common.table.store(Arc::new(table));
        self.common.wakes.table_changed();
        gate::passed(self.common.threads.iter().map(|thread| &thread.gate)).await;
    }

    /// The versions that a switch is being prepared for.
    pub(crate) fn coming(&self) -> &Coming {
        &self.common.coming
    }

    /// Answers an authority of certificates so, by its tokens.
    pub(crate) fn answer(&self, challenges: Challenges) {
        self.common.challenges.store(Arc::new(challenges));
    }

    /// What is looked at.
    pub(crate) fn looks(&self) -> &Looks {
        &self.common.looks
    }

    /// The requests that wait for an environment.
    pub(crate) fn wakes(&self) -> &Wakes {
        &self.common.wakes
    }

    /// Tells every thread of a change that has been published, in the order of the calls.
    pub(crate) fn tell(&self, change: &Change) {
        for thread in &self.common.threads {
            // A thread that is gone has nothing to do.
            let _ = thread.inbox.send(Command::Follow { change: change.clone() });
        }
    }

    /// Has every thread hold an open connection to each endpoint of a pool; says how many were opened.
    pub(crate) async fn warm(&self, pool: &Arc<Pool>, timeout: Duration) -> u32 {
        self.ask(|answer| Command::Warm { pool: pool.clone(), timeout, answer }).await.iter().sum()
    }

    /// Cuts off all production traffic that a pool still has; says how much that was.
    pub(crate) async fn cut(&self, pool: PoolId) -> u64 {
        self.ask(|answer| Command::Cut { pool, answer }).await.iter().sum()
    }

    /// Tells what is under way on containers that have left to end for its clients to come again, as far as
    /// it is of a kind that can; says how many clients had something there.
    pub(crate) async fn move_from(&self, containers: Vec<Weak<Standing>>) -> u64 {
        let containers: Arc<[Weak<Standing>]> = containers.into();
        self.ask(|answer| Command::Move { containers: containers.clone(), answer })
            .await
            .iter()
            .sum()
    }

    /// Closes the connections on which nothing is under way, and each other one after its response.
    pub(crate) async fn leave(&self) {
        self.ask(|answer| Command::Leave { answer }).await;
    }

    /// Hands over what there is for the log.
    pub(crate) async fn flush_log(&self) {
        self.ask(|answer| Command::FlushLog { answer }).await;
    }

    /// Lets what is under way end for at most `within`, and stops the threads. No connection is
    /// taken any more.
    pub(crate) async fn stop(&self, within: Duration) {
        self.ask(|answer| Command::Stop { within, answer }).await;
    }

    async fn ask<T>(&self, command: impl Fn(oneshot::Sender<T>) -> Command) -> Vec<T> {
        let answers: Vec<_> = (self.common.threads.iter())
            .map(|thread| {
                let (answer, answered) = oneshot::channel();
                // A worker that is gone drops the question, which is an answer too.
                let _ = thread.inbox.send(command(answer));
                answered
            })
            .collect();
        let mut all = Vec::with_capacity(answers.len());
        for answered in answers {
            all.extend(answered.await);
        }
        all
    }
}
