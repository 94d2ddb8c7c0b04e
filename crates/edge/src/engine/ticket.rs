//! What a request holds from the moment that its version is chosen until the end of its response, or
//! of the connection that it was upgraded to: its place in the counts.

use std::rc::Rc;
use std::task::Context;

use http::StatusCode;

use super::client::Client;
use super::pool::{Endpoint, LocalPool};
use super::upstream::Conn;
use crate::compiled::Failure;
use crate::stats::Under;

pub(super) struct Ticket {
    client: Rc<Client>,
    pool: Rc<LocalPool>,
    endpoint: Option<Rc<Endpoint>>,
    live: bool,
    upgraded: bool,
}

impl Ticket {
    /// Counts a request, as production traffic (`live`) or a preview's.
    pub(super) fn new(client: Rc<Client>, pool: Rc<LocalPool>, live: bool) -> Self {
        let ticket = Self { client, pool, endpoint: None, live, upgraded: false };
        ticket.under().requests.up();
        ticket.client.is_on(Some((ticket.pool.id, live)));
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

    pub(super) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.pool.counters().requests[class].up();
    }

    pub(super) fn failed(&self) {
        self.under().failed.up();
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
    }

    /// Whether the client is to come again; when not yet, whoever polls is woken then.
    pub(super) fn is_to_move(&self, cx: &Context<'_>) -> bool {
        self.client.moving.poll_told(cx).is_ready()
    }

    pub(super) fn retried(&self) {
        self.pool.counters().retried.up();
    }

    /// From here on it is a connection that is counted, not a request.
    pub(super) fn upgrade(&mut self) {
        if let Some(endpoint) = &self.endpoint {
            endpoint.standing().succeeded();
        }
        self.under().connections.up();
        self.under().requests.down();
        self.upgraded = true;
    }

    /// Ends the request and keeps its connection for the next one.
    pub(super) fn give_back(self, conn: Box<Conn>) {
        if let Some(endpoint) = &self.endpoint {
            endpoint.standing().succeeded();
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
        }
        self.client.is_on(None);
        if self.live {
            self.pool.rested();
        }
    }
}
