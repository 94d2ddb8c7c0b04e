//! TLS 1.3 with certificates that are pinned: the peer must show that it has the key of the
//! certificate, and the certificate must be the one that is known.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, PeerMisbehaved,
    ServerConfig, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::identity::NAME;
use super::{Fingerprint, Identity};

/// An encrypted connection between two that know each other.
pub type TlsStream = tokio_rustls::TlsStream<TcpStream>;

/// Takes connections of edges.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// One that shows this identity.
    ///
    /// # Errors
    /// When the identity is of no use.
    pub fn new(identity: &Identity) -> Result<Self, rustls::Error> {
        let provider = provider();
        let verifier = Arc::new(ByCertificate::of(None, &provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain(), identity.key())?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Greets a peer. Returns what it is recognized by; whether it may speak is the caller's to say.
    ///
    /// # Errors
    /// When the peer speaks something else, or cannot show the key of its certificate.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream, Fingerprint)> {
        stream.set_nodelay(true)?;
        let stream = self.0.accept(stream).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.ok_or_else(|| io::Error::other("it has no certificate"))?;
        let fingerprint = Fingerprint::of(certificate);
        Ok((stream.into(), fingerprint))
    }
}

/// Connects to the server with this fingerprint, as `identity`.
pub(super) async fn connect(
    address: &str,
    server: Fingerprint,
    identity: &Identity,
) -> io::Result<TlsStream> {
    let provider = provider();
    let verifier = ByCertificate::of(Some(server), &provider);
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(identity.chain(), identity.key())
        .map_err(io::Error::other)?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?.into())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Takes a peer that has the key of its certificate, when the certificate is the right one.
#[derive(Debug)]
struct ByCertificate {
    /// That of the right one. When there is none all are: who a peer is, is looked up afterwards.
    only: Option<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ByCertificate {
    fn of(only: Option<Fingerprint>, provider: &CryptoProvider) -> Self {
        Self { only, algorithms: provider.signature_verification_algorithms }
    }

    fn certificate(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        if self.only.is_none_or(|only| only == Fingerprint::of(certificate)) {
            return Ok(());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }
}

/// TLS 1.2 is not spoken, so its signatures are never asked about.
fn no_tls12() -> Result<HandshakeSignatureValid, rustls::Error> {
    Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
}

impl ServerCertVerifier for ByCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.certificate(certificate).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for ByCertificate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.certificate(certificate).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn both_sides_know_each_other_and_a_stranger_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let identity = |name: &str| Identity::open(&dir.path().join(name)).unwrap();
        let (server, edge) = (identity("server"), identity("edge"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor = Acceptor::new(&server).unwrap();
        let taking = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (mut stream, who) = acceptor.accept(stream).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
            let (other, _) = listener.accept().await.unwrap();
            (who, acceptor.accept(other).await.is_err())
        });
        let mut stream = connect(&address, server.fingerprint(), &edge).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        assert!(connect(&address, edge.fingerprint(), &edge).await.is_err());
        assert_eq!(taking.await.unwrap(), (edge.fingerprint(), true));
    }
}
