//! Listening sockets: one per thread and address, over which the kernel spreads the connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use crate::Error;

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Binds every address once per thread. Returns the addresses as they are bound, and the listeners of
/// each thread.
pub(super) fn bind(
    addresses: &[SocketAddr],
    threads: usize,
) -> Result<(Vec<SocketAddr>, Vec<Vec<TcpListener>>), Error> {
    let mut bound = Vec::new();
    let mut per_thread: Vec<Vec<TcpListener>> = (0..threads).map(|_| Vec::new()).collect();
    for address in addresses {
        let failed = |cause| Error::Listen { address: *address, cause };
        let address = claim(*address).map_err(failed)?;
        for listeners in &mut per_thread {
            listeners.push(listener(address).map_err(failed)?);
        }
        bound.push(address);
    }
    Ok((bound, per_thread))
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
