//! Listening sockets: one per thread and address, over which the kernel spreads the connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use crate::Error;

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// An address that is served, and what is spoken there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    /// HTTPS, and not HTTP.
    pub(crate) secure: bool,
}

/// An address, and the sockets over which the kernel spreads the connections to it.
///
/// Connections wait in the queue of one socket each, and are lost with it: so whoever takes an address
/// over takes over its sockets, as many as there are.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    /// HTTPS is spoken there, and not HTTP.
    pub(crate) secure: bool,
    pub(crate) sockets: Vec<TcpListener>,
}

impl Listening {
    /// Binds an address once per thread.
    pub(crate) fn bind(served: Served, threads: usize) -> Result<Self, Error> {
        let Served { address, secure } = served;
        let failed = |cause| Error::Listen { address, cause };
        let address = claim(address).map_err(failed)?;
        let sockets: io::Result<_> = (0..threads.max(1)).map(|_| listener(address)).collect();
        Ok(Self { address, secure, sockets: sockets.map_err(failed)? })
    }

    /// Sockets that others have bound, by their addresses; for HTTP, unless somebody says otherwise.
    pub(crate) fn given(sockets: Vec<TcpListener>) -> io::Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for socket in sockets {
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            match all.iter_mut().find(|listening| listening.address == address) {
                Some(listening) => listening.sockets.push(socket),
                None => all.push(Self { address, secure: false, sockets: vec![socket] }),
            }
        }
        Ok(all)
    }

    /// What it serves.
    pub(crate) fn served(&self) -> Served {
        Served { address: self.address, secure: self.secure }
    }

    /// The same sockets under other descriptors.
    pub(crate) fn duplicate(&self) -> io::Result<Self> {
        let sockets: io::Result<_> = self.sockets.iter().map(TcpListener::try_clone).collect();
        Ok(Self { address: self.address, secure: self.secure, sockets: sockets? })
    }

    /// The sockets, each under one descriptor or more, such that each of `threads` threads has one at
    /// least and no socket is left out.
    pub(super) fn spread(&self, threads: usize) -> impl Iterator<Item = (usize, &TcpListener)> {
        let sockets = self.sockets.iter().cycle();
        let most = if self.sockets.is_empty() { 0 } else { threads.max(self.sockets.len()) };
        sockets.take(most).enumerate().map(move |(n, socket)| (n % threads, socket))
    }
}

/// What is `wanted`: from `there` what is there, bound anew what is not. Nothing is bound twice; of two that
/// want one address the first has it.
pub(crate) fn complete(
    wanted: &[Served],
    mut there: Vec<Listening>,
    threads: usize,
) -> Result<Vec<Listening>, Error> {
    let mut all: Vec<Listening> = Vec::new();
    for served in wanted {
        if all.iter().any(|listening| listening.address == served.address) {
            continue;
        }
        let found = there.iter().position(|listening| listening.address == served.address);
        all.push(match found {
            Some(found) => Listening { secure: served.secure, ..there.swap_remove(found) },
            None => Listening::bind(*served, threads)?,
        });
    }
    Ok(all)
}

/// Sees that nobody else has the address: sockets that share a port would share it with another edge
/// of the same user too, and each would get some of the other's connections.
fn claim(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket();
    Ok(bound.unwrap_or(address))
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> Served {
        Served { address: SocketAddr::from(([127, 0, 0, 1], 0)), secure: false }
    }

    #[test]
    fn every_socket_and_every_thread_has_the_other() {
        for (sockets, threads) in [(1, 1), (1, 4), (3, 2), (4, 4), (2, 3)] {
            let listening = Listening::bind(any(), sockets).unwrap();
            let spread: Vec<_> = listening
                .spread(threads)
                .map(|(thread, socket)| (thread, std::os::fd::AsRawFd::as_raw_fd(socket)))
                .collect();
            let distinct = |mut all: Vec<i64>| {
                all.sort_unstable();
                all.dedup();
                all.len()
            };
            let of_threads = spread.iter().map(|(thread, _)| i64::try_from(*thread).unwrap());
            assert_eq!(distinct(of_threads.collect()), threads, "{sockets} over {threads}");
            let of_sockets = spread.iter().map(|(_, socket)| i64::from(*socket));
            assert_eq!(distinct(of_sockets.collect()), sockets, "{sockets} over {threads}");
        }
    }

    #[test]
    fn what_is_there_is_not_bound_again() {
        let (kept, left) = (Listening::bind(any(), 3).unwrap(), Listening::bind(any(), 3).unwrap());
        let secure = Served { secure: true, ..kept.served() };
        let wanted = [secure, any(), kept.served()];
        let all = complete(&wanted, vec![left, kept], 2).unwrap();
        assert_eq!(all.iter().map(|of| of.sockets.len()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(all[0].served(), secure);
    }
}
