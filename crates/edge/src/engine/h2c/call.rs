//! One request over a connection that carries many.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use hyper::body::Frame;
use tokio::time::Sleep;

use super::{Link, request};
use crate::engine::hints::Early;
use crate::engine::http2::fields;
use crate::engine::outgoing::Outgoing;
use crate::engine::upstream::{Framing, Head, Lost, Malformed, Rest, Stopped, Upload};
use crate::engine::worker::Worker;

/// A request that is under way on a connection. Dropped before its end, it is taken back.
pub(in crate::engine) struct Call {
    worker: Rc<Worker>,
    link: Rc<Link>,
    /// Where the request's body goes, and the rest of it.
    to: Option<(SendStream<Bytes>, Upload)>,
    /// What has come from the client, and has not gone out.
    part: Bytes,
    /// Some of the body has been taken from the client, so that nobody else can be sent it.
    taken: bool,
    uploaded: Option<Instant>,
    abandoned: Option<Stopped>,
    from: Option<RecvStream>,
    data_ended: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.link.ends(self.worker.now());
    }
}

impl Call {
    fn new(worker: Rc<Worker>, link: Rc<Link>) -> Box<Self> {
        link.begins();
        Box::new(Self {
            worker,
            link,
            to: None,
            part: Bytes::new(),
            taken: false,
            uploaded: None,
            abandoned: None,
            from: None,
            data_ended: false,
        })
    }

    /// Whether the request's body is still going out.
    pub(in crate::engine) fn is_uploading(&self) -> bool {
        self.to.is_some()
    }

    /// Sends what there is of the request's body.
    fn send_body(&mut self, cx: &mut Context<'_>) {
        if self.to.is_some()
            && let Poll::Ready(sent) = self.poll_send(cx)
        {
            // A container that does not take it may still answer.
            self.abandoned = sent.err().filter(|why| !matches!(why, Stopped::ByContainer));
            self.to = None;
            self.part = Bytes::new();
            self.uploaded = Some(Instant::now());
        }
    }

    /// Sends as much as goes; ready when all is sent. A part is taken from the client when the container
    /// can take it.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        let Some((stream, upload)) = &mut self.to else { return Poll::Ready(Ok(())) };
        let stopped = |_| Stopped::ByContainer;
        loop {
            if !self.part.is_empty() {
                stream.reserve_capacity(self.part.len());
                while stream.capacity() == 0 {
                    match ready!(stream.poll_capacity(cx)) {
                        Some(more) => more.map_err(stopped)?,
                        None => return Poll::Ready(Err(Stopped::ByContainer)),
                    };
                }
                let part = self.part.split_to(self.part.len().min(stream.capacity()));
                let ends = self.part.is_empty() && upload.is_at_end();
                stream.send_data(part, ends).map_err(stopped)?;
                if ends {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let next = ready!(upload.poll_part(cx));
            self.taken = true;
            let Some(frame) = next else {
                return Poll::Ready(stream.send_data(Bytes::new(), true).map_err(stopped));
            };
            match frame?.into_data() {
                Ok(part) => self.part = part,
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Poll::Ready(stream.send_trailers(trailers).map_err(stopped));
                }
            }
        }
    }

    /// The next part of the response's body, of which `rest` says whether it is the last one.
    pub(in crate::engine) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        rest: &mut Rest,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.send_body(cx);
        if self.abandoned.is_some() {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let Some(from) = &mut self.from else { return Poll::Ready(None) };
        if !self.data_ended {
            match ready!(from.poll_data(cx)) {
                Some(part) => {
                    let part = part.map_err(io::Error::other)?;
                    from.flow_control().release_capacity(part.len()).map_err(io::Error::other)?;
                    if from.is_end_stream() {
                        *rest = Rest::Length(0);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(part))));
                }
                None => self.data_ended = true,
            }
        }
        let trailers = ready!(from.poll_trailers(cx)).map_err(io::Error::other)?;
        *rest = Rest::Length(0);
        Poll::Ready(trailers.map(|mut trailers| {
            fields::clean_trailers(&mut trailers);
            Ok(Frame::trailers(trailers))
        }))
    }

    /// Why there is no response, after an error of the connection or of the request's part of it.
    fn lost(&self, error: &h2::Error) -> Lost {
        // A container says so of what it has not begun (RFC 9113 §8.7).
        let not_begun = error.reason() == Some(Reason::REFUSED_STREAM)
            || error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
        if error.is_go_away() {
            self.link.close();
        }
        if error.is_remote() && not_begun && !self.taken {
            Lost::Unsent
        } else if error.is_library() {
            Lost::Malformed(Malformed("something that is not HTTP/2"))
        } else {
            Lost::Broken
        }
    }
}

