//! One client's connection.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::HeaderValue;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::accept::Place;
use super::body::ResponseBody;
use super::forwarding::Forwarding;
use super::hints::Hints;
use super::http2::Goodbye;
use super::moving::Moving;
use super::page::Page;
use super::pool::Endpoint;
use super::preface;
use super::socket::Stream;
use super::tls::Protocol;
use super::tunnel::Tunnel;
use super::worker::Worker;
use super::{http1, http2};
use crate::access::Draft;
use crate::compiled::{PoolId, Standing};

/// What is known of a client's connection, by its own task and by the thread's housekeeping. A connection
/// of HTTP/2 has one of these for itself, and one for each request that is under way on it.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    /// Who it is, and what containers are told of that.
    pub(super) forwarding: Forwarding,
    part: Part,
    phase: Cell<Phase>,
    /// When the head of the last request had come.
    began: Cell<Instant>,
    /// Since when the client takes none of the bytes that are ready for it.
    blocked_since: Cell<Option<u64>>,
    on: Cell<Option<(PoolId, bool)>>,
    /// What the response to the request under way tells browsers to remember of HTTPS.
    pub(super) hsts: Cell<Option<Arc<HeaderValue>>>,
    /// The container that the request under way was sent to.
    at: Cell<Option<Rc<Endpoint>>>,
    /// Whether what is under way is to end for the client to come again.
    pub(super) moving: Moving,
    tunnel: Cell<Option<Box<Tunnel>>>,
    /// Where early hints of the request under way go.
    pub(super) hints: Hints,
    /// What the access log is to tell of the request under way.
    pub(super) draft: RefCell<Option<Box<Draft>>>,
}

/// What somebody is the client of.
enum Part {
    /// A connection, which carries one request after the other; or many at a time, once that is known.
    Connection(OnceCell<Rc<Goodbye>>),
    /// One request of those that a connection carries.
    Stream(Rc<Goodbye>),
}

/// Times are [`Worker::now`]'s.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Between two requests.
    Idle { since: u64 },
    /// The head of a request is coming.
    Head { since: u64 },
    /// A request is under way.
    Busy,
    /// The same, of a client that has closed its side. It may wait for its answer or be gone, which can only be
    /// told by sending it something: since then nothing was.
    Closed { since: u64 },
}

/// How long a client that has closed its side may be sent nothing, in milliseconds. The ticks by which that is
/// counted take up to a second of it.
const CLOSED_MS: u64 = 2_000;

impl Client {
    pub(super) fn new(worker: Rc<Worker>, peer: SocketAddr, secure: bool) -> Rc<Self> {
        let part = Part::Connection(OnceCell::new());
        Self::of(worker, Forwarding::of(peer.ip(), secure), part)
    }

    /// The client of one request of those that this connection carries.
    pub(super) fn of_stream(&self, goodbye: Rc<Goodbye>) -> Rc<Self> {
        Self::of(self.worker.clone(), self.forwarding.again(), Part::Stream(goodbye))
    }

    fn of(worker: Rc<Worker>, forwarding: Forwarding, part: Part) -> Rc<Self> {
        let since = worker.now();
        Rc::new(Self {
            worker,
            forwarding,
            part,
            // A client that connects has a request to send.
            phase: Cell::new(Phase::Head { since }),
            began: Cell::new(Instant::now()),
            blocked_since: Cell::new(None),
            on: Cell::new(None),
            hsts: Cell::new(None),
            at: Cell::default(),
            moving: Moving::default(),
            tunnel: Cell::default(),
            draft: RefCell::default(),
            hints: Hints::default(),
        })
    }

    /// Serves the connection, which has this place, to its end.
    pub(super) fn serve(
        self: Rc<Self>,
        stream: TcpStream,
        place: Place,
    ) -> impl Future<Output = ()> {
        // Apart, what begins: a connection's own future is as large as the largest of its parts, and
        // there may be very many that wait for their next request.
        let begins = Box::pin(self.begins(stream));
        async move {
            http1::serve(begins).await;
            drop(place);
        }
    }

