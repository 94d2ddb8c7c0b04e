//! A connection to a container, and one request over it.
//!
//! A connection has no task of its own: whoever uses it drives it. So a request and its response take
//! one task from the client's socket to the container's and back, nothing is handed between tasks,
//! and what is dropped is closed. A connection that waits in a pool is driven by nobody; it is looked
//! at when it is taken out.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::body::{RequestBody, Upload};

/// How long a body is held for a container's `100 Continue` before it is sent without (RFC 9110
/// §10.1.1 forbids to wait for ever).
const CONTINUE_WITHIN: Duration = Duration::from_secs(1);

/// The most that is read ahead or written behind on one connection, in bytes.
pub(super) const BUFFER: usize = 128 << 10;

/// A connection to a container.
pub(super) struct Conn {
    requests: SendRequest<RequestBody>,
    link: Option<Connection<TokioIo<TcpStream>, RequestBody>>,
    ended: bool,
}

/// Why there is no response.
pub(super) enum Lost {
    /// The connection was gone before the request went out; here it is back.
    Unsent(Box<Request<RequestBody>>),
    /// The connection broke after the request was begun.
    Broken(hyper::Error),
    /// The container took too long.
    Late,
    /// The client took too long to send the body.
    ClientLate,
}

impl Conn {
    /// Connects.
    pub(super) async fn open(address: SocketAddr, timeout: Duration) -> io::Result<Box<Self>> {
        let stream = tokio::time::timeout(timeout, TcpStream::connect(address))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it does not answer"))??;
        stream.set_nodelay(true)?;
        let (requests, link) = Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Box::new(Self { requests, link: Some(link), ended: false }))
    }

    /// Moves bytes in both directions as far as they go.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(link) = &mut self.link
            && !self.ended
        {
            self.ended = link.poll_without_shutdown(cx).is_ready();
        }
    }

    /// Lets go of a connection that has ended, which tells those who still wait for it; says whether
    /// it had.
    pub(super) fn close_if_ended(&mut self) -> bool {
        if self.ended {
            self.link = None;
        }
        self.ended
    }

    /// Whether a request can be sent: the container has neither closed the connection nor said
    /// anything unasked. Also makes it forget whom it would have woken.
    pub(super) fn is_fresh(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.is_reusable()
    }

    /// Whether the last exchange has ended on both sides and another may follow.
    pub(super) fn is_reusable(&self) -> bool {
        !self.ended && self.requests.is_ready()
    }

    /// The socket, and what has been read from it, once the container has switched protocols.
    pub(super) async fn upgraded(mut self: Box<Self>) -> Option<(TcpStream, Bytes)> {
        poll_fn(|cx| {
            self.drive(cx);
            if self.ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.link?.into_parts();
        Some((parts.io.into_inner(), parts.read_buf))
    }

    /// Sends a request and waits for the head of its response, at most `timeout` from the moment that
    /// the last part of the request's body has come. `timer` is reused from request to request,
    /// because moving a running timer on costs next to nothing.
    pub(super) async fn exchange(
        &mut self,
        mut request: Request<RequestBody>,
        timeout: Duration,
        mut timer: Pin<&mut Sleep>,
    ) -> Result<Response<Incoming>, Lost> {
        let upload = request.body().upload();
        let mut first = timeout;
        if let Some(gate) = upload.as_ref().and_then(|upload| upload.gate()) {
            first = timeout.min(CONTINUE_WITHIN);
            hyper::ext::on_informational(&mut request, move |informational| {
                if informational.status() == StatusCode::CONTINUE {
                    gate.store(true, Relaxed);
                }
            });
        }
        timer.as_mut().reset(tokio::time::Instant::now() + first);
        let answer = self.requests.try_send_request(request);
        // The answer is ready when driving the connection has made it so, and then only; so it needs
        // neither a waker nor a share of the task's budget.
        let mut answer = pin!(tokio::task::unconstrained(answer));
        let mut quiet = Context::from_waker(Waker::noop());
        poll_fn(|cx| {
            loop {
                self.drive(cx);
                let mut polled = answer.as_mut().poll(&mut quiet);
                if polled.is_pending() && self.close_if_ended() {
                    polled = answer.as_mut().poll(&mut quiet);
                }
                if let Poll::Ready(answer) = polled {
                    return Poll::Ready(answer.map_err(|mut failed| match failed.take_message() {
                        Some(request) => Lost::Unsent(Box::new(request)),
                        None => Lost::Broken(failed.into_error()),
                    }));
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                match on_timer(upload.as_deref(), timeout) {
                    Ok(next) => timer.as_mut().reset(next.into()),
                    Err(lost) => return Poll::Ready(Err(lost)),
                }
            }
        })
        .await
    }
}

/// The timer has run out: when to look next, or who is late.
fn on_timer(upload: Option<&Upload>, timeout: Duration) -> Result<Instant, Lost> {
    let Some(upload) = upload else { return Err(Lost::Late) };
    if upload.is_held() {
        upload.release();
        return Ok(Instant::now() + timeout);
    }
    let next = upload.progress.get() + timeout;
    if next > Instant::now() {
        Ok(next)
    } else if upload.starved.get() && !upload.ended.get() {
        Err(Lost::ClientLate)
    } else {
        Err(Lost::Late)
    }
}
