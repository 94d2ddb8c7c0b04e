//! What one thread knows of a version: its containers, the connections to them that are open and
//! unused, and how much of the thread's own traffic each of them has.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use launcher_model::{ServiceName, VersionNumber};
use rand::{Rng, RngExt};

use super::upstream::Conn;
use super::worker::Rest;
use crate::compiled::{self, PoolId};
use crate::stats::{ThreadCounters, VersionStats};

/// How long a container to which a connection could not be made is passed over, in milliseconds,
/// while there is another.
const AVOID_MS: u64 = 1_000;

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
    /// Endpoints of a table that is being prepared.
    ahead: RefCell<Vec<Rc<Endpoint>>>,
    /// Held until the pool's production traffic has come to rest on this thread.
    watch: RefCell<Vec<Rest>>,
}

/// One container.
pub(super) struct Endpoint {
    known_as: compiled::Endpoint,
    idle: RefCell<Vec<Idle>>,
    in_flight: Cell<u32>,
    avoid_until: Cell<u64>,
}

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
            ahead: RefCell::default(),
            watch: RefCell::default(),
        }
    }

    /// What people know it as: `environment v42 of service shop`.
    pub(super) fn name(&self) -> String {
        format!("environment {} of service {}", self.version, self.service)
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

    /// The container for a request: of two drawn at random the one with less to do (Mitzenmacher,
    /// "The power of two choices", 2001). One that was just tried, or to which no connection could be
    /// made a moment ago, is taken only when there is no other.
    pub(super) fn pick(
        &self,
        rng: &mut impl Rng,
        tried: Option<&Rc<Endpoint>>,
        now: u64,
    ) -> Option<Rc<Endpoint>> {
        let endpoints = self.endpoints.borrow();
        let n = endpoints.len();
        if n < 2 {
            return endpoints.first().cloned();
        }
        let untried = |e: &Rc<Endpoint>| tried.is_none_or(|tried| !Rc::ptr_eq(tried, e));
        let good = |e: &Rc<Endpoint>| untried(e) && e.avoid_until.get() <= now;
        let i = rng.random_range(0..n);
        let j = (i + rng.random_range(1..n)) % n;
        let (a, b) = (&endpoints[i], &endpoints[j]);
        let picked = match (good(a), good(b)) {
            (true, true) if b.in_flight.get() < a.in_flight.get() => b,
            (true, _) => a,
            (false, true) => b,
            (false, false) => {
                let rest = || endpoints[i..].iter().chain(&endpoints[..i]);
                rest().find(|e| good(e)).or_else(|| rest().find(|e| untried(e))).unwrap_or(a)
            }
        };
        Some(picked.clone())
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

    pub(super) fn unwatch(&self) {
        self.watch.borrow_mut().clear();
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
        }
    }
}

impl Endpoint {
    fn new(known_as: compiled::Endpoint) -> Self {
        Self {
            known_as,
            idle: RefCell::default(),
            in_flight: Cell::new(0),
            avoid_until: Cell::new(0),
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

    /// How many connections are open and unused.
    pub(super) fn idle(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Notes that no connection could be made.
    pub(super) fn avoid(&self, now: u64) {
        self.avoid_until.set(now + AVOID_MS);
    }

    pub(super) fn begin(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    pub(super) fn end(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }
}