    /// Finds out what a connection speaks: who is to be served one request after the other is returned. One
    /// that speaks HTTP/2 is served to its end.
    async fn begins(self: Rc<Self>, stream: TcpStream) -> Option<http1::Peer> {
        if self.forwarding.is_secure() {
            return match self.greet(stream).await? {
                (stream, Protocol::Http1) => {
                    Some(http1::Peer::new(self, Stream::Tls(Box::new(stream))))
                }
                (stream, Protocol::Http2) => {
                    http2::serve(self, stream).await;
                    None
                }
            };
        }
        if preface::is_http2(&stream).await {
            http2::serve(self, stream).await;
            return None;
        }
        Some(http1::Peer::new(self, Stream::Plain(stream)))
    }

    /// Has the handshake of TLS done.
    async fn greet(&self, stream: TcpStream) -> Option<(TlsStream<TcpStream>, Protocol)> {
        match self.worker.common.tls.as_ref()?.accept(stream).await {
            Ok(greeted) => {
                self.phase.set(Phase::Head { since: self.worker.now() });
                Some(greeted)
            }
            Err(error) => {
                let client = self.forwarding.address();
                tracing::debug!(%error, %client, "no TLS with a client");
                None
            }
        }
    }

    /// Carries what a connection has become.
    pub(super) async fn carry(self: Rc<Self>, tunnel: Tunnel, stream: Stream, early: Bytes) {
        match stream {
            Stream::Plain(mut stream) => {
                let (reader, writer) = stream.split();
                tunnel.run(self, (reader, early), writer).await;
            }
            Stream::Tls(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                Box::pin(tunnel.run(self, (reader, early), writer)).await;
            }
        }
    }

    /// The edge's own answer to the request under way.
    pub(super) fn page(&self, page: Page, accept: Option<&HeaderValue>) -> Response<ResponseBody> {
        self.idle();
        let mut response = page.respond(accept);
        self.tell_to_remember(response.headers_mut());
        self.log_page(&response);
        self.says_goodbye_if_leaving();
        response
    }

    /// Has a connection that carries many requests take no more of them when the edge is about to stop.
    pub(super) fn says_goodbye_if_leaving(&self) {
        if self.worker.is_leaving()
            && let Some(goodbye) = self.goodbye()
        {
            goodbye.say(self.worker.now());
        }
    }

    /// Of a connection that carries many requests, how it is told to take no more of them.
    fn goodbye(&self) -> Option<&Rc<Goodbye>> {
        match &self.part {
            Part::Connection(goodbye) => goodbye.get(),
            Part::Stream(goodbye) => Some(goodbye),
        }
    }

    /// Notes that the connection carries many requests.
    pub(super) fn speaks_http2(&self) -> Rc<Goodbye> {
        match &self.part {
            Part::Connection(goodbye) => goodbye.get_or_init(Rc::default).clone(),
            Part::Stream(goodbye) => goodbye.clone(),
        }
    }

    /// Has a connection that carries many requests take no more of them, and end when those under way
    /// have. False when it has had its time for that, and of all that can only be cut off.
    pub(super) fn says_goodbye(&self) -> bool {
        let Part::Connection(goodbye) = &self.part else { return false };
        goodbye.get().is_some_and(|goodbye| {
            let had_time = goodbye.say(self.worker.now());
            self.blocked_since.get().is_none() && !(had_time && self.is_at_rest())
        })
    }

    /// Begins anew with another request of the same connection.
    pub(super) fn is_reused(&self) {
        self.blocked_since.set(None);
        self.moving.forget();
        self.tunnel.take();
        self.hsts.take();
        self.draft.take();
    }

    pub(super) fn begin(&self) {
        self.phase.set(Phase::Busy);
        if self.worker.limits().measures {
            self.began.set(Instant::now());
        }
    }

    /// When the head of the request under way had come.
    pub(super) fn began(&self) -> Instant {
        self.began.get()
    }

    /// For how long the request under way has been.
    pub(super) fn took(&self) -> Duration {
        self.began.get().elapsed()
    }

