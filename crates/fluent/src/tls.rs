//! Encryption, section *Network Transport Protocol*: TLS 1.2 or 1.3.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{Error, Result};

/// Takes encrypted connections.
#[derive(Clone)]
pub struct Acceptor(pub(crate) TlsAcceptor);

impl Acceptor {
    /// One that shows this certificate, with the chain above it, and has the key of it. Both are PEM.
    ///
    /// # Errors
    /// [`Error::Tls`] when they are of no use.
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Self> {
        let chain = read_certificates("the certificate", certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| Error::Tls { what: "the private key", why: error.to_string() })?;
        let failed = |error: rustls::Error| Error::Tls {
            what: "the certificate and its key",
            why: error.to_string(),
        };
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(failed)?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

/// Makes encrypted connections.
#[derive(Clone)]
pub struct Connector {
    connector: TlsConnector,
    name: Option<ServerName<'static>>,
}

impl Connector {
    /// One that trusts what this machine trusts.
    ///
    /// # Errors
    /// [`Error::Tls`] when that is nobody.
    pub fn system() -> Result<Self> {
        let what = "the certificates that this machine trusts";
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
            return Err(Error::Tls { what, why });
        }
        Self::trusting(what, roots)
    }

    /// One that trusts these certificates alone, which are PEM.
    ///
    /// # Errors
    /// [`Error::Tls`] when they are of no use.
    pub fn authorities(certificates: &[u8]) -> Result<Self> {
        let what = "the certificates of authorities";
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(what, certificates)? {
            let added = roots.add(certificate);
            added.map_err(|error| Error::Tls { what, why: error.to_string() })?;
        }
        Self::trusting(what, roots)
    }

    /// Expects this name in the server's certificate, instead of that of its address.
    ///
    /// # Errors
    /// [`Error::Tls`] when it is no name.
    pub fn expecting(mut self, name: &str) -> Result<Self> {
        self.name = Some(server_name(name)?);
        Ok(self)
    }

    fn trusting(what: &'static str, roots: RootCertStore) -> Result<Self> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls { what, why: error.to_string() })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name: None })
    }

    pub(crate) fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// The name that is expected of a server at this host.
    pub(crate) fn name(&self, host: &str) -> Result<ServerName<'static>> {
        self.name.clone().map_or_else(|| server_name(host), Ok)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).finish_non_exhaustive()
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>> {
    let failed = |why: rustls::pki_types::InvalidDnsNameError| Error::Tls {
        what: "the name of the server",
        why: why.to_string(),
    };
    ServerName::try_from(name.to_owned()).map_err(failed)
}

fn read_certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let failed = |why: String| Error::Tls { what, why };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() {
        return Err(failed("there is no certificate in PEM".to_owned()));
    }
    Ok(certificates)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
