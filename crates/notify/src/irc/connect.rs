//! Comes to a server, again and again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::protocol::{Lost, Protocol, Say};
use super::{IrcServer, IrcTls, session};
use crate::{Error, Result};

/// How long connecting may take, TLS included.
const CONNECT: Duration = Duration::from_secs(20);
/// The pause after the first failure, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(120)];

/// A connection.
enum Reached {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// The connection to one server, however often it is made.
pub(crate) struct Connection {
    server: IrcServer,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    says: mpsc::Receiver<Say>,
    desk: Arc<Desk>,
}

impl Connection {
    pub(super) fn new(
        server: IrcServer,
        says: mpsc::Receiver<Say>,
        desk: Arc<Desk>,
    ) -> Result<Self> {
        let wrong = |why: String| {
            Error::Target(format!("the IRC server {} cannot be used: {why}", server.name))
        };
        let tls = match &server.tls {
            None => None,
            Some(tls) => {
                let name = ServerName::try_from(server.host.clone())
                    .map_err(|error| wrong(format!("{:?} is no host: {error}", server.host)))?;
                Some((connector(tls).map_err(wrong)?, name))
            }
        };
        Ok(Self { server, tls, says, desk })
    }

    /// Speaks with the server until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut pauses = pauses();
        while !stop.is_cancelled() {
            let mut protocol = Protocol::new(&self.server, Instant::now());
            let lost = self.once(&mut protocol, &stop).await;
            protocol.end(&lost);
            self.desk.disconnected(&lost.0, protocol.strange());
            if stop.is_cancelled() {
                return;
            }
            let name = &self.server.name;
            tracing::warn!(server = %name, why = %lost.0, "an IRC server is away; it is tried again");
            if protocol.is_registered() {
                pauses = self::pauses();
            }
            let pause = pauses.next().unwrap_or(PAUSES[1]);
            self.pause(pause, &lost, &stop).await;
        }
    }

    async fn once(&mut self, protocol: &mut Protocol, stop: &CancellationToken) -> Lost {
        let reached = match stop.run_until_cancelled(self.reach()).await {
            None => return Lost::new("this server stops"),
            Some(reached) => reached,
        };
        let (says, desk) = (&mut self.says, &self.desk);
        match reached {
            Ok(Reached::Plain(stream)) => session::serve(stream, protocol, says, desk, stop).await,
            Ok(Reached::Secure(stream)) => session::serve(stream, protocol, says, desk, stop).await,
            Err(lost) => lost,
        }
    }

    async fn reach(&self) -> std::result::Result<Reached, Lost> {
        let (host, port) = (self.server.host.as_str(), self.server.port);
        let late = |_| Lost::new(format!("{host}:{port} does not answer"));
        let connected = timeout(CONNECT, TcpStream::connect((host, port))).await.map_err(late)?;
        let away = |error| Lost::new(format!("{host}:{port} cannot be reached: {error}"));
        let stream = connected.map_err(away)?;
        stream.set_nodelay(true).map_err(away)?;
        let Some((connector, name)) = &self.tls else { return Ok(Reached::Plain(stream)) };
        let secured = timeout(CONNECT, connector.connect(name.clone(), stream)).await;
        let secured = secured.map_err(late)?;
        let stream =
            secured.map_err(|error| Lost::new(format!("no TLS with {host}:{port}: {error}")))?;
        Ok(Reached::Secure(Box::new(stream)))
    }

    /// Waits; whoever wants to say something meanwhile is told that it is in vain.
    async fn pause(&mut self, pause: Duration, lost: &Lost, stop: &CancellationToken) {
        let over = sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                () = stop.cancelled() => return,
                Some(say) = self.says.recv() => drop(say.done.send(Err(lost.0.clone()))),
            }
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(PAUSES[0])
        .with_max_delay(PAUSES[1])
        .with_jitter()
        .without_max_times()
        .build()
}

fn connector(tls: &IrcTls) -> std::result::Result<TlsConnector, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let config = match &tls.authority {
        None => ClientConfig::builder().with_platform_verifier().map_err(|error| words(&error))?,
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| format!("its ca_file: {error}"))?;
                roots.add(certificate).map_err(|error| format!("its ca_file: {error}"))?;
            }
            if roots.is_empty() {
                return Err("its ca_file has no certificate in PEM".to_owned());
            }
            ClientConfig::builder().with_root_certificates(roots)
        }
    };
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}
