//! How a request comes to a container: the choice of one, the connection, and the second attempt.

use std::io;
use std::rc::Rc;

use http::{HeaderMap, StatusCode};

use super::client::Client;
use super::h2c::Asking;
use super::line::Line;
use super::outgoing::Outgoing;
use super::page::Page;
use super::pool::Endpoint;
use super::proxy::Target;
use super::request_body::BadBody;
use super::upstream::{Conn, Exchange, Head, Lost, Malformed, Upload};
use super::worker::Worker;
use crate::compiled::Failure;

/// A request that is not repeatable goes over a connection that was used within this time, in
/// milliseconds: a container that closes unused connections may be closing an older one this moment.
const WARM_MS: u64 = 1_000;

/// So many containers that cannot be reached are tried: with its host all that a host runs is lost, and the
/// first of them may not be known yet.
const MOST_UNREACHABLE: u32 = 3;

/// A request on its way, as often as it takes.
pub(super) struct Attempts {
    pub(super) target: Target,
    pub(super) request: Outgoing,
    /// The head of the request.
    pub(super) head: Vec<u8>,
    pub(super) body: Option<Upload>,
    /// An empty map, whose room is used for the response.
    pub(super) headers: HeaderMap,
}

/// Why one attempt has brought no response.
enum Failed {
    /// A connection of the pool was closed before the request went out.
    Stale,
    /// No connection could be made; the request has not gone out.
    Unreachable(io::Error),
    /// The container broke off.
    Broke,
    Malformed(Malformed),
    Late,
    ClientLate,
    /// The request's body does not come to its end.
    BadBody(BadBody),
    TooLarge,
    /// It is asked for what its protocol is not used for.
    NoWebSockets,
}

impl From<Lost> for Failed {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Unsent => Self::Unreachable(io::ErrorKind::ConnectionReset.into()),
            Lost::Broken => Self::Broke,
            Lost::Malformed(what) => Self::Malformed(what),
            Lost::Late => Self::Late,
            Lost::ClientLate => Self::ClientLate,
            Lost::BadBody(bad) => Self::BadBody(bad),
            Lost::TooLarge => Self::TooLarge,
        }
    }
}

impl Failed {
    /// How the container has failed, if it was the container.
    fn by_container(&self) -> Option<Failure> {
        match self {
            Self::Stale
            | Self::ClientLate
            | Self::BadBody(_)
            | Self::TooLarge
            | Self::NoWebSockets => None,
            Self::Unreachable(_) => Some(Failure::Unreachable),
            Self::Broke | Self::Malformed(_) | Self::Late => Some(Failure::Unanswered),
        }
    }
}

