//! Edges, and what they show.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use launcher_edge::{CertificateFiles, Config, ControlPlane, Daemon, Https, Limits};
use launcher_model::EdgeName;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// An edge. It ends when it is dropped.
pub(crate) struct Edge {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) dir: PathBuf,
    _stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Edge {
    pub(crate) fn start(
        name: &str,
        dir: PathBuf,
        socket: PathBuf,
        http: SocketAddr,
        certificates: Vec<CertificateFiles>,
    ) -> Self {
        let addresses = vec![SocketAddr::new(http.ip(), 0)];
        let config = Config {
            name: EdgeName::new(name).unwrap(),
            http: vec![http],
            https: Https { addresses, certificates, ..Https::default() },
            threads: 1,
            data_dir: dir.clone(),
            control: ControlPlane::Local(socket),
            limits: Limits::default(),
            access: None,
            stop_within: Duration::ZERO,
        };
        let daemon = Daemon::start(config).unwrap();
        let https = daemon.https()[0];
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(daemon.run(stopped));
        Self { http, https, dir, _stop: stop, running }
    }

    /// Ends, and is gone when this returns.
    pub(crate) async fn end(self) -> PathBuf {
        let Self { dir, _stop: stop, running, .. } = self;
        drop(stop);
        running.await.unwrap();
        dir
    }

    /// What it answers by HTTP.
    pub(crate) async fn asked(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.http);
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// How it answers what is no service's.
    pub(crate) async fn answers(&self) -> u16 {
        self.asked("/").await.0
    }

    /// The certificate that it shows for this name, which counts.
    pub(crate) async fn shown(
        &self,
        name: &str,
        roots: &Arc<RootCertStore>,
    ) -> CertificateDer<'static> {
        shown_by(self.https, name, roots).await
    }
}

/// Waits until a certificate for this name is shown that counts. It is given to edges as soon as it is kept.
pub(crate) async fn shown_by(
    edge: SocketAddr,
    name: &str,
    roots: &Arc<RootCertStore>,
) -> CertificateDer<'static> {
    let shown = || async { handshake(edge, name, roots).await.ok() };
    launcher_testkit::wait::until("a certificate", Duration::from_secs(60), shown).await
}

/// One handshake.
pub(crate) async fn handshake(
    edge: SocketAddr,
    name: &str,
    roots: &Arc<RootCertStore>,
) -> std::io::Result<CertificateDer<'static>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    let stream = TcpStream::connect(edge).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0].clone())
}
