//! HTTP/2 from clients (RFC 9113): many requests at a time over one connection. Each of them is a
//! request as any other, with a [`Client`] of its own, from when it has come until its response has
//! gone; who carries the connection takes them out of it, and sees to what they have in common.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{Method, Request, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep_until};

use super::Limits;
use super::body::ResponseBody;
use super::client::Client;
use super::hints::To;
use super::page::Page;
use super::proxy;

mod answer;
mod asked;
mod body;
pub(super) mod fields;
mod goodbye;
mod heads;
mod socket;
mod storm;
mod streams;
mod websocket;

use answer::Gone;
pub(super) use body::Incoming;
use body::Respond;
pub(super) use goodbye::Goodbye;
use socket::{Heard, Watched};
use streams::Streams;

/// Requests that one connection may have under way.
const MOST_STREAMS: u32 = 128;

/// The most that a client may send before it has been taken, of one request's body and of all together,
/// in bytes.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// The most of a response that waits for its client, in bytes.
const MOST_WAITING: usize = 64 << 10;

/// So many requests that were taken back before they were looked at break the connection.
const MOST_TAKEN_BACK: usize = 64;

/// So many requests that are none break the connection.
const MOST_MALFORMED: usize = 256;

/// A client of which nothing is heard while it has requests under way is asked whether it is there, and
/// is gone when it has not answered by the next time.
const ASKED_EVERY: Duration = Duration::from_secs(30);

/// How connections are served.
fn settings(limits: &Limits) -> Builder {
    let head_bytes = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
    let mut settings = Builder::new();
    settings
        .max_concurrent_streams(MOST_STREAMS)
        // This also bounds how many CONTINUATION frames one head may have.
        .max_header_list_size(head_bytes)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(MOST_WAITING)
        .max_pending_accept_reset_streams(MOST_TAKEN_BACK)
        .max_local_error_reset_streams(Some(MOST_MALFORMED))
        .max_concurrent_reset_streams(MOST_TAKEN_BACK)
        .enable_connect_protocol();
    settings
}

/// Serves a connection whose client speaks HTTP/2 to its end, over whatever carries the bytes: what it
/// begins with has not been read.
pub(super) async fn serve<S>(client: Rc<Client>, socket: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let goodbye = client.speaks_http2();
    let heard = Rc::<Heard>::default();
    heard.at.set(client.worker.now());
    let socket = Watched::new(socket, client.clone(), heard.clone());
    let mut connection = match settings(client.worker.limits()).handshake(socket).await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%error, "a client does not speak HTTP/2"),
    };
    // From here on it may be silent for as long as any connection.
    client.idle();
    let most = usize::try_from(MOST_STREAMS).unwrap_or(usize::MAX);
    let streams = Streams::new(client.clone(), goodbye.clone(), most);
    let mut carrier = Carrier {
        alive: Alive::new(client.clone(), heard.clone(), connection.ping_pong()),
        late: Late::new(heard, client.worker.limits().head_timeout),
        connection,
        streams,
        goodbye,
        told: false,
    };
    if let Err(error) = poll_fn(|cx| carrier.poll(cx)).await {
        tracing::debug!(%error, "a client's connection ended");
    }
}

/// Carries one connection.
struct Carrier<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    connection: Connection<Watched<S>, Bytes>,
    streams: Rc<Streams>,
    goodbye: Rc<Goodbye>,
    /// The client has been told to send no more requests.
    told: bool,
    alive: Alive,
    late: Late,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier<S> {
    /// Ready when the connection has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if !self.told && self.goodbye.poll_said(cx).is_ready() {
                self.told = true;
                self.connection.graceful_shutdown();
            }
            if self.streams.takes_storm() {
                tracing::debug!("a client takes back most of what it asks for");
                self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
            if self.alive.poll_gone(cx, self.streams.any()).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let polled = match self.streams.poll_room(cx) {
                Poll::Ready(()) => self.connection.poll_accept(cx),
                Poll::Pending => self.connection.poll_closed(cx).map(|end| end.err().map(Err)),
            };
            match polled {
                Poll::Pending if self.late.poll(cx).is_ready() => {
                    tracing::debug!("the head of a client's request did not come in time");
                    self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(Some(Ok((request, respond)))) => self.take(request, respond),
            }
        }
    }

    fn take(&self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let streams = self.streams.clone();
        self.streams.carry(move |client| async move {
            let began = Instant::now();
            let gone = carry(client, request, respond).await.is_err();
            streams.ended(gone && began.elapsed() < storm::EARLY);
        });
    }
}

