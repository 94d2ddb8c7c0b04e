//! The files of a build on their way to the engine.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::{Context, Error};

/// A context that remembers why it broke off: the engine would only tell that it did.
pub(super) struct Watched {
    context: Context,
    fault: Fault,
}

/// Why a context broke off, if it did.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Option<String>>>);

impl Watched {
    pub(super) fn new(context: Context) -> (Self, Fault) {
        let fault = Fault::default();
        (Self { context, fault: fault.clone() }, fault)
    }
}

impl Stream for Watched {
    type Item = std::io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        let piece = std::task::ready!(self.context.poll_next_unpin(context));
        if let Some(Err(error)) = &piece {
            let mut fault = self.fault.0.lock().unwrap_or_else(PoisonError::into_inner);
            *fault = Some(error.to_string());
        }
        Poll::Ready(piece)
    }
}

impl Fault {
    /// What went wrong with the files, or else what went wrong after that.
    pub(super) fn or_else(&self, other: impl FnOnce() -> Error) -> Error {
        let fault = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        fault.map_or_else(other, Error::Context)
    }
}
