//! What one thread knows of a version: its containers, the connections to them that are open and
//! unused, and how much of the thread's own traffic each of them has.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use launcher_model::service::Protocol;
use launcher_model::{ServiceName, VersionNumber};
use rand::Rng;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::choice::{SlowStart, choose};
use super::h2c::Link;
use super::upstream::Conn;
use super::worker::{Rest, Worker};
use crate::compiled::{self, Failure, PoolId, Standing, clock};
use crate::stats::{ThreadCounters, VersionStats};

/// A thread's share of a [`compiled::Pool`].
pub(super) struct LocalPool {
    pub(super) id: PoolId,
    thread: usize,
    service: ServiceName,
    version: VersionNumber,
    stats: Arc<VersionStats>,
    /// Of which set of endpoints `endpoints` is.
    stamp: Cell<u64>,
    endpoints: RefCell<Vec<Rc<Endpoint>>>,
    eject_after: Cell<u16>,
    /// Some containers have not got their whole share.
    slow_start: Cell<Option<SlowStart>>,
    /// Endpoints of a table that is being prepared.
    ahead: RefCell<Vec<Rc<Endpoint>>>,
    /// Held until the pool's production traffic has come to rest on this thread.
    watch: RefCell<Vec<Rest>>,
    /// What tells the pool's connections to move, one by one.
    moving: Cell<Option<AbortHandle>>,
}

/// One container.
pub(super) struct Endpoint {
    known_as: compiled::Endpoint,
    idle: RefCell<Vec<Idle>>,
    /// Connections that carry many requests, to one that speaks HTTP/2.
    links: RefCell<Vec<Rc<Link>>>,
    /// Held by who opens one of them, so that the requests that come meanwhile do not each.
    opening: Mutex<()>,
    in_flight: Cell<u32>,
}

/// So many connections a thread has to one container that speaks HTTP/2, at most.
const MOST_LINKS: usize = 4;

struct Idle {
    conn: Box<Conn>,
    since: u64,
}

impl LocalPool {
    pub(super) fn new(pool: &compiled::Pool, thread: usize) -> Self {
        Self {
            id: pool.id,
            thread,
            service: pool.service.clone(),
            version: pool.version,
            stats: pool.stats.clone(),
            stamp: Cell::new(0),
            endpoints: RefCell::default(),
            eject_after: Cell::new(0),
            slow_start: Cell::new(None),
            ahead: RefCell::default(),
            watch: RefCell::default(),
            moving: Cell::new(None),
        }
    }

    /// What people know it as: `environment v42 of service shop`.
    pub(super) fn name(&self) -> String {
        format!("environment {} of service {}", self.version, self.service)
    }

    pub(super) fn service(&self) -> &ServiceName {
        &self.service
    }

    pub(super) fn version(&self) -> VersionNumber {
        self.version
    }

    pub(super) fn counters(&self) -> &ThreadCounters {
        self.stats.of(self.thread)
    }

    /// Takes over the endpoints of a table. Those that stay keep their connections, and requests to
    /// those that go are not disturbed.
    pub(super) fn follow(&self, pool: &compiled::Pool) {
        if self.stamp.replace(pool.stamp) == pool.stamp {
            return;
        }
        let endpoints = pool.endpoints.iter().map(|endpoint| self.endpoint(endpoint)).collect();
        *self.endpoints.borrow_mut() = endpoints;
        let choice = pool.choice;
        self.eject_after.set(choice.eject_after);
        let came = pool.endpoints.iter().map(|endpoint| endpoint.standing.since());
        self.slow_start.set(SlowStart::of(choice.slow_start_ms, came, clock()));
        self.ahead.borrow_mut().clear();
    }

    fn endpoint(&self, wanted: &compiled::Endpoint) -> Rc<Endpoint> {
        let known = self.known(wanted);
        known.unwrap_or_else(|| Rc::new(Endpoint::new(wanted.clone())))
    }

    fn known(&self, wanted: &compiled::Endpoint) -> Option<Rc<Endpoint>> {
        let (endpoints, ahead) = (self.endpoints.borrow(), self.ahead.borrow());
        endpoints.iter().chain(ahead.iter()).find(|known| known.known_as == *wanted).cloned()
    }

    /// The endpoint of a table that may not be in force yet.
    pub(super) fn endpoint_ahead(&self, wanted: &compiled::Endpoint) -> Rc<Endpoint> {
        if let Some(known) = self.known(wanted) {
            return known;
        }
        let new = Rc::new(Endpoint::new(wanted.clone()));
        self.ahead.borrow_mut().push(new.clone());
        new
    }

    /// The container for a request that was just `tried` at another one, perhaps.
    pub(super) fn pick(
        &self,
        rng: &mut impl Rng,
        tried: Option<&Rc<Endpoint>>,
        now: u64,
    ) -> Option<Rc<Endpoint>> {
        let slow_start = self.slow_start.get().filter(|slow_start| !slow_start.is_over(now));
        choose(&self.endpoints.borrow(), slow_start.as_ref(), tried, now, rng).cloned()
    }

