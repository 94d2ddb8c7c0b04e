//! One thread: its runtime, its connections, and what it is asked to do.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use http::HeaderMap;
use rand::rngs::SmallRng;
use slab::Slab;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};

use super::accept::{Came, accept, adopt};
use super::access::Access;
use super::client::Client;
use super::common::{Accepting, Common};
use super::date::Date;
use super::fields::Fields;
use super::gate::Gate;
use super::http1::Room;
use super::listen::Served;
use super::moving::{Why, move_all};
use super::pool::LocalPool;
use super::spare::Spare;
use super::{Change, Limits, Watch};
use crate::Error;
use crate::compiled::{Pool, PoolId, Standing, clock};

/// Held by whatever has not come to rest; nothing is ever sent.
pub(crate) type Rest = mpsc::Sender<Infallible>;

/// How long connections that are cut at shutdown may take to end.
const CUT_WITHIN: Duration = Duration::from_secs(1);

/// What a thread is asked.
pub(super) enum Command {
    Follow { change: Change },
    Serve { came: Came<TcpStream> },
    Warm { pool: Arc<Pool>, timeout: Duration, answer: oneshot::Sender<u32> },
    Cut { pool: PoolId, answer: oneshot::Sender<u64> },
    Move { containers: Arc<[Weak<Standing>]>, answer: oneshot::Sender<u64> },
    Accept { accepting: Accepting, served: Served, listener: TcpListener },
    Leave { answer: oneshot::Sender<()> },
    FlushLog { answer: oneshot::Sender<()> },
    Stop { within: Duration, answer: oneshot::Sender<()> },
}

/// A thread that breaks takes the process with it: it would be missed by its clients and by every
/// switch, and whoever supervises the edge starts it again.
struct DieTogether;

impl Drop for DieTogether {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// The state of one thread.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) common: Arc<Common>,
    pub(super) rng: RefCell<SmallRng>,
    /// This thread's part of the access log, if there is one.
    pub(super) access: Option<Access>,
    /// Room for what clients send, and for the places of the fields in a head.
    pub(super) room: RefCell<Room>,
    pub(super) fields: RefCell<Fields>,
    /// For the fields of a message, the head of a request as it goes out, and what goes out to a client. A head
    /// is written over; the others are empty.
    pub(super) headers: Spare<HeaderMap>,
    pub(super) heads: Spare<Vec<u8>>,
    pub(super) outs: Spare<Vec<u8>>,
    timers: Spare<Pin<Box<Sleep>>>,
    date: RefCell<Date>,
    pools: RefCell<HashMap<PoolId, Rc<LocalPool>, RandomState>>,
    pub(super) clients: RefCell<Slab<(Rc<Client>, AbortHandle)>>,
    /// Told when a client's connection has ended.
    pub(super) ended: Notify,
    ticked: Cell<Instant>,
    now: Cell<u64>,
    closing: Cell<bool>,
    /// When the thread noticed that its connections are to end.
    leaving_since: Cell<Option<u64>>,
}

/// A part of `whole` that is another one for every key.
fn share(key: usize, whole: u64) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9;
    let spread = (key as u64).wrapping_mul(GOLDEN) & u64::from(u32::MAX);
    whole.saturating_mul(spread) >> 32
}

