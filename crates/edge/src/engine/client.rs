//! One client's connection.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Weak;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use http::header::{self, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::body::ResponseBody;
use super::forwarding::Forwarding;
use super::guarded::Guarded;
use super::moving::Moving;
use super::page::Page;
use super::pool::Endpoint;
use super::proxy;
use super::socket::Socket;
use super::tunnel::Tunnel;
use super::worker::Worker;
use crate::access::Draft;
use crate::compiled::{PoolId, Standing};

/// How long a connection is listened to after the edge has closed its side. How much comes meanwhile does
/// not count: a client may be in the middle of a large body, and reads the answer when it gets to it.
const LINGER: Duration = Duration::from_secs(2);

/// What is known of a client's connection, by its own task and by the thread's housekeeping.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    /// Who it is.
    pub(super) address: IpAddr,
    pub(super) forwarding: Forwarding,
    /// Room for the head of a request.
    head: Cell<Vec<u8>>,
    timer: Cell<Option<Pin<Box<Sleep>>>>,
    phase: Cell<Phase>,
    /// How many requests have begun.
    begun: Cell<u64>,
    /// When the head of the last request had come.
    began: Cell<Instant>,
    /// Since when the client takes none of the bytes that are ready for it.
    blocked_since: Cell<Option<u64>>,
    on: Cell<Option<(PoolId, bool)>>,
    /// The container that the request under way was sent to.
    at: RefCell<Option<Rc<Endpoint>>>,
    /// Whether what is under way is to end for the client to come again.
    pub(super) moving: Moving,
    tunnel: RefCell<Option<Tunnel>>,
    /// What the access log is to tell of the request under way.
    pub(super) draft: RefCell<Option<Box<Draft>>>,
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
}

impl Client {
    pub(super) fn new(worker: Rc<Worker>, peer: SocketAddr) -> Rc<Self> {
        let since = worker.now();
        Rc::new(Self {
            worker,
            address: peer.ip().to_canonical(),
            forwarding: Forwarding::of(peer.ip()),
            head: Cell::default(),
            timer: Cell::new(None),
            // A client that connects has a request to send.
            phase: Cell::new(Phase::Head { since }),
            begun: Cell::new(0),
            began: Cell::new(Instant::now()),
            blocked_since: Cell::new(None),
            on: Cell::new(None),
            at: RefCell::default(),
            moving: Moving::default(),
            tunnel: RefCell::default(),
            draft: RefCell::default(),
        })
    }

    /// Serves the connection to its end.
    pub(super) async fn serve(self: Rc<Self>, stream: TcpStream) {
        let stream = Some(Socket::new(stream));
        let io = ClientIo { stream, client: self.clone(), guarded: Guarded::default() };
        let handled = self.clone();
        let service = service_fn(move |request| proxy::handle(handled.clone(), request));
        let served = self.worker.http.serve_connection(io, service).without_shutdown().await;
        match served {
            Ok(mut parts) => {
                let tunnel = self.tunnel.take();
                if let Some(tunnel) = tunnel
                    && let Some(stream) = parts.io.stream.take()
                {
                    let early = parts.io.guarded.behind(parts.read_buf);
                    tunnel.run(self.clone(), stream.into_stream(), early).await;
                }
            }
            Err(error) => tracing::debug!(%error, "a client's connection ended"),
        }
    }

    /// The timer of this connection, which one request after the other uses.
    pub(super) fn take_timer(&self) -> Pin<Box<Sleep>> {
        self.timer.take().unwrap_or_else(|| Box::pin(tokio::time::sleep_until(Instant::now())))
    }

    pub(super) fn keep_timer(&self, timer: Pin<Box<Sleep>>) {
        self.timer.set(Some(timer));
    }

    /// Room for the head of a request, which one request after the other uses.
    pub(super) fn take_head(&self) -> Vec<u8> {
        self.head.take()
    }

    pub(super) fn keep_head(&self, head: Vec<u8>) {
        self.head.set(head);
    }

    /// The edge's own answer to the request under way.
    pub(super) fn page(&self, page: Page, accept: Option<&HeaderValue>) -> Response<ResponseBody> {
        self.idle();
        let mut response = page.respond(accept);
        self.log_page(&response);
        self.close_if_stopping(&mut response);
        response
    }

