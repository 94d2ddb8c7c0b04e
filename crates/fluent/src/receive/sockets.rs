//! Where a listener listens.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::time::sleep;

use super::{ListenOptions, Peer};
use crate::{Error, Result};

/// How long no connection is taken after one could not be, for want of files: trying again at once would
/// only keep the processor busy.
const WITHOUT_FILES: Duration = Duration::from_millis(100);

pub(super) struct Sockets {
    /// The address of the TCP socket.
    pub(super) address: SocketAddr,
    pub(super) heartbeat: Option<UdpSocket>,
    tcp: TcpListener,
    unix: Option<UnixSocket>,
}

pub(super) struct Accepted {
    pub(super) peer: Peer,
    pub(super) stream: Raw,
}

pub(super) enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A Unix socket, which is removed at the end.
struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Sockets {
    pub(super) async fn bind(options: &ListenOptions) -> Result<Self> {
        let failed = |address: String| move |cause| Error::Bind { address, cause };
        let tcp = TcpListener::bind(options.address).await;
        let tcp = tcp.map_err(failed(options.address.to_string()))?;
        let address = tcp.local_addr().map_err(failed(options.address.to_string()))?;
        let heartbeat = match options.heartbeat {
            true => {
                let socket = UdpSocket::bind(address).await;
                Some(socket.map_err(failed(format!("{address} (UDP, for heartbeats)")))?)
            }
            false => None,
        };
        let unix = match &options.unix {
            Some(path) => {
                if is_in_the_way(path) {
                    return Err(Error::NoSocket { path: path.clone() });
                }
                let listener = bind_unix(path).await.map_err(failed(path.display().to_string()))?;
                Some(UnixSocket { listener, path: path.clone() })
            }
            None => None,
        };
        Ok(Self { address, heartbeat, tcp, unix })
    }

    pub(super) async fn accept(&mut self) -> Accepted {
        loop {
            let accepted = tokio::select! {
                tcp = self.tcp.accept() => tcp.map(|(stream, peer)| Accepted {
                    peer: Peer::Tcp(peer),
                    stream: Raw::Tcp(stream),
                }),
                unix = accept_unix(self.unix.as_ref()) => unix.map(|stream| Accepted {
                    peer: Peer::Unix,
                    stream: Raw::Unix(stream),
                }),
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection of a Fluentd client");
                    sleep(WITHOUT_FILES).await;
                }
            }
        }
    }
}

async fn accept_unix(socket: Option<&UnixSocket>) -> io::Result<UnixStream> {
    match socket {
        Some(socket) => Ok(socket.listener.accept().await?.0),
        None => std::future::pending().await,
    }
}

/// Whether something is there that is no socket.
fn is_in_the_way(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| !there.file_type().is_socket())
}

/// A socket that nobody listens at any more is in the way after a crash.
async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_dead(path).await => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

async fn is_dead(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let connected = UnixStream::connect(path).await;
    is_socket && connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}
