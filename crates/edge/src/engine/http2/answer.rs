//! A response on its way to a client by HTTP/2.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::{Body, Frame};

use super::body::Respond;
use super::fields;
use crate::engine::body::ResponseBody;
use crate::engine::client::Client;

/// The client takes no more of a response.
pub(super) struct Gone;

impl From<h2::Error> for Gone {
    fn from(_: h2::Error) -> Self {
        Self
    }
}

/// Sends a response to its end. The response to HEAD has no body.
pub(super) async fn send(
    client: &Client,
    respond: &Respond,
    is_head: bool,
    response: Response<ResponseBody>,
) -> Result<(), Gone> {
    let (mut head, body) = split(response);
    let status = head.status();
    set_length(head.headers_mut(), status, &body);
    let ends = is_head || body.is_end_stream();
    let stream = respond.borrow_mut().send_response(head, ends)?;
    if ends {
        return Ok(());
    }
    let mut sending = Sending { stream, body, part: Bytes::new(), client };
    poll_fn(|cx| sending.poll(cx)).await
}

/// Sends the head of a response of which more follows.
pub(super) fn begin(
    respond: &Respond,
    response: Response<ResponseBody>,
) -> Result<SendStream<Bytes>, Gone> {
    let (head, _) = split(response);
    Ok(respond.borrow_mut().send_response(head, false)?)
}

/// What is sent as the head of a response, and its body.
fn split(response: Response<ResponseBody>) -> (Response<()>, ResponseBody) {
    let (mut parts, body) = response.into_parts();
    fields::clean(&mut parts.headers);
    if !parts.headers.contains_key(header::DATE) {
        let now = httpdate::fmt_http_date(SystemTime::now());
        parts.headers.extend(HeaderValue::try_from(now).ok().map(|now| (header::DATE, now)));
    }
    // What may be told of it besides, HTTP/2 does not know.
    parts.extensions.clear();
    parts.version = Version::HTTP_2;
    (Response::from_parts(parts, ()), body)
}

/// Says how long a body is that says so itself: a container's response has the field already.
fn set_length(headers: &mut HeaderMap, status: StatusCode, body: &ResponseBody) {
    let never = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if never || headers.contains_key(header::CONTENT_LENGTH) {
        return;
    }
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
}

/// A body on its way to a client.
struct Sending<'s> {
    stream: SendStream<Bytes>,
    body: ResponseBody,
    /// What has come from the container, and has not been taken by the client.
    part: Bytes,
    client: &'s Client,
}

impl Sending<'_> {
    /// Sends as much as goes; ready at the end. A part is taken from the container when the client has
    /// taken the one before.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            if self.stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Err(Gone));
            }
            if !self.part.is_empty() {
                if ready!(self.poll_part(cx))? {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => {
                    self.stream.send_data(Bytes::new(), true)?;
                    return Poll::Ready(Ok(()));
                }
                Some(Ok(frame)) => {
                    if let Some(trailers) = self.take(frame) {
                        // Nothing can follow, which the body does not know before it is asked.
                        let _ = Pin::new(&mut self.body).poll_frame(cx);
                        self.stream.send_trailers(trailers)?;
                        return Poll::Ready(Ok(()));
                    }
                }
                Some(Err(_)) => {
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Sends of the part as much as the client takes; says whether that was the end of the body.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Gone>> {
        self.stream.reserve_capacity(self.part.len());
        while self.stream.capacity() == 0 {
            let polled = self.stream.poll_capacity(cx);
            self.client.has_written(&polled);
            match ready!(polled) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(Gone)),
            }
        }
        let here = self.part.len().min(self.stream.capacity());
        let part = self.part.split_to(here);
        let ends = self.part.is_empty() && self.body.is_end_stream();
        self.stream.send_data(part, ends)?;
        Poll::Ready(Ok(ends))
    }

    /// Takes what comes from the container. Trailers are handed back, as the end.
    fn take(&mut self, frame: Frame<Bytes>) -> Option<HeaderMap> {
        match frame.into_data() {
            Ok(part) => {
                self.part = part;
                None
            }
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                fields::clean_trailers(&mut trailers);
                Some(trailers)
            }
        }
    }
}
