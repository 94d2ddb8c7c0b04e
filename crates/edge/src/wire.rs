//! Frames of the protocol over a byte stream: a four-byte big-endian length and a JSON message.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::protocol::MAX_FRAME;

/// What goes wrong on the wire.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection broke, or a frame is longer than [`MAX_FRAME`].
    #[error("the connection broke: {0}")]
    Connection(#[from] std::io::Error),
    /// A frame holds something else than a message.
    #[error("a message cannot be understood: {0}")]
    Message(#[from] serde_json::Error),
}

/// A stream of `In` and a sink of `Out` over a byte stream.
pub struct Wire<S, In, Out> {
    frames: Framed<S, LengthDelimitedCodec>,
    direction: PhantomData<fn(Out) -> In>,
}

/// Frames a byte stream.
pub fn framed<S: AsyncRead + AsyncWrite, In, Out>(stream: S) -> Wire<S, In, Out> {
    let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
    Wire { frames: Framed::new(stream, codec), direction: PhantomData }
}

impl<S, In, Out> Stream for Wire<S, In, Out>
where
    S: AsyncRead + AsyncWrite + Unpin,
    In: DeserializeOwned,
{
    type Item = Result<In, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = std::task::ready!(Pin::new(&mut self.get_mut().frames).poll_next(cx));
        Poll::Ready(frame.map(|frame| Ok(serde_json::from_slice(&frame?)?)))
    }
}

impl<S, In, Out> Sink<Out> for Wire<S, In, Out>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Out: Serialize,
{
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let frames = Pin::new(&mut self.get_mut().frames);
        Sink::<Bytes>::poll_ready(frames, cx).map_err(Error::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Out) -> Result<(), Error> {
        let frame = Bytes::from(serde_json::to_vec(&message)?);
        Ok(Pin::new(&mut self.get_mut().frames).start_send(frame)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let frames = Pin::new(&mut self.get_mut().frames);
        Sink::<Bytes>::poll_flush(frames, cx).map_err(Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let frames = Pin::new(&mut self.get_mut().frames);
        Sink::<Bytes>::poll_close(frames, cx).map_err(Error::from)
    }
}