/// A request that waits for the head of its response.
pub(in crate::engine) struct Asking<'a> {
    pub(in crate::engine) worker: Rc<Worker>,
    pub(in crate::engine) link: Rc<Link>,
    pub(in crate::engine) request: &'a Outgoing,
    /// The head of the request, as HTTP/1.1 has it.
    pub(in crate::engine) head: &'a [u8],
    /// How long the container may take, from the moment that the last part of the request has come.
    pub(in crate::engine) timeout: Duration,
    /// What is done with hints that come before the response.
    pub(in crate::engine) early: Early<'a>,
}

impl Asking<'_> {
    /// Sends the request and waits for the response. A body is put back when none of it has gone out.
    pub(in crate::engine) async fn run(
        self,
        body: &mut Option<Upload>,
        mut timer: Pin<&mut Sleep>,
    ) -> Result<(Box<Call>, Head), Lost> {
        // The edge has written it, so it can be read.
        let asked = request::of(self.head).ok_or(Lost::Broken)?;
        let send = self.link.sender();
        let mut call = Call::new(self.worker, self.link);
        let (asked, upload, early) = (Some(asked), body.take(), self.early);
        let mut sending = Sending { send, asked, upload, response: None, early };
        timer.as_mut().reset(call.worker.deadline(self.timeout));
        let outcome = poll_fn(|cx| {
            loop {
                if let Poll::Ready(outcome) = sending.poll(&mut call, cx) {
                    return Poll::Ready(outcome);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                match on_timer(&call, self.timeout) {
                    Ok(next) => timer.as_mut().reset(next.into()),
                    Err(lost) => return Poll::Ready(Err(lost)),
                }
            }
        })
        .await;
        match outcome {
            Ok(response) => {
                let head = call.answered(response, self.request.is_head);
                Ok((call, head))
            }
            Err(lost) => {
                let unsent = call.to.take().map(|(_, upload)| upload).filter(|_| !call.taken);
                *body = sending.upload.take().or(unsent);
                Err(lost)
            }
        }
    }
}

impl Call {
    /// Takes the head of the response.
    fn answered(&mut self, response: Response<RecvStream>, is_head: bool) -> Head {
        let (mut parts, from) = response.into_parts();
        fields::clean(&mut parts.headers);
        let none = is_head || from.is_end_stream();
        let framing = if none { Framing::Length(0) } else { Framing::UntilClose };
        self.from = Some(from);
        Head {
            status: parts.status,
            reason: None,
            headers: parts.headers,
            framing,
            keep_alive: true,
        }
    }
}

/// What is needed until the request is under way and its response begins.
struct Sending<'a> {
    send: SendRequest<Bytes>,
    asked: Option<Request<()>>,
    upload: Option<Upload>,
    response: Option<ResponseFuture>,
    early: Early<'a>,
}

impl Sending<'_> {
    fn poll(
        &mut self,
        call: &mut Call,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<RecvStream>, Lost>> {
        if self.asked.is_some() {
            let sent = match ready!(self.send.poll_ready(cx)) {
                Ok(()) => self.begin(call),
                Err(error) => Err(error),
            };
            if sent.is_err() {
                call.link.close();
                return Poll::Ready(Err(Lost::Unsent));
            }
        }
        call.send_body(cx);
        match call.abandoned {
            Some(Stopped::TooLarge) => return Poll::Ready(Err(Lost::TooLarge)),
            Some(Stopped::ByClient(bad)) => return Poll::Ready(Err(Lost::BadBody(bad))),
            Some(Stopped::ByContainer) | None => {}
        }
        let Some(response) = &mut self.response else { return Poll::Pending };
        while let Poll::Ready(Some(Ok(said))) = response.poll_informational(cx) {
            self.early.take(said.status(), said.into_parts().0.headers);
        }
        Pin::new(response).poll(cx).map_err(|error| call.lost(&error))
    }

    fn begin(&mut self, call: &mut Call) -> Result<(), h2::Error> {
        let Some(asked) = self.asked.take() else { return Ok(()) };
        let (response, stream) = self.send.send_request(asked, self.upload.is_none())?;
        self.response = Some(response);
        if let Some(mut upload) = self.upload.take() {
            upload.release();
            call.to = Some((stream, upload));
        }
        Ok(())
    }
}

/// The timer has run out: when to look next, or who is late.
fn on_timer(call: &Call, timeout: Duration) -> Result<Instant, Lost> {
    let (since, lost) = match &call.to {
        Some((_, upload)) if upload.is_starved() => (Some(upload.progress()), Lost::ClientLate),
        Some((_, upload)) => (Some(upload.progress()), Lost::Late),
        None => (call.uploaded, Lost::Late),
    };
    let next = since.map(|since| since + timeout).filter(|next| *next > Instant::now());
    next.ok_or(lost)
}
