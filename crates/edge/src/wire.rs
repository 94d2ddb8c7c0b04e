//! Frames: how messages of [`protocol`](crate::protocol) travel, over any stream and in either direction.
//!
//! The edge reads [`ToEdge`](crate::protocol::ToEdge) and writes
//! [`FromEdge`](crate::protocol::FromEdge); the control plane does the opposite with the same two types.

use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::protocol::MAX_FRAME;

/// Why a message could not be read or written; the connection is of no use after it.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The stream failed.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// A frame that is no message, from a peer that speaks something else.
    #[error("a message of the peer cannot be understood: {0}")]
    Message(#[from] serde_json::Error),
}

/// Reads messages of type `T`.
#[derive(Debug)]
pub struct Reader<R, T> {
    frames: FramedRead<R, LengthDelimitedCodec>,
    of: PhantomData<fn() -> T>,
}

/// Writes messages of type `T`.
#[derive(Debug)]
pub struct Writer<W, T> {
    frames: FramedWrite<W, LengthDelimitedCodec>,
    of: PhantomData<fn(&T)>,
}

/// Makes a reader and a writer of one stream: `split::<_, ToEdge, FromEdge>(stream)` on an edge.
pub fn split<S, In, Out>(stream: S) -> (Reader<ReadHalf<S>, In>, Writer<WriteHalf<S>, Out>)
where
    S: AsyncRead + AsyncWrite,
    In: DeserializeOwned,
    Out: Serialize,
{
    let (read, write) = tokio::io::split(stream);
    (Reader::new(read), Writer::new(write))
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec()
}

impl<R: AsyncRead + Unpin, T: DeserializeOwned> Reader<R, T> {
    /// Reads from `stream`.
    pub fn new(stream: R) -> Self {
        Self { frames: FramedRead::new(stream, codec()), of: PhantomData }
    }

    /// The next message; `None` when the peer has closed the connection. Nothing is lost when the
    /// future is dropped.
    ///
    /// # Errors
    /// When the stream fails, or a frame is too long or no message.
    pub async fn next(&mut self) -> Result<Option<T>, WireError> {
        match self.frames.next().await {
            None => Ok(None),
            Some(frame) => Ok(Some(serde_json::from_slice(&frame?)?)),
        }
    }
}

impl<W: AsyncWrite + Unpin, T: Serialize> Writer<W, T> {
    /// Writes to `stream`.
    pub fn new(stream: W) -> Self {
        Self { frames: FramedWrite::new(stream, codec()), of: PhantomData }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the stream fails or the message is too long for a frame.
    pub async fn send(&mut self, message: &T) -> Result<(), WireError> {
        let frame = Bytes::from(serde_json::to_vec(message)?);
        self.frames.send(frame).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{FromEdge, ToEdge};
    use crate::table::{Passes, Pool, RouteTable, Rules, ServiceTable};
    use launcher_model::service::{Health, Traffic};
    use launcher_model::{Generation, ServiceName, VersionNumber, Weight};
    use proptest::prelude::*;

    /// A table with something of everything in it.
    fn table(name: &ServiceName) -> RouteTable {
        let pool = Pool {
            health: Health::default(),
            endpoints: [("abc".to_owned(), "127.0.0.1:80".parse().unwrap())].into(),
            passes: Passes { sticky: "v1.a".to_owned(), trial: "v1.b".to_owned() },
            ..Pool::default()
        };
        let service = ServiceTable {
            name: name.clone(),
            hosts: vec!["shop.example.com".into()],
            revision: 3,
            generation: Generation(2),
            weights: [(VersionNumber(1), Weight::ALL)].into(),
            pools: [(VersionNumber(1), pool)].into(),
            traffic: Traffic::default(),
            rules: Rules::default(),
            branches: Default::default(),
        };
        RouteTable {
            preview_domain: "localhost".into(),
            installation: Some("one".into()),
            services: [(name.clone(), service)].into(),
        }
    }

    #[tokio::test]
    async fn whole_tables_travel_in_both_directions() {
        let name = ServiceName::new("shop").unwrap();
        let table = table(&name);
        let (edge, control) = tokio::io::duplex(64);
        let (mut from_control, mut to_control) = split::<_, ToEdge, FromEdge>(edge);
        let (mut from_edge, mut to_edge) = split::<_, FromEdge, ToEdge>(control);

        let welcome = ToEdge::Welcome { table, unchanged: Vec::new() };
        let applied = FromEdge::Applied { revisions: vec![(name, 3)] };
        let (sent, got) = tokio::join!(to_edge.send(&welcome), from_control.next());
        sent.unwrap();
        assert_eq!(got.unwrap(), Some(welcome));
        let (sent, got) = tokio::join!(to_control.send(&applied), from_edge.next());
        sent.unwrap();
        assert_eq!(got.unwrap(), Some(applied));
        drop((to_edge, from_edge));
        assert_eq!(from_control.next().await.unwrap(), None);
    }

    proptest! {
        #[test]
        fn whatever_a_peer_sends_comes_to_an_end(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            has_length in any::<bool>(),
        ) {
            let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
            let sent = if has_length { [&length[..], &bytes].concat() } else { bytes };
            let mut reader = Reader::<_, ToEdge>::new(&sent[..]);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async { while let Ok(Some(_)) = reader.next().await {} });
        }

        #[test]
        fn a_message_that_was_altered_is_another_one_or_none(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let table = table(&ServiceName::new("shop").unwrap());
            let welcome = ToEdge::Welcome { table, unchanged: Vec::new() };
            let mut text = serde_json::to_vec(&welcome).unwrap();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(read) = serde_json::from_slice::<ToEdge>(&text) {
                let again = serde_json::to_vec(&read).unwrap();
                prop_assert_eq!(serde_json::from_slice::<ToEdge>(&again).unwrap(), read);
            }
        }
    }
}
