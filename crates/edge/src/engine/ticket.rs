//! What a request holds from the moment that its version is chosen until the end of its response, or
//! of the connection that it was upgraded to: its place in the counts.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;

use http::StatusCode;

use super::client::Client;
use super::line::Line;
use super::pool::{Endpoint, LocalPool};
use crate::access::{End, Passed, Traffic};
use crate::compiled::Failure;
use crate::stats::Under;

/// Where bytes go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Client,
    Container,
}

/// Counts bytes that pass in one direction. It may outlive the request.
pub(super) struct Meter {
    pool: Rc<LocalPool>,
    to: Side,
    /// The same for this request alone, where it is logged.
    passed: Option<Rc<Passed>>,
}

impl Meter {
    pub(super) fn pass(&self, bytes: usize) {
        let (counters, bytes) = (self.pool.counters(), bytes as u64);
        match self.to {
            Side::Client => counters.sent.add(bytes),
            Side::Container => counters.received.add(bytes),
        }
        if let Some(passed) = &self.passed {
            let of = match self.to {
                Side::Client => &passed.sent,
                Side::Container => &passed.received,
            };
            of.update(|before| before + bytes);
        }
    }
}

pub(super) struct Ticket {
    client: Rc<Client>,
    pool: Rc<LocalPool>,
    endpoint: Option<Rc<Endpoint>>,
    live: bool,
    /// As the log tells it.
    traffic: Traffic,
    upgraded: bool,
    answered: Cell<bool>,
    /// The edge answers in the container's place, and is about to.
    refused: Cell<bool>,
    /// Another ticket is the request's.
    aside: bool,
}

impl Ticket {
    /// Counts a request, as production traffic (`live`) or a preview's.
    pub(super) fn new(client: Rc<Client>, pool: Rc<LocalPool>, live: bool) -> Self {
        let ticket = Self {
            client,
            pool,
            endpoint: None,
            live,
            traffic: if live { Traffic::Production } else { Traffic::Preview },
            upgraded: false,
            answered: Cell::new(false),
            refused: Cell::new(false),
            aside: false,
        };
        ticket.under().requests.up();
        ticket.client.is_on(Some((ticket.pool.id, live)));
        ticket
    }

    /// The same for a request of production that may go to a version which is not live.
    pub(super) fn of_production(client: Rc<Client>, pool: Rc<LocalPool>, live: bool) -> Self {
        let mut ticket = Self::new(client, pool, live);
        ticket.traffic = Traffic::Production;
        ticket
    }

    fn under(&self) -> &Under {
        let counters = self.pool.counters();
        if self.live { &counters.live } else { &counters.previews }
    }

    pub(super) fn pool(&self) -> &LocalPool {
        &self.pool
    }

    /// Counts the request to this container, and to no other.
    pub(super) fn assign(&mut self, endpoint: Rc<Endpoint>) {
        endpoint.begin();
        self.client.is_at(endpoint.clone());
        if let Some(before) = self.endpoint.replace(endpoint) {
            before.end();
        }
    }

    /// The head of the container's response has come.
    pub(super) fn answered(&self, status: StatusCode) {
        self.count(status);
        self.client.log(|draft| {
            (draft.status, draft.head) = (Some(status.as_u16()), Some(std::time::Instant::now()));
        });
    }

    /// The edge answers with a page.
    pub(super) fn refused(&self, status: StatusCode) {
        self.count(status);
        self.refused.set(true);
    }

    fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.pool.counters().requests[class].up();
        self.answered.set(true);
    }

    /// Counts what passes in one direction.
    pub(super) fn meter(&self, to: Side) -> Meter {
        Meter { pool: self.pool.clone(), to, passed: self.client.log_passed() }
    }

    /// A part of the response's body goes to the client.
    pub(super) fn sent(&self, bytes: usize) {
        self.pool.counters().sent.add(bytes as u64);
        self.client.log(|draft| draft.passed.sent.update(|before| before + bytes as u64));
    }

    pub(super) fn failed(&self) {
        self.under().failed.up();
        self.client.log(|draft| draft.end = End::Broken);
    }

    /// The request's container has failed it, whatever becomes of the request.
    pub(super) fn container_failed(&self, failure: Failure) {
        if let Some(endpoint) = &self.endpoint {
            let worker = &self.client.worker;
            let rng = &mut *worker.rng.borrow_mut();
            self.pool.failed(endpoint, failure, worker.now(), rng);
        }
    }

    /// The end has been sent for the client to come again.
    pub(super) fn moved(&self) {
        // What is counted is what a drain of production waits for.
        if self.live {
            self.pool.counters().moved.up();
        }
        self.client.moving.moved();
        self.client.log(|draft| draft.end = End::Whole);
    }

    /// Whether the client is to come again; when not yet, whoever polls is woken then.
    pub(super) fn is_to_move(&self, cx: &Context<'_>) -> bool {
        self.client.moving.poll_told(cx).is_ready()
    }

    pub(super) fn retried(&self) {
        self.pool.counters().retried.up();
        self.client.log(|draft| draft.again += 1);
    }

    /// From here on it is a connection that is counted, not a request.
    pub(super) fn upgrade(&mut self) {
        if let Some(endpoint) = &self.endpoint {
            endpoint.standing().succeeded();
        }
        self.under().connections.up();
        self.under().requests.down();
        self.upgraded = true;
        self.client.log(|draft| draft.end = End::Whole);
    }

    /// Ends with an answer that is not the request's: another version's is, or another ticket's none. A
    /// connection that can serve another request is kept for it.
    pub(super) fn set_aside(mut self, line: Option<Line>) {
        self.aside = true;
        if let Some(line) = line {
            self.keep(line);
        }
    }

    /// The request is this ticket's again.
    pub(super) fn resume(&self) {
        self.client.is_on(Some((self.pool.id, self.live)));
        if let Some(endpoint) = &self.endpoint {
            self.client.is_at(endpoint.clone());
        }
        self.client.log(|draft| draft.end = End::Gone);
    }

    /// Tells the log whose the request was, and that it has ended, unless the edge still has to answer it.
    fn tell(&self) {
        self.client.log(|draft| {
            let container = self.endpoint.as_ref().map(|endpoint| endpoint.container());
            let (service, version) = (self.pool.service().as_str(), self.pool.version().0);
            draft.is_of(service, Some(version), self.traffic, container);
        });
        if !self.refused.get() {
            self.client.log_end();
        }
    }

    /// Ends the request and keeps its connection for the next one.
    pub(super) fn give_back(self, line: Line) {
        self.client.log(|draft| draft.end = End::Whole);
        self.keep(line);
    }

    /// Has another request follow on what a response came over.
    fn keep(&self, line: Line) {
        let Some(endpoint) = &self.endpoint else { return };
        endpoint.standing().succeeded();
        if let Line::Http1(conn) = line {
            let worker = &self.client.worker;
            endpoint.give_back(conn, worker.now(), worker.limits().idle_per_container);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(endpoint) = &self.endpoint {
            endpoint.end();
        }
        let under = self.under();
        if self.upgraded {
            under.connections.down();
        } else {
            under.requests.down();
            if self.answered.get() && self.client.worker.limits().measures {
                self.pool.counters().latencies.record(self.client.took_us());
            }
        }
        if !self.aside {
            self.tell();
            self.client.is_on(None);
        }
        if self.live {
            self.pool.rested();
        }
    }
}