    /// Notes that a container has failed a request. When that was too often, it is left out for a while,
    /// as long as half of the containers stay in the choice.
    pub(super) fn failed(
        &self,
        endpoint: &Endpoint,
        failure: Failure,
        now: u64,
        rng: &mut impl Rng,
    ) {
        let may_go = || {
            let endpoints = self.endpoints.borrow();
            let others = endpoints.iter().filter(|e| !std::ptr::eq(&***e, endpoint));
            let out = others.filter(|e| !e.standing().is_in()).count();
            (out + 1) * 2 <= endpoints.len()
        };
        let after = self.eject_after.get();
        let Some(pause) = endpoint.standing().failed(failure, now, after, may_go, rng) else {
            return;
        };
        self.counters().ejected.up();
        tracing::info!(
            service = %self.service, version = %self.version, container = endpoint.container(), ?pause,
            "a container has failed {after} requests in a row or more, and is passed over for a while"
        );
    }

    /// Has `rest` held until no production traffic is under way here.
    pub(super) fn watch(&self, rest: Rest) {
        let mut watch = self.watch.borrow_mut();
        // Some were waited for only so long.
        watch.retain(|rest| !rest.is_closed());
        watch.push(rest);
        drop(watch);
        self.rested();
    }

    /// Notes what tells its connections to move.
    pub(super) fn moves(&self, moving: AbortHandle) {
        if let Some(before) = self.moving.replace(Some(moving)) {
            before.abort();
        }
    }

    /// Waits for it no longer. Returns whether its connections were being told to move.
    pub(super) fn unwatch(&self) -> bool {
        self.watch.borrow_mut().clear();
        let moving = self.moving.take();
        moving.inspect(AbortHandle::abort).is_some()
    }

    /// To be called when something has ended.
    pub(super) fn rested(&self) {
        let mut watch = self.watch.borrow_mut();
        if !watch.is_empty() {
            let live = self.counters().live.get();
            if live.requests == 0 && live.connections == 0 {
                watch.clear();
            }
        }
    }

    /// Closes unused connections that were last used before `since` or that have been closed by the
    /// container.
    pub(super) fn sweep(&self, since: u64) {
        for endpoint in self.endpoints.borrow().iter().chain(self.ahead.borrow().iter()) {
            endpoint.idle.borrow_mut().retain(|idle| idle.since >= since && idle.conn.is_fresh());
            endpoint.links.borrow_mut().retain(|link| link.is_open() && link.is_used_since(since));
        }
    }
}

impl Endpoint {
    pub(super) fn new(known_as: compiled::Endpoint) -> Self {
        Self {
            known_as,
            idle: RefCell::default(),
            links: RefCell::default(),
            opening: Mutex::new(()),
            in_flight: Cell::new(0),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.known_as.address
    }

    pub(super) fn container(&self) -> &str {
        &self.known_as.container
    }

    /// An open connection that was used after `since`.
    pub(super) fn take(&self, since: u64) -> Option<Box<Conn>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(last) = idle.pop() {
            if last.since < since {
                idle.push(last);
                return None;
            }
            if last.conn.is_fresh() {
                return Some(last.conn);
            }
        }
        None
    }

    /// Keeps a connection for the next request, when it can serve one and there are not `most` already.
    pub(super) fn give_back(&self, mut conn: Box<Conn>, now: u64, most: usize) {
        let mut idle = self.idle.borrow_mut();
        if conn.is_reusable() && idle.len() < most {
            conn.rest();
            idle.push(Idle { conn, since: now });
        }
    }

    /// Sees that a connection to it is open. Says whether one is.
    pub(super) async fn warm(&self, timeout: Duration, worker: &Worker) -> bool {
        if self.speaks_h2c() {
            return self.link(timeout, worker).await.is_ok();
        }
        if self.idle.borrow().is_empty()
            && let Ok(conn) = Conn::open(self.address(), timeout).await
        {
            self.give_back(conn, worker.now(), worker.limits().idle_per_container);
        }
        !self.idle.borrow().is_empty()
    }

    /// Whether it speaks HTTP/2.
    pub(super) fn speaks_h2c(&self) -> bool {
        self.known_as.protocol == Protocol::H2c
    }

    /// A connection that has room for another request, and whether it is a new one.
    pub(super) async fn link(
        &self,
        timeout: Duration,
        worker: &Worker,
    ) -> io::Result<(Rc<Link>, bool)> {
        if let Some(link) = self.open_link() {
            return Ok((link, false));
        }
        let _opening = self.opening.lock().await;
        if let Some(link) = self.open_link() {
            return Ok((link, false));
        }
        let link = Link::open(self.address(), timeout, worker.limits(), worker.now()).await?;
        self.links.borrow_mut().push(link.clone());
        Ok((link, true))
    }

    /// Of the connections that are open the one that carries least, unless another one should be opened.
    fn open_link(&self) -> Option<Rc<Link>> {
        let mut links = self.links.borrow_mut();
        links.retain(|link| link.is_open());
        let least = links.iter().min_by_key(|link| link.under_way())?;
        (least.has_room() || links.len() >= MOST_LINKS).then(|| least.clone())
    }

    /// What all threads know of it.
    pub(super) fn standing(&self) -> &Standing {
        &self.known_as.standing
    }

    /// How many of this thread's requests it has.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    pub(super) fn begin(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    pub(super) fn end(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }
}
