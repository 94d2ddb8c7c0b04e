//! The body of a client's request that comes by HTTP/2.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Frame;

/// Answers a request. Its body may ask its client to send it.
pub(in crate::engine) type Respond = Rc<RefCell<SendResponse<Bytes>>>;

/// A body on its way from a client. The client may send more of it when a part has been taken.
pub(in crate::engine) struct Incoming {
    stream: RecvStream,
    /// How many bytes are still to come, when the client has said so. That it holds to it has been
    /// seen to.
    left: Option<u64>,
    /// Nothing but trailers can follow.
    data_ended: bool,
    /// The client waits to be asked for it (RFC 9110 §10.1.1).
    asks: Option<Respond>,
}

impl Incoming {
    pub(super) fn new(stream: RecvStream, left: Option<u64>, asks: Option<Respond>) -> Self {
        Self { stream, left, data_ended: false, asks }
    }

    /// Whether nothing more can come.
    pub(in crate::engine) fn is_at_end(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// How many bytes are still to come, if that is known.
    pub(in crate::engine) fn left(&self) -> Option<u64> {
        self.left
    }

    /// The next part. Of a request that its client has taken back, or whose body is not as was said, none
    /// comes: who answers it finds it reset.
    pub(in crate::engine) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Frame<Bytes>>> {
        if let Some(respond) = self.asks.take() {
            ask(&respond);
        }
        if !self.data_ended {
            match ready!(self.stream.poll_data(cx)).map(|part| self.take(part)) {
                Some(Ok(frame)) => return Poll::Ready(Some(frame)),
                Some(Err(_)) => return Poll::Pending,
                None => self.data_ended = true,
            }
        }
        let Ok(trailers) = ready!(self.stream.poll_trailers(cx)) else { return Poll::Pending };
        Poll::Ready(trailers.filter(|some: &HeaderMap| !some.is_empty()).map(Frame::trailers))
    }

    fn take(&mut self, part: Result<Bytes, h2::Error>) -> Result<Frame<Bytes>, h2::Error> {
        let part = part?;
        self.stream.flow_control().release_capacity(part.len())?;
        self.left = self.left.map(|left| left.saturating_sub(part.len() as u64));
        Ok(Frame::data(part))
    }
}

/// Asks a client for the body that it holds back. One that is gone by now is noticed elsewhere.
fn ask(respond: &Respond) {
    let mut go_on = Response::new(());
    *go_on.status_mut() = StatusCode::CONTINUE;
    let _ = respond.borrow_mut().send_informational(go_on);
}