    /// The same, in microseconds.
    pub(super) fn took_us(&self) -> u64 {
        u64::try_from(self.took().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn idle(&self) {
        self.phase.set(Phase::Idle { since: self.worker.now() });
    }

    /// Notes which pool the request under way is on, and whether as production traffic.
    pub(super) fn is_on(&self, pool: Option<(PoolId, bool)>) {
        self.on.set(pool);
        self.at.take();
        self.moving.forget();
        if pool.is_none() {
            self.idle();
        }
    }

    /// Whether the request or upgraded connection under way is production traffic of `pool`.
    pub(super) fn is_live_on(&self, pool: PoolId) -> bool {
        self.on.get() == Some((pool, true))
    }

    /// Notes which container the request under way is sent to.
    pub(super) fn is_at(&self, container: Rc<Endpoint>) {
        self.at.set(Some(container));
    }

    /// Whether what is under way is with one of these containers.
    pub(super) fn is_at_one_of(&self, containers: &[Weak<Standing>]) -> bool {
        let Some(at) = self.at.take() else { return false };
        let is_one = containers.iter().any(|one| std::ptr::eq(one.as_ptr(), at.standing()));
        self.at.set(Some(at));
        is_one
    }

    /// What the connection becomes once the response is out.
    pub(super) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.take().map(|tunnel| *tunnel)
    }

    /// Has the connection become a tunnel once the response is out.
    pub(super) fn becomes(&self, tunnel: Tunnel) {
        self.tunnel.set(Some(Box::new(tunnel)));
    }

    /// Whether no request is under way and no byte of a response is left to be taken.
    pub(super) fn is_at_rest(&self) -> bool {
        !matches!(self.phase.get(), Phase::Busy | Phase::Closed { .. })
            && self.blocked_since.get().is_none()
    }

    /// Whether the client has taken longer over something than it may.
    pub(super) fn is_overdue(&self) -> bool {
        let (now, limits) = (self.worker.now(), self.worker.limits());
        let over = |since: u64, most: Duration| u128::from(now - since) > most.as_millis();
        match self.phase.get() {
            Phase::Idle { since } => over(since, limits.keep_alive),
            // Who waits for the rest of a head says that it is late, and has the time for it.
            Phase::Head { since } => over(since, limits.head_timeout + limits.tick() * 4),
            Phase::Closed { since } if self.blocked_since.get().is_none() => {
                now.saturating_sub(since) > CLOSED_MS
            }
            Phase::Busy | Phase::Closed { .. } => {
                self.blocked_since.get().is_some_and(|since| over(since, limits.write_timeout))
            }
        }
    }

    /// Whether it has been without a request for longer than `most` milliseconds, of those since `began`.
    pub(super) fn is_idle_since_before(&self, began: u64, most: u64) -> bool {
        let idle = match self.phase.get() {
            Phase::Idle { since } => self.worker.now().saturating_sub(since.max(began)) > most,
            Phase::Head { .. } | Phase::Busy | Phase::Closed { .. } => false,
        };
        idle && self.is_at_rest()
    }

    /// Lets go of what a connection does not need while it has no request.
    pub(super) fn rests(&self) {
        if let Phase::Idle { since } = self.phase.get()
            && self.worker.now() > since
        {
            self.forwarding.rests();
        }
    }

    /// Notes that something of a request has come.
    pub(super) fn has_read(&self) {
        if let Phase::Idle { .. } = self.phase.get() {
            self.phase.set(Phase::Head { since: self.worker.now() });
        }
    }

    /// When the head that is coming has taken too long.
    pub(super) fn head_ends(&self) -> Instant {
        let (now, limits) = (self.worker.now(), self.worker.limits());
        let since = match self.phase.get() {
            Phase::Head { since } => since,
            Phase::Idle { .. } | Phase::Busy | Phase::Closed { .. } => now,
        };
        let passed = Duration::from_millis(now.saturating_sub(since));
        self.worker.deadline(limits.head_timeout.saturating_sub(passed))
    }

    /// Notes that the client has closed its side while it is being answered.
    pub(super) fn has_closed(&self) {
        if let Phase::Busy = self.phase.get() {
            self.phase.set(Phase::Closed { since: self.worker.now() });
        }
    }

    /// Notes whether the client has taken what was ready for it.
    pub(super) fn has_written<T>(&self, polled: &Poll<T>) {
        if let (Phase::Closed { .. }, Poll::Ready(_)) = (self.phase.get(), polled) {
            self.phase.set(Phase::Closed { since: self.worker.now() });
        }
        let blocked = match polled {
            Poll::Ready(_) => None,
            Poll::Pending => self.blocked_since.get().or_else(|| Some(self.worker.now())),
        };
        self.blocked_since.set(blocked);
    }
}

#[cfg(test)]
mod tests;