/// Carries one request, from when its head has come until the end of its response.
async fn carry(
    client: Rc<Client>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) -> Result<(), Gone> {
    let respond = Rc::new(RefCell::new(respond));
    let is_head = request.method() == Method::HEAD;
    let accept = request.headers().get(header::ACCEPT).cloned();
    let taken = match asked::take(request, &respond, &client.worker) {
        Ok(taken) => taken,
        Err(page) => {
            let response = client.page(page, accept.as_ref());
            return answer::send(&client, &respond, is_head, response).await;
        }
    };
    client.hints.go_to(To::Http2(Rc::downgrade(&respond)));
    let answering = pin!(proxy::handle(client.clone(), taken.request));
    let mut response = unless_taken_back(answering, &respond).await?;
    let Some(websocket) = taken.websocket else {
        return answer::send(&client, &respond, is_head, response).await;
    };
    let Some(tunnel) = client.take_tunnel() else {
        if let Some(why) = websocket::seems_open(&response) {
            response = client.page(Page::new(StatusCode::BAD_GATEWAY, why), accept.as_ref());
        }
        return answer::send(&client, &respond, is_head, response).await;
    };
    if let Err(why) = websocket.answer(&mut response) {
        drop(tunnel);
        let page = Page::new(StatusCode::BAD_GATEWAY, why);
        let response = client.page(page, accept.as_ref());
        return answer::send(&client, &respond, is_head, response).await;
    }
    let stream = answer::begin(&respond, response)?;
    websocket.run(tunnel, client, stream).await;
    Ok(())
}

/// Waits for the response, unless the client takes its request back.
async fn unless_taken_back<E>(
    mut answering: Pin<&mut impl Future<Output = Result<Response<ResponseBody>, E>>>,
    respond: &Respond,
) -> Result<Response<ResponseBody>, Gone> {
    poll_fn(|cx| {
        if let Poll::Ready(answered) = answering.as_mut().poll(cx) {
            return Poll::Ready(answered.map_err(|_| Gone));
        }
        respond.borrow_mut().poll_reset(cx).map(|_| Err(Gone))
    })
    .await
}

/// Sees whether the head of a request takes too long to come.
struct Late {
    heard: Rc<Heard>,
    most: Duration,
    /// Only while one is coming that has not come at once.
    timer: Option<(tokio::time::Instant, Pin<Box<Sleep>>)>,
    found: bool,
}

impl Late {
    fn new(heard: Rc<Heard>, most: Duration) -> Self {
        Self { heard, most, timer: None, found: false }
    }

    /// Ready, once, when one does.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = self.heard.heads.borrow().since();
        self.timer.take_if(|(of, _)| Some(*of) != since);
        let Some(since) = since.filter(|_| !self.found) else { return Poll::Pending };
        let ends = since + self.most;
        let timer = self.timer.get_or_insert_with(|| (since, Box::pin(sleep_until(ends))));
        ready!(timer.1.as_mut().poll(cx));
        self.found = true;
        Poll::Ready(())
    }
}

/// Sees whether a client is still there that has requests under way and says nothing.
struct Alive {
    client: Rc<Client>,
    heard: Rc<Heard>,
    pings: Option<PingPong>,
    asked: bool,
    timer: Pin<Box<Sleep>>,
}

impl Alive {
    fn new(client: Rc<Client>, heard: Rc<Heard>, pings: Option<PingPong>) -> Self {
        let timer = Box::pin(tokio::time::sleep(ASKED_EVERY));
        Self { client, heard, pings, asked: false, timer }
    }

    /// Ready when the client has not answered. One that has no request under way has its time anyway.
    fn poll_gone(&mut self, cx: &mut Context<'_>, has_requests: bool) -> Poll<()> {
        let Some(pings) = &mut self.pings else { return Poll::Pending };
        if self.asked && pings.poll_pong(cx).is_ready() {
            self.asked = false;
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            self.timer.as_mut().reset(tokio::time::Instant::now() + ASKED_EVERY);
            let silent = self.client.worker.now().saturating_sub(self.heard.at.get());
            if !has_requests || u128::from(silent) + 1_000 < ASKED_EVERY.as_millis() {
                continue;
            }
            if self.asked {
                return Poll::Ready(());
            }
            self.asked = pings.send_ping(Ping::opaque()).is_ok();
            if self.asked && pings.poll_pong(cx).is_ready() {
                self.asked = false;
            }
        }
        Poll::Pending
    }
}
