//! Taking connections, and their places among those that may be open.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::client::Client;
use super::common::{Accepting, Doors};
use super::listen::Served;
use super::worker::{Command, Worker};

/// How long to wait when there is no room for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections until the doors are shut. Those that have not been taken then wait in the system's
/// queue for whoever else has the socket; when that is nobody, they are taken too.
pub(super) async fn accept(
    worker: Rc<Worker>,
    _accepting: Accepting,
    served: Served,
    listener: TcpListener,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot accept connections"),
    };
    let mut doors = worker.common.doors.subscribe();
    let Served { address, secure } = served;
    loop {
        tokio::select! {
            _ = doors.wait_for(|doors| !matches!(doors, Doors::Open)) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => take(&worker, Came { stream, peer, secure }).await,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    let is_left = match &*doors.borrow() {
        Doors::Shut { leaving } => leaving.contains(&address),
        Doors::Open => false,
    };
    if is_left {
        take_those_that_wait(&worker, listener, secure).await;
    }
}

async fn take_those_that_wait(
    worker: &Rc<Worker>,
    listener: tokio::net::TcpListener,
    secure: bool,
) {
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, peer)) = listener.accept() {
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream))
        {
            take(worker, Came { stream, peer, secure }).await;
        }
    }
}

/// A connection that has come.
pub(super) struct Came<S = TcpStream> {
    stream: S,
    /// From whom.
    peer: SocketAddr,
    /// It came to an address of HTTPS.
    secure: bool,
}

/// Serves a connection as soon as there is a place for it.
async fn take(worker: &Rc<Worker>, came: Came) {
    let _ = came.stream.set_nodelay(true);
    // Only now: another thread may have taken the last place while this one waited.
    while !worker.common.reserve() {
        // Connections of other threads end without a word to this one.
        let _ = tokio::time::timeout(PAUSE, worker.ended.notified()).await;
    }
    place(worker, came);
}

/// Has a connection served by the thread that has the least to do.
fn place(worker: &Rc<Worker>, came: Came) {
    let common = &worker.common;
    let thread = common.lightest(worker.index);
    common.serves_more(thread);
    if thread == worker.index {
        return serve(worker, came);
    }
    let Came { stream, peer, secure } = came;
    let handed = stream.into_std().map(|stream| {
        let came = Came { stream, peer, secure };
        common.threads[thread].inbox.send(Command::Serve { came }).is_ok()
    });
    if !matches!(handed, Ok(true)) {
        common.serves_less(thread);
        common.release();
    }
}

/// Serves a connection that another thread has taken.
pub(super) fn adopt(worker: &Rc<Worker>, came: Came<std::net::TcpStream>) {
    let Came { stream, peer, secure } = came;
    match TcpStream::from_std(stream) {
        Ok(stream) if !worker.is_closing() => serve(worker, Came { stream, peer, secure }),
        _ => {
            worker.common.serves_less(worker.index);
            worker.common.release();
        }
    }
}

fn serve(worker: &Rc<Worker>, came: Came) {
    let Came { stream, peer, secure } = came;
    let client = Client::new(worker.clone(), peer, secure);
    let mut clients = worker.clients.borrow_mut();
    let entry = clients.vacant_entry();
    let place = Place { worker: worker.clone(), key: entry.key() };
    let task = tokio::task::spawn_local(client.clone().serve(stream, place));
    entry.insert((client, task.abort_handle()));
}

/// A connection's place, given back at its end.
pub(super) struct Place {
    worker: Rc<Worker>,
    key: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.clients.borrow_mut().try_remove(self.key);
        self.worker.common.serves_less(self.worker.index);
        self.worker.common.release();
        self.worker.ended.notify_one();
    }
}
