//! A certificate with its key.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Files;

/// A certificate with those that lead to its authority, and its key.
#[derive(Debug, Clone)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    issuer: String,
    not_before: i64,
    not_after: i64,
}

/// Why a certificate or its key is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// A file could not be read.
    #[error("cannot read {path}: {cause}; let the edge read it", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is no certificate where one should be.
    #[error("there is no certificate in PEM where the certificate should be: {0}")]
    NoCertificate(pem::Error),
    /// There is no key where one should be.
    #[error("there is no private key in PEM where the key should be: {0}")]
    NoKey(pem::Error),
    /// The first certificate is none.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// Key and certificate are no pair, or of a kind that is not supported.
    #[error("certificate and key cannot be used together: {0}")]
    NoPair(rustls::Error),
    /// No client would take it for any name.
    #[error("the certificate names no host; have it issued with subject alternative names")]
    NoNames,
}

impl Certificate {
    /// Takes a chain, the certificate itself first, and its key.
    ///
    /// # Errors
    /// When they are no pair, or of no use to anybody.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Unusable> {
        let first = chain.first().ok_or(Unusable::NoCertificate(pem::Error::NoItemsFound))?;
        let unreadable = |error: &dyn std::fmt::Display| Unusable::Unreadable(error.to_string());
        let (_, read) = X509Certificate::from_der(first).map_err(|error| unreadable(&error))?;
        let names = names(&read).map_err(|error| unreadable(&error))?;
        if names.is_empty() {
            return Err(Unusable::NoNames);
        }
        let issuer = issuer(&read);
        let validity = read.validity();
        let (not_before, not_after) =
            (validity.not_before.timestamp(), validity.not_after.timestamp());
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(Unusable::NoPair)?;
        Ok(Self { key: Arc::new(key), names, issuer, not_before, not_after })
    }

    /// Takes texts in PEM.
    ///
    /// # Errors
    /// When they hold no pair.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Unusable> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(Unusable::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(Unusable::NoKey)?;
        Self::new(chain, key)
    }

    pub(super) fn read(files: &Files) -> Result<Self, Unusable> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|cause| Unusable::File { path: path.clone(), cause })
        };
        Self::from_pem(&read(&files.certificate)?, &read(&files.key)?)
    }

    /// Says what is shown from now on, and whether it is too late for that.
    pub(super) fn tell(&self, files: &Files) {
        let (path, names) = (files.certificate.display(), self.names.join(" "));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if i64::try_from(now).is_ok_and(|now| now > self.not_after) {
            tracing::error!(certificate = %path, %names, "a certificate is shown that has run out; put another one in its place");
        } else {
            tracing::info!(certificate = %path, %names, "a certificate is shown");
        }
    }

    /// The names that it is for, in lower case.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Who has issued it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// From when it counts, in seconds since 1970.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Until when it counts, in seconds since 1970.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }
}

/// Certificates are the same when they are so to whom they are shown.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }
}

fn names(read: &X509Certificate<'_>) -> Result<Vec<String>, x509_parser::error::X509Error> {
    let Some(alternatives) = read.subject_alternative_name()? else { return Ok(Vec::new()) };
    let names = alternatives.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        // Who connects to an address says no name (RFC 6066 §3); it is told all the same.
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    });
    Ok(names.collect())
}

/// Who has issued the first certificate of a chain in PEM; none when there is none that can be read.
#[must_use]
pub fn issuer_of(chain: &str) -> Option<String> {
    let first = CertificateDer::pem_slice_iter(chain.as_bytes()).next()?.ok()?;
    let (_, read) = X509Certificate::from_der(&first).ok()?;
    Some(issuer(&read))
}

/// The organization and its own name for what it issues with; else all that it is called.
fn issuer(read: &X509Certificate<'_>) -> String {
    let name = read.issuer();
    let called = name.iter_organization().chain(name.iter_common_name());
    let called: Vec<&str> = called.filter_map(|part| part.as_str().ok()).collect();
    if called.is_empty() { name.to_string() } else { called.join(" ") }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4().or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}
