//! One client.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use rmpv::Value;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::sockets::Raw;
use super::{Ack, Batch, House, Peer};
use crate::EventTime;
use crate::handshake::{self, Greeting, HandshakeError};
use crate::stream::{self, ReadError, Stream};
use crate::wire::{Entries, Events, Frame, FrameError, Framer, Signal, write_ack};

/// Frames that are longer need a permit, in bytes.
const SMALL: usize = 64 << 10;

/// Why a connection has ended before its client wanted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the client was not recognized: {0}")]
    Handshake(HandshakeError),
    #[error("the client was not recognized in time")]
    Slow,
    #[error("cannot be encrypted: {0}")]
    Tls(io::Error),
    #[error("the client has stalled")]
    Stalled,
    #[error("it has ended in the middle of a message")]
    Cut,
    #[error(transparent)]
    Io(io::Error),
    #[error("what came was not taken")]
    Dropped,
    #[error("the listener stops")]
    Stopped,
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cut => Self::Cut,
            ReadError::Io(error) => Self::Io(error),
            ReadError::Frame(error) => Self::Frame(error),
        }
    }
}

pub(super) struct Connection<'a> {
    house: &'a House,
    peer: Peer,
    framer: Framer,
    /// The memory for a frame that is long.
    room: Option<OwnedSemaphorePermit>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(house: &'a House, peer: Peer) -> Self {
        Self { house, peer, framer: Framer::new(&handshake::limits()), room: None }
    }

    /// Serves the client until either has enough.
    pub(super) async fn run(mut self, raw: Raw) {
        let served = match self.recognize(raw).await {
            Ok(mut stream) => {
                self.framer = self.framer.with_limits(&self.house.options.limits);
                self.serve(&mut stream).await
            }
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = served {
            self.house.counters.trouble(self.peer, &trouble);
        }
    }

    async fn recognize(&mut self, raw: Raw) -> Result<Stream, Trouble> {
        let within = self.house.options.handshake;
        tokio::select! {
            () = self.house.stop.cancelled() => Err(Trouble::Stopped),
            recognized = timeout(within, self.greet(raw)) => recognized.unwrap_or(Err(Trouble::Slow)),
        }
    }

    async fn greet(&mut self, raw: Raw) -> Result<Stream, Trouble> {
        let options = &self.house.options;
        let mut stream: Stream = match raw {
            Raw::Unix(stream) => Box::new(stream),
            Raw::Tcp(stream) => {
                stream::set(&stream).map_err(Trouble::Io)?;
                match &options.tls {
                    Some(acceptor) => {
                        Box::new(acceptor.0.accept(stream).await.map_err(Trouble::Tls)?)
                    }
                    None => Box::new(stream),
                }
            }
        };
        let Some(security) = &options.security else { return Ok(stream) };
        let (nonce, salt) = (handshake::random(), handshake::random());
        let greeting = Greeting::new(security, &options.users, nonce, salt);
        self.write(&mut stream, &greeting.helo()).await?;
        let ping = stream::read_frame(&mut stream, &mut self.framer).await?.ok_or(Trouble::Cut)?;
        let (pong, recognized) = greeting.answer(&ping);
        self.write(&mut stream, &pong).await?;
        recognized.map(|()| stream).map_err(Trouble::Handshake)
    }

    async fn serve(&mut self, stream: &mut Stream) -> Result<(), Trouble> {
        loop {
            let frame = tokio::select! {
                () = self.house.stop.cancelled() => return Err(Trouble::Stopped),
                frame = self.frame(stream) => frame?,
            };
            let Some(frame) = frame else { return Ok(()) };
            self.house.counters.frame(frame.len());
            match Frame::decode(&frame, &self.house.options.limits)? {
                Frame::Heartbeat => self.house.counters.heartbeat(),
                Frame::Events(events) => self.take(events, stream).await?,
            }
            self.room = None;
        }
    }

    /// The next frame; none when the client is done.
    async fn frame(&mut self, stream: &mut Stream) -> Result<Option<Bytes>, Trouble> {
        loop {
            if let Some(frame) = self.framer.next_frame()? {
                return Ok(Some(frame));
            }
            let waiting = self.framer.waiting();
            if waiting > SMALL {
                self.make_room().await?;
            }
            // Between frames a client may be silent for as long as it likes.
            let stall = if waiting > 0 { self.house.options.stall } else { Duration::MAX };
            let read = timeout(stall, stream::read_piece(stream, &mut self.framer)).await;
            if !read.map_err(|_| Trouble::Stalled)?? {
                return Ok(None);
            }
        }
    }

    /// Waits until there is memory for a frame that is long.
    async fn make_room(&mut self) -> Result<(), Trouble> {
        if self.room.is_none() {
            let room = self.house.large.clone().acquire_owned().await;
            self.room = Some(room.map_err(|_| Trouble::Stopped)?);
        }
        Ok(())
    }

    /// Gives events to the consumer, and answers when it has them.
    async fn take(&mut self, mut events: Events, stream: &mut Stream) -> Result<(), Trouble> {
        let counters = &self.house.counters;
        if events.compressed {
            self.make_room().await?;
        }
        if events.signal == Signal::Other {
            counters.other_signal();
        }
        let chunk = events.chunk.take();
        let entries = self.open(events).await?;
        let records = entries.len();
        counters.skip(entries.skipped());
        // What is left out would be left out the next time as well: it is answered, or it would come for ever.
        if !entries.is_empty() {
            let (ack, taken) = oneshot::channel();
            let id = chunk.as_ref().and_then(Value::as_slice).map(Into::into);
            let (peer, ack, room) = (self.peer, Ack(ack), self.room.take());
            let batch = Batch { peer, entries, chunk: id, ack, _room: room };
            tokio::select! {
                () = self.house.stop.cancelled() => return Err(Trouble::Stopped),
                given = self.house.batches.send(batch) => given.map_err(|_| Trouble::Stopped)?,
            }
            counters.give(records);
            if chunk.is_some() {
                taken.await.map_err(|_| Trouble::Dropped)?;
            }
        }
        let Some(chunk) = chunk else { return Ok(()) };
        let mut answer = Vec::with_capacity(32);
        write_ack(&chunk, &mut answer);
        self.write(stream, &answer).await?;
        counters.acknowledge();
        Ok(())
    }

    /// Goes through the entries, and beside the other tasks when they may be many.
    async fn open(&self, events: Events) -> Result<Entries, Trouble> {
        let (limits, arrival) = (self.house.options.limits, EventTime::now());
        if self.room.is_none() {
            return Ok(events.entries(&limits, arrival)?);
        }
        let opened = spawn_blocking(move || events.entries(&limits, arrival)).await;
        Ok(opened.map_err(|_| Trouble::Stopped)??)
    }

    async fn write(&self, stream: &mut Stream, bytes: &[u8]) -> Result<(), Trouble> {
        let written = stream::write(stream, bytes, self.house.options.stall).await;
        written.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Trouble::Stalled,
            _ => Trouble::Io(error),
        })
    }
}
