//! HTTP/1 from clients (RFC 9112): one request after the other over one connection.
//!
//! All of a connection is one task: it reads a request's head, has the request answered, and writes the
//! response. The bodies are read and written from the same task by whoever passes them on, so that
//! nothing waits in between. Whatever could be read in two ways is refused, and nothing behind it is
//! looked at (RFC 9112 §11.2).
//!
//! A connection without a request has neither buffers nor the state of a request: there may be very many.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{Method, Request, Response, StatusCode};

use super::body::ResponseBody;
use super::hints::To;
use super::page::Page;
use super::proxy;
use super::request_body::RequestBody;

mod answer;
mod body;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzz;
mod head;
mod outbox;
mod peer;
mod wire;

use answer::{Answer, Asked};
pub(super) use body::Incoming;
use head::{Head, Refused};
pub(super) use peer::{Peer, Room, linger};
use wire::Left;
pub(super) use wire::Wire;

/// What becomes of a connection after a response.
enum Next {
    /// Another request may come.
    Request,
    /// Nothing more is taken from it.
    Close,
    /// It carries another protocol.
    Tunnel,
}

/// Serves a connection to its end, once its client is there that speaks HTTP/1.
pub(super) async fn serve(begins: Pin<Box<impl Future<Output = Option<Peer>>>>) {
    let mut peer = begins.await;
    while let Some(wire) = poll_fn(|cx| Wire::poll_begun(&mut peer, cx)).await {
        // Apart, and gone by when the next one is waited for: it is much larger than what waits.
        match Box::pin(exchanges(&wire)).await {
            Next::Request => peer = wire.take_peer(),
            Next::Close => return,
            Next::Tunnel => return Box::pin(tunnel(&wire)).await,
        }
    }
}

/// Answers requests until no part of another one has come.
async fn exchanges(wire: &Rc<Wire>) -> Next {
    loop {
        match exchange(wire).await {
            Next::Request if wire.has_more() => {}
            next => return next,
        }
    }
}

/// Answers one request.
async fn exchange(wire: &Rc<Wire>) -> Next {
    let head = match head(wire).await {
        Some(Ok(head)) => head,
        Some(Err(refused)) => return refuse(wire, refused).await,
        None => return Next::Close,
    };
    let Head { request, left, is_1_0, keep_alive, expects_continue } = head;
    wire.begin(left, expects_continue);
    let is_head = request.method() == Method::HEAD;
    // Who speaks HTTP/1.0 knows of none (RFC 9110 §15.2).
    wire.client().hints.go_to(if is_1_0 { To::Nowhere } else { To::Http1(Rc::downgrade(wire)) });
    let body = RequestBody::Http1(Incoming::new(wire.clone()));
    let answered = answered(wire, request.map(|()| body)).await;
    wire.client().hints.go_to(To::Nowhere);
    let Some(response) = answered else { return Next::Close };
    let asked = Asked { is_head, is_1_0, keep_alive };
    send(wire, asked, response).await
}

/// Waits for a request's head, for as long as it may take.
async fn head(wire: &Wire) -> Option<Result<Head, Refused>> {
    let client = wire.client();
    let mut late = None;
    let head = poll_fn(|cx| {
        if let Poll::Ready(head) = wire.poll_head(cx) {
            return Poll::Ready(head);
        }
        // Most come whole, and need no timer.
        let late = late.get_or_insert_with(|| {
            let mut timer = client.worker.take_timer();
            timer.as_mut().reset(client.head_ends());
            timer
        });
        late.as_mut().poll(cx).map(|()| Some(Err(Refused::Late)))
    });
    let head = head.await;
    late.into_iter().for_each(|timer| client.worker.keep_timer(timer));
    head
}

/// Has a request answered, as long as its client is there.
async fn answered(wire: &Wire, request: Request<RequestBody>) -> Option<Response<ResponseBody>> {
    let mut handling = pin!(proxy::handle(wire.client().clone(), request));
    poll_fn(|cx| {
        // First, so that nothing is begun for a client that has gone. It cannot be seen before all of the
        // request has come.
        let watched = wire.left() == Left::Nothing;
        if watched && wire.poll_gone(cx).is_ready() {
            return Poll::Ready(None);
        }
        match handling.as_mut().poll(cx) {
            Poll::Ready(Ok(response)) => Poll::Ready(Some(response)),
            Poll::Pending if matches!(wire.poll_ahead(cx), Poll::Ready(Err(_))) => {
                Poll::Ready(None)
            }
            Poll::Pending if watched => Poll::Pending,
            Poll::Pending => wire.poll_gone(cx).map(|()| None),
        }
    })
    .await
}

/// Sends a response to its end.
async fn send(wire: &Wire, asked: Asked, response: Response<ResponseBody>) -> Next {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let mut answer = Answer::begin(wire, asked, response);
    let poll = |cx: &mut Context<'_>| match answer.poll(cx) {
        Poll::Pending => wire.poll_gone(cx).map(|()| false),
        sent => sent,
    };
    let is_sent = poll_fn(poll).await;
    match is_sent {
        true if switches => Next::Tunnel,
        true if answer.keeps_alive() && wire.ends_request() => Next::Request,
        _ => Next::Close,
    }
}

/// Says why what has come is no request.
async fn refuse(wire: &Wire, refused: Refused) -> Next {
    let page = Page::new(refused.status(), refused.why());
    wire.begin(Left::Nothing, false);
    let response = wire.client().page(page, None);
    let asked = Asked { is_head: false, is_1_0: false, keep_alive: false };
    let mut answer = Answer::begin(wire, asked, response);
    poll_fn(|cx| answer.poll(cx)).await;
    Next::Close
}

/// Carries what was agreed on in the place of HTTP.
async fn tunnel(wire: &Wire) {
    let client = wire.client().clone();
    if let (Some(tunnel), Some((stream, early))) = (client.take_tunnel(), wire.take()) {
        client.carry(tunnel, stream, early).await;
    }
}