    /// Makes a response the last one of its connection when the edge is about to stop.
    pub(super) fn close_if_stopping<B>(&self, response: &mut Response<B>) {
        if self.worker.is_leaving() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }

    pub(super) fn begin(&self) {
        self.phase.set(Phase::Busy);
        self.begun.set(self.begun.get() + 1);
        if self.worker.limits().measures {
            self.began.set(Instant::now());
        }
    }

    /// How many requests have been answered in HTTP.
    fn answered(&self) -> u64 {
        let under_way = matches!(self.phase.get(), Phase::Busy);
        self.begun.get() - u64::from(under_way)
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
        self.at.replace(Some(container));
    }

    /// Whether what is under way is with one of these containers.
    pub(super) fn is_at_one_of(&self, containers: &[Weak<Standing>]) -> bool {
        let at = self.at.borrow();
        let Some(standing) = at.as_ref().map(|container| container.standing()) else {
            return false;
        };
        containers.iter().any(|one| std::ptr::eq(one.as_ptr(), standing))
    }

    /// Has the connection become a tunnel once the response is out.
    pub(super) fn becomes(&self, tunnel: Tunnel) {
        self.tunnel.replace(Some(tunnel));
    }

    /// Whether no request is under way and no byte of a response is left to be taken.
    pub(super) fn is_at_rest(&self) -> bool {
        !matches!(self.phase.get(), Phase::Busy) && self.blocked_since.get().is_none()
    }

    /// Whether the client has taken longer over something than it may.
    pub(super) fn is_overdue(&self) -> bool {
        let (now, limits) = (self.worker.now(), self.worker.limits());
        let over = |since: u64, most: Duration| u128::from(now - since) > most.as_millis();
        match self.phase.get() {
            Phase::Idle { since } => over(since, limits.keep_alive),
            Phase::Head { since } => over(since, limits.head_timeout),
            Phase::Busy => {
                self.blocked_since.get().is_some_and(|since| over(since, limits.write_timeout))
            }
        }
    }

    /// Whether it has been without a request for longer than `most` milliseconds, of those since `began`.
    pub(super) fn is_idle_since_before(&self, began: u64, most: u64) -> bool {
        let idle = match self.phase.get() {
            Phase::Idle { since } => self.worker.now().saturating_sub(since.max(began)) > most,
            Phase::Head { .. } | Phase::Busy => false,
        };
        idle && self.is_at_rest()
    }

    fn has_read(&self) {
        if let Phase::Idle { .. } = self.phase.get() {
            self.phase.set(Phase::Head { since: self.worker.now() });
        }
    }

    fn has_written<T>(&self, polled: &Poll<T>) {
        let blocked = match polled {
            Poll::Ready(_) => None,
            Poll::Pending => self.blocked_since.get().or_else(|| Some(self.worker.now())),
        };
        self.blocked_since.set(blocked);
    }
}

/// The client's socket, which keeps the client's clocks as bytes pass.
struct ClientIo {
    stream: Option<Socket>,
    client: Rc<Client>,
    guarded: Guarded,
}

impl ClientIo {
    fn stream(&mut self) -> io::Result<Pin<&mut Socket>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Read for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, client, guarded } = &mut *self;
        let stream = stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let room = &mut *client.worker.room.borrow_mut();
        let polled = guarded.poll_read(Pin::new(stream), cx, buf, room, client.answered());
        if polled.is_ready() {
            client.has_read();
        }
        polled
    }
}

impl Write for ClientIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write(cx, buf);
        self.client.has_written(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.stream()?.poll_write_vectored(cx, bufs);
        self.client.has_written(&polled);
        polled
    }
}

/// A socket that is closed while the client still sends is reset, and the client may never see the
/// response that said why (RFC 9112 §9.6). So the edge closes its own side and listens a little longer.
impl Drop for ClientIo {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().map(Socket::into_stream) else { return };
        let client_is_there = matches!(stream.try_read(&mut [0; 512]), Ok(1..) | Err(_));
        if client_is_there && !self.client.worker.is_closing() && !std::thread::panicking() {
            tokio::task::spawn_local(linger(stream));
        }
    }
}

async fn linger(mut stream: TcpStream) {
    let listened = async {
        stream.shutdown().await?;
        let mut buffer = vec![0; 16 << 10];
        while stream.read(&mut buffer).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, listened).await;
}