impl Worker {
    /// Starts the thread.
    pub(super) fn spawn(
        index: usize,
        common: Arc<Common>,
        inbox: mpsc::UnboundedReceiver<Command>,
    ) -> Result<(), Error> {
        let name = format!("edge-{index}");
        let (ready, is_ready) = std::sync::mpsc::channel();
        let run = move || {
            let _survivor = DieTogether;
            let built =
                Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            match built {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(Rc::new(Self::new(index, common)).run(inbox));
                    runtime.shutdown_background();
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        std::thread::Builder::new().name(name).spawn(run).map_err(Error::Thread)?;
        is_ready.recv().unwrap_or(Ok(())).map_err(Error::Thread)
    }

    fn new(index: usize, common: Arc<Common>) -> Self {
        let access = common.log.clone().map(Access::new);
        Self {
            index,
            common,
            rng: RefCell::new(rand::make_rng()),
            access,
            room: RefCell::default(),
            fields: RefCell::default(),
            headers: Spare::default(),
            heads: Spare::default(),
            outs: Spare::default(),
            timers: Spare::default(),
            date: RefCell::default(),
            pools: RefCell::default(),
            clients: RefCell::default(),
            ended: Notify::new(),
            ticked: Cell::new(Instant::now()),
            now: Cell::new(clock()),
            closing: Cell::new(false),
            leaving_since: Cell::new(None),
        }
    }

    async fn run(self: Rc<Self>, mut inbox: mpsc::UnboundedReceiver<Command>) {
        tokio::task::spawn_local(self.clone().keep_house());
        if self.access.is_some() {
            tokio::task::spawn_local(self.clone().flush_log_in_time());
        }
        while let Some(command) = inbox.recv().await {
            match command {
                Command::Follow { change } => self.follow(change),
                Command::Serve { came } => adopt(&self, came),
                Command::Warm { pool, timeout, answer } => {
                    let worker = self.clone();
                    tokio::task::spawn_local(async move {
                        let _ = answer.send(worker.warm(&pool, timeout).await);
                    });
                }
                Command::Cut { pool, answer } => drop(answer.send(self.cut(pool))),
                Command::Move { containers, answer } => {
                    let _ = answer.send(self.move_from(&containers));
                }
                Command::Accept { accepting, served, listener } => {
                    tokio::task::spawn_local(accept(self.clone(), accepting, served, listener));
                }
                Command::Leave { answer } => {
                    self.leave();
                    let _ = answer.send(());
                }
                Command::FlushLog { answer } => {
                    self.flush_log();
                    let _ = answer.send(());
                }
                Command::Stop { within, answer } => {
                    self.stop(within).await;
                    self.flush_log();
                    let _ = answer.send(());
                    return;
                }
            }
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.common.limits
    }

    /// Milliseconds of the process's [`clock`], as of the last tick. Exact enough for what is counted in
    /// seconds, and free.
    pub(super) fn now(&self) -> u64 {
        self.now.get()
    }

    /// When a time that begins now is over. A long one is taken from the last tick, which spares a look
    /// at the clock, and may be a tick longer for it.
    pub(super) fn deadline(&self, time: Duration) -> Instant {
        let tick = self.limits().tick();
        if time > tick * 8 { self.ticked.get() + time + tick } else { Instant::now() + time }
    }

    /// A timer, which one request uses after the other.
    pub(super) fn take_timer(&self) -> Pin<Box<Sleep>> {
        self.timers.find().unwrap_or_else(|| Box::pin(tokio::time::sleep_until(Instant::now())))
    }

    pub(super) fn keep_timer(&self, timer: Pin<Box<Sleep>>) {
        self.timers.keep(timer);
    }

    /// Writes the field that tells when a response was made (RFC 9110 §6.6.1), as of the last tick.
    pub(super) fn write_date(&self, out: &mut Vec<u8>) {
        self.date.borrow_mut().write(self.now(), out);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Whether the next response of every connection is its last one.
    pub(super) fn is_leaving(&self) -> bool {
        self.is_closing() || self.common.retired().is_some()
    }

    /// This thread's gate.
    pub(super) fn gate(&self) -> &Gate {
        &self.common.threads[self.index].gate
    }

    /// This thread's share of a pool.
    pub(super) fn pool(&self, pool: &Pool) -> Rc<LocalPool> {
        let local = self.local(pool);
        local.follow(pool);
        local
    }

    fn local(&self, pool: &Pool) -> Rc<LocalPool> {
        let mut pools = self.pools.borrow_mut();
        pools.entry(pool.id).or_insert_with(|| Rc::new(LocalPool::new(pool, self.index))).clone()
    }

    fn follow(self: &Rc<Self>, change: Change) {
        for pool in &change.touched {
            self.pool(pool);
        }
        for pool in &change.unwatch {
            self.unwatch(*pool);
        }
        for watch in change.watch {
            self.watch(watch);
        }
        // Requests that are under way hold their pool themselves.
        for gone in &change.gone {
            self.pools.borrow_mut().remove(gone);
        }
    }

    fn watch(self: &Rc<Self>, watch: Watch) {
        let local = self.local(&watch.pool);
        if let Some(within) = watch.move_within {
            let moving = move_all(self.clone(), local.id, within);
            local.moves(tokio::task::spawn_local(moving).abort_handle());
        }
        local.watch(watch.rest);
    }

    fn unwatch(&self, pool: PoolId) {
        if !self.pools.borrow().get(&pool).is_some_and(|local| local.unwatch()) {
            return;
        }
        // Of those that have been told, some wait for the end of a message.
        for (_, (client, _)) in self.clients.borrow().iter() {
            if client.is_live_on(pool) && client.moving.is_told() {
                client.moving.forget();
            }
        }
    }

    /// The clients that have production traffic of a pool under way.
    pub(super) fn clients_on(&self, pool: PoolId) -> Vec<usize> {
        let clients = self.clients.borrow();
        let on = clients.iter().filter(|(_, (client, _))| client.is_live_on(pool));
        on.map(|(key, _)| key).collect()
    }

    async fn warm(&self, pool: &Pool, timeout: Duration) -> u32 {
        let local = self.local(pool);
        let opened = pool.endpoints.iter().map(|endpoint| {
            let endpoint = local.endpoint_ahead(endpoint);
            async move { u32::from(endpoint.warm(timeout, self).await) }
        });
        futures_util::future::join_all(opened).await.iter().sum()
    }

    fn cut(&self, pool: PoolId) -> u64 {
        let mut cut = 0;
        for (_, (client, task)) in self.clients.borrow().iter() {
            if client.is_live_on(pool) {
                task.abort();
                // Of one that has moved only the end was waited for.
                cut += u64::from(!client.moving.has_moved());
            }
        }
        cut
    }

    /// Tells the clients that have something under way on these containers to come again. Most of it ends by
    /// itself; what stays long ends now.
    fn move_from(&self, containers: &[Weak<Standing>]) -> u64 {
        let clients = self.clients.borrow();
        let there = clients.iter().filter(|(_, (client, _))| client.is_at_one_of(containers));
        let told = there.map(|(_, (client, _))| client.moving.tell(Why::ContainerLeaves));
        told.count() as u64
    }

    fn leave(&self) {
        self.closing.set(true);
        for (_, (client, _)) in self.clients.borrow().iter() {
            // One that carries many requests is hardly ever at rest.
            client.says_goodbye();
        }
        self.close(|client| client.is_at_rest());
    }

    async fn stop(&self, within: Duration) {
        self.leave();
        let all_ended = async {
            while !self.clients.borrow().is_empty() {
                self.ended.notified().await;
                self.close(|client| client.is_at_rest());
            }
        };
        if tokio::time::timeout(within, all_ended).await.is_err() {
            tracing::warn!(left = self.clients.borrow().len(), "connections were cut at shutdown");
            self.cut_all();
            // What they had under way is logged when they have ended, which takes a moment.
            let all_ended = async {
                while !self.clients.borrow().is_empty() {
                    self.ended.notified().await;
                }
            };
            let _ = tokio::time::timeout(CUT_WITHIN, all_ended).await;
        }
    }

    fn flush_log(&self) {
        if let Some(access) = &self.access {
            access.flush();
        }
    }

    async fn flush_log_in_time(self: Rc<Self>) {
        if let Some(access) = &self.access {
            access.flush_in_time().await;
        }
    }

    /// Closes the connections of clients that are so.
    fn close(&self, so: impl Fn(&Client) -> bool) {
        for (_, (client, task)) in self.clients.borrow().iter() {
            if so(client) && !client.says_goodbye() {
                task.abort();
            }
        }
    }

    fn cut_all(&self) {
        for (_, (_, task)) in self.clients.borrow().iter() {
            task.abort();
        }
    }

    /// Once the connections are to end, those that send nothing are closed, each at a time of its own:
    /// their clients come back all at once otherwise.
    fn close_those_that_stay_idle(&self) {
        let Some(most) = self.common.retired() else { return self.leaving_since.set(None) };
        let began = self.leaving_since.get().unwrap_or(self.now());
        self.leaving_since.set(Some(began));
        for (key, (client, task)) in self.clients.borrow().iter() {
            let after = most / 4 + share(key, most / 2);
            let is_time = self.now().saturating_sub(began) > after;
            if client.is_idle_since_before(began, after) && !client.says_goodbye() {
                task.abort();
            } else if is_time {
                client.says_goodbye();
            }
        }
    }

    async fn keep_house(self: Rc<Self>) {
        let mut ticks = tokio::time::interval(self.limits().tick());
        loop {
            ticks.tick().await;
            let now = clock();
            self.now.set(now);
            self.ticked.set(Instant::now());
            self.close(|client| client.is_overdue() || self.is_closing() && client.is_at_rest());
            self.close_those_that_stay_idle();
            self.clients.borrow().iter().for_each(|(_, (client, _))| client.rests());
            let idle_ms = u64::try_from(self.limits().idle_timeout.as_millis()).unwrap_or(u64::MAX);
            for pool in self.pools.borrow().values() {
                pool.sweep(now.saturating_sub(idle_ms));
            }
        }
    }
}