impl Attempts {
    /// Sends the request to a container of the target's version, and to another one when that
    /// cannot be reached, or breaks off before it answers a request that may be repeated.
    pub(super) async fn run(&mut self, client: &Client) -> Result<(Line, Head), Page> {
        let mut failed: Option<Rc<Endpoint>> = None;
        let (mut unreachable, mut broke) = (0, false);
        let mut oldest = Some(self.oldest(client));
        loop {
            let endpoint = self.choose(client, failed.as_ref())?;
            let why = match self.once(client, &endpoint, oldest).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::Stale) => {
                    // Nothing has failed but a connection that nobody used.
                    oldest = None;
                    continue;
                }
                Err(failed) => failed,
            };
            if let Some(failure) = why.by_container() {
                self.target.ticket.container_failed(failure);
            }
            match why {
                Failed::Unreachable(error) => {
                    unreachable += 1;
                    let again = failed.as_ref().is_some_and(|last| Rc::ptr_eq(last, &endpoint));
                    if again || unreachable == MOST_UNREACHABLE {
                        return Err(self.bad(&endpoint, &format!("cannot be reached: {error}")));
                    }
                }
                Failed::Broke if self.request.repeatable && !broke => broke = true,
                Failed::Broke => {
                    let what = "closed the connection before it answered";
                    return Err(self.bad(&endpoint, what));
                }
                Failed::Malformed(Malformed(what)) => {
                    return Err(self.bad(&endpoint, &format!("answered with {what}")));
                }
                Failed::Late => return Err(self.late(&endpoint)),
                Failed::ClientLate | Failed::Stale => {
                    let text = "The rest of the request did not come in time.";
                    return Err(Page::new(StatusCode::REQUEST_TIMEOUT, text));
                }
                Failed::BadBody(bad) => return Err(refusal(bad)),
                Failed::TooLarge => return Err(self.target.body.too_large()),
                Failed::NoWebSockets => {
                    let text = format!(
                        "The containers of {} speak HTTP/2, over which the edge opens no WebSockets.",
                        self.target.ticket.pool().name()
                    );
                    return Err(Page::new(StatusCode::NOT_IMPLEMENTED, text));
                }
            }
            self.target.ticket.retried();
            failed = Some(endpoint);
            oldest = None;
        }
    }

    /// When a connection must have been used last for this request to be sent over it.
    fn oldest(&self, client: &Client) -> u64 {
        if self.request.repeatable { 0 } else { client.worker.now().saturating_sub(WARM_MS) }
    }

    fn choose(
        &mut self,
        client: &Client,
        failed: Option<&Rc<Endpoint>>,
    ) -> Result<Rc<Endpoint>, Page> {
        let ticket = &mut self.target.ticket;
        let mut rng = client.worker.rng.borrow_mut();
        let picked = ticket.pool().pick(&mut *rng, failed, client.worker.now());
        let Some(endpoint) = picked else {
            let text = format!("At present {} has no healthy container.", ticket.pool().name());
            return Err(Page::new(StatusCode::SERVICE_UNAVAILABLE, text));
        };
        ticket.assign(endpoint.clone());
        Ok(endpoint)
    }

    /// One attempt at one container, over a connection that was last used at `oldest` or later, or
    /// else over a new one.
    async fn once(
        &mut self,
        client: &Client,
        endpoint: &Endpoint,
        oldest: Option<u64>,
    ) -> Result<(Line, Head), Failed> {
        if endpoint.speaks_h2c() {
            if self.request.websocket {
                return Err(Failed::NoWebSockets);
            }
            // Boxed, so that it does not make the future of every other request larger.
            return Box::pin(self.call(client, endpoint)).await;
        }
        let pooled = oldest.and_then(|oldest| endpoint.take(oldest));
        let was_pooled = pooled.is_some();
        let mut conn = match pooled {
            Some(conn) => conn,
            // Boxed, because it is seldom awaited and would make every request's future larger.
            None => Box::pin(Conn::open(endpoint.address(), self.target.connect_timeout))
                .await
                .map_err(Failed::Unreachable)?,
        };
        let exchange = Exchange {
            conn: &mut conn,
            request: &self.request,
            head: &self.head,
            headers: &mut self.headers,
            worker: &client.worker,
            timeout: self.target.response_timeout,
            early: self.target.early(client),
        };
        let mut timer = client.worker.take_timer();
        let exchanged = exchange.run(&mut self.body, timer.as_mut()).await;
        client.worker.keep_timer(timer);
        match exchanged {
            Ok(head) => Ok((Line::Http1(conn), head)),
            Err(Lost::Unsent) if was_pooled => Err(Failed::Stale),
            Err(lost) => Err(lost.into()),
        }
    }

    /// One attempt at one container that speaks HTTP/2.
    async fn call(&mut self, client: &Client, endpoint: &Endpoint) -> Result<(Line, Head), Failed> {
        let worker: &Rc<Worker> = &client.worker;
        let linked = endpoint.link(self.target.connect_timeout, worker).await;
        let (link, is_new) = linked.map_err(Failed::Unreachable)?;
        let asking = Asking {
            worker: worker.clone(),
            link: link.clone(),
            request: &self.request,
            head: &self.head,
            timeout: self.target.response_timeout,
            early: self.target.early(client),
        };
        let mut timer = client.worker.take_timer();
        let asked = asking.run(&mut self.body, timer.as_mut()).await;
        client.worker.keep_timer(timer);
        match asked {
            Ok((call, head)) => Ok((Line::H2c(call), head)),
            // One that was open before may have been closed this moment.
            Err(Lost::Unsent) if !is_new && !link.is_open() => Err(Failed::Stale),
            Err(lost) => Err(lost.into()),
        }
    }

    fn bad(&self, endpoint: &Endpoint, what: &str) -> Page {
        self.target.ticket.failed();
        Page::new(StatusCode::BAD_GATEWAY, format!("{} {what}.", self.container(endpoint)))
    }

    fn late(&self, endpoint: &Endpoint) -> Page {
        self.target.ticket.failed();
        let (container, within) = (self.container(endpoint), self.target.response_timeout);
        let text = format!("{container} did not answer within {within:?}.");
        Page::new(StatusCode::GATEWAY_TIMEOUT, text)
    }

    /// Names a container as engines list it, by the first twelve digits of its id.
    fn container(&self, endpoint: &Endpoint) -> String {
        let id: String = endpoint.container().chars().take(12).collect();
        format!("Container {id} of {}", self.target.ticket.pool().name())
    }
}

/// The answer to a request whose body does not come to its end. One that broke off may be read by a client that
/// has closed only its own side (RFC 9112 §8).
fn refusal(bad: BadBody) -> Page {
    let text = match bad {
        BadBody::Malformed => "The request's body is not in chunks as it should be.",
        BadBody::BrokenOff => "The request's body broke off before its end.",
    };
    Page::new(StatusCode::BAD_REQUEST, text)
}
