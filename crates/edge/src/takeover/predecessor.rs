//! A predecessor, from its owner's side: what it is told, and what it answers.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::message::{FromPredecessor, ToPredecessor};
use super::succession::Succession;
use crate::protocol::InFlight;
use crate::wire::{Reader, WireError, Writer};

/// The connection to a predecessor.
pub(super) type FromIt<R> = Reader<R, FromPredecessor>;
pub(super) type ToIt<W> = Writer<W, ToPredecessor>;

/// What it shall be told, and who waits for its answer.
type Told = (ToPredecessor, Option<oneshot::Sender<InFlight>>);

/// A predecessor that follows.
#[derive(Debug)]
pub(super) struct Predecessor(mpsc::UnboundedSender<Told>);

impl Predecessor {
    /// Speaks with it in a task of its own, until either side ends it.
    pub(super) fn follows(
        succession: Arc<Succession>,
        id: u64,
        reader: FromIt<tokio::io::ReadHalf<UnixStream>>,
        writer: ToIt<tokio::io::WriteHalf<UnixStream>>,
    ) -> Self {
        let (outbox, out) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            if let Err(why) = converse(&succession, id, reader, writer, out).await {
                tracing::debug!(%why, "the connection to a predecessor ended");
            }
            succession.lost(id);
        });
        Self(outbox)
    }

    /// Tells it something that it answers when it is in force there.
    pub(super) fn tell(&self, message: ToPredecessor) -> oneshot::Receiver<InFlight> {
        let (answer, answered) = oneshot::channel();
        // When it is gone it drops the question.
        let _ = self.0.send((message, Some(answer)));
        answered
    }

    /// Tells it something that needs no answer.
    pub(super) fn mention(&self, message: ToPredecessor) {
        let _ = self.0.send((message, None));
    }
}

async fn converse<R: AsyncRead + Unpin>(
    succession: &Succession,
    id: u64,
    mut reader: FromIt<R>,
    mut writer: ToIt<tokio::io::WriteHalf<UnixStream>>,
    mut out: mpsc::UnboundedReceiver<Told>,
) -> Result<(), WireError> {
    // Answers come in the order of the questions.
    let mut asked = VecDeque::new();
    loop {
        tokio::select! {
            message = reader.next() => match message? {
                None => return Ok(()),
                Some(FromPredecessor::Done { in_flight }) => {
                    if let Some(answer) = asked.pop_front() {
                        let _: Result<(), InFlight> = oneshot::Sender::send(answer, in_flight);
                    }
                }
                Some(FromPredecessor::Drained { deployment, outcome }) => {
                    succession.ended(id, deployment, outcome);
                }
                Some(FromPredecessor::Handed { .. } | FromPredecessor::Refused { .. }) => {}
            },
            told = out.recv() => {
                let Some((message, answer)) = told else { return Ok(()) };
                asked.extend(answer);
                writer.send(&message).await?;
            }
        }
    }
}
