//! The thread that writes the buffer, so that no task has to wait for a disk.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::ForwardOptions;
use super::counters::Counters;
use super::pending::{Packed, Pending};
use crate::buffer::{Buffer, Chunk};
use crate::{handshake, wire};

/// How long a disk that is full is left alone.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Flusher {
    pub(super) options: Arc<ForwardOptions>,
    pub(super) pending: Arc<Pending>,
    pub(super) buffer: Arc<Buffer>,
    pub(super) counters: Arc<Counters>,
    /// Tells the courier that there is more.
    pub(super) more: Arc<Notify>,
    /// How many records have been written.
    pub(super) written: watch::Sender<u64>,
}

impl Flusher {
    pub(super) fn start(self) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("fluent-buffer".to_owned()).spawn(move || self.run())
    }

    fn run(self) {
        while let Some(taken) = self.pending.take(self.options.flush) {
            for packed in taken.packed {
                self.write(packed);
            }
            self.written.send_replace(taken.added);
            self.more.notify_one();
        }
    }

    fn write(&self, packed: Packed) {
        let bytes = packed.entries.len();
        let chunk = self.chunk(packed);
        let mut told = false;
        loop {
            match self.buffer.append(&chunk) {
                Ok(lost) => {
                    self.counters.lost(lost.records);
                    break;
                }
                Err(error) => {
                    if !told {
                        tracing::warn!(
                            buffer = %self.options.buffer.display(), %error,
                            "cannot write the buffer of a forwarder; trying again, and refusing records when memory is full"
                        );
                    }
                    told = true;
                }
            }
            if self.pending.closed_within(RETRY) {
                self.counters.lost(chunk.records.into());
                break;
            }
        }
        self.pending.release(bytes);
    }

    fn chunk(&self, packed: Packed) -> Chunk {
        let Packed { tag, records, mut entries } = packed;
        if self.options.compress {
            entries = wire::deflate(&entries);
        }
        let (id, compressed) = (handshake::random(), self.options.compress);
        Chunk { id, tag: (*tag).to_owned(), records, compressed, entries }
    }
}
