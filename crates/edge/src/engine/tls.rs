//! TLS with clients: which versions and protocols are spoken, and the handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{Acceptor, ServerSessionMemoryCache};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Limits;
use crate::Error;
use crate::certificates::Certificates;

/// Sessions that are remembered for clients that take no tickets.
const SESSIONS: usize = 10_000;

/// What is spoken over a connection, as both sides have agreed on in its handshake (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1, also to those who have asked for nothing.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// What is offered, the better one first.
    const OFFERED: [(&[u8], Self); 2] = [(b"h2", Self::Http2), (b"http/1.1", Self::Http1)];

    fn agreed(name: Option<&[u8]>) -> Self {
        let named = Self::OFFERED.iter().find(|(offered, _)| Some(*offered) == name);
        named.map_or(Self::Http1, |(_, protocol)| *protocol)
    }
}

/// How TLS is spoken here: 1.3, or 1.2 with forward secrecy, and the same for all threads, so that a client
/// that comes again need not come to the same one.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    /// The turns of those that are at their handshake: it costs more than most requests.
    turns: Semaphore,
    within: Duration,
    /// The port that others are led to.
    pub(super) port: u16,
}

impl Tls {
    /// TLS at these addresses, if there are any. Others are led to the public port, or else to that of the first.
    ///
    /// # Errors
    /// [`Error::Tls`].
    pub(super) fn for_those(
        addresses: &[SocketAddr],
        certificates: Arc<Certificates>,
        public_port: Option<u16>,
        limits: &Limits,
    ) -> Result<Option<Self>, Error> {
        let Some(first) = addresses.first() else { return Ok(None) };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        config.alpn_protocols = Protocol::OFFERED.map(|(name, _)| name.to_vec()).to_vec();
        config.ticketer = ring::Ticketer::new().map_err(Error::Tls)?;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        Ok(Some(Self {
            config: Arc::new(config),
            turns: Semaphore::new(limits.handshakes),
            within: limits.handshake_timeout,
            port: public_port.unwrap_or(first.port()),
        }))
    }

    /// Greets a client.
    ///
    /// # Errors
    /// When it speaks something else, takes nothing that is offered, or takes too long.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Protocol)> {
        let greeted = async {
            // Who has connected and says nothing keeps nobody else from his turn.
            let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let _turn = self.turns.acquire().await.map_err(io::Error::other)?;
            hello.into_stream(self.config.clone()).await
        };
        let greeted = tokio::time::timeout(self.within, greeted).await;
        let stream = greeted.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))??;
        let protocol = Protocol::agreed(stream.get_ref().1.alpn_protocol());
        Ok((stream, protocol))
    }
}
