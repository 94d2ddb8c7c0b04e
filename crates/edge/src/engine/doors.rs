//! Beginning to take connections, and ceasing to, without losing one.

use std::net::SocketAddr;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem};

use super::Engine;
use super::common::{Common, Doors};
use super::listen::Listening;
use super::worker::Command;

/// How long the threads may take to let go of the listening sockets.
const SHUT_WITHIN: Duration = Duration::from_secs(1);

impl Engine {
    /// Begins to take connections, or does so already.
    pub(crate) fn open(&self) {
        let opens = |doors: &mut Doors| {
            let shut = matches!(doors, Doors::Shut { .. });
            *doors = Doors::Open;
            shut
        };
        let mut listening = self.listening();
        if !self.common.doors.send_if_modified(opens) {
            return;
        }
        self.bind_again(&mut listening);
        for one in listening.iter() {
            if let Err(error) = self.accept(one) {
                tracing::error!(address = %one.address, %error, "cannot accept connections");
            }
        }
    }

    /// Addresses that were left to nobody, when another edge that wanted them no longer is gone.
    fn bind_again(&self, listening: &mut Vec<Listening>) {
        for served in &self.served {
            if listening.iter().any(|one| one.address == served.address) {
                continue;
            }
            match Listening::bind(*served, self.threads()) {
                Ok(bound) => listening.push(bound),
                Err(error) => tracing::error!(%error, "an address is not served any more"),
            }
        }
    }

    fn accept(&self, listening: &Listening) -> io::Result<()> {
        for (thread, socket) in listening.spread(self.threads()) {
            let (listener, served) = (socket.try_clone()?, listening.served());
            let accepting = self.common.accepts();
            let command = Command::Accept { accepting, served, listener };
            // A thread that is gone has taken the process with it.
            let _ = self.common.threads[thread].inbox.send(command);
        }
        Ok(())
    }

    /// The listening sockets, under other descriptors.
    pub(crate) fn sockets(&self) -> io::Result<Vec<Listening>> {
        self.listening().iter().map(Listening::duplicate).collect()
    }

    /// Ceases to take connections. They wait in the queues of the sockets, which stay, except that the
    /// queues of the addresses in `leaving` are emptied first, and their sockets closed.
    pub(crate) async fn shut(&self, leaving: &[SocketAddr]) {
        self.common.doors.send_replace(Doors::Shut { leaving: leaving.into() });
        let shut = self.common.until(|common| common.accepting() == 0);
        if tokio::time::timeout(SHUT_WITHIN, shut).await.is_err() {
            tracing::warn!("a connection waits for a place among those that may be open");
        }
        self.listening().retain(|one| !leaving.contains(&one.address));
    }

    /// Closes the listening sockets. Connections that wait are lost, unless others have the sockets too.
    pub(crate) fn close(&self) {
        drop(mem::take(&mut *self.listening()));
    }

    /// Has every connection end with its next response, and those that stay idle within `idle`.
    /// `None` takes it back.
    pub(crate) fn retire(&self, idle: Option<Duration>) {
        self.common.retire(idle);
    }

    /// Waits until no connection is open or taken.
    pub(crate) async fn is_empty(&self) {
        self.common.until(|common| common.accepting() + common.connections() == 0).await;
    }

    fn listening(&self) -> MutexGuard<'_, Vec<Listening>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Common {
    /// Waits until something is so that [`emptied`](Self::emptied) tells of.
    async fn until(&self, so: impl Fn(&Self) -> bool) {
        loop {
            let emptied = self.emptied.notified();
            if so(self) {
                return;
            }
            emptied.await;
        }
    }
}
