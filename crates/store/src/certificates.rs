//! Certificates that an authority has issued, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::event::NewEvent;

use crate::Result;

/// What is kept of a service's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRecord {
    /// Whose it is.
    pub service: ServiceName,
    /// The names that the last order was for.
    pub names: Vec<String>,
    /// The certificate, if there is one. It may be for other names.
    pub issued: Option<IssuedCertificate>,
    /// Why the last order failed, if it did.
    pub failure: Option<CertificateFailure>,
    /// When somebody has asked for another one, if no order has had an outcome since.
    pub asked_at: Option<Timestamp>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// The names in it.
    pub names: Vec<String>,
    /// It, and those that lead to its authority, in PEM.
    pub chain: String,
    /// Its key in PEM, sealed.
    pub sealed_key: Vec<u8>,
    /// From when it counts.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// When it came.
    pub at: Timestamp,
}

/// An order that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFailure {
    /// The reason, in a sentence.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// When it is tried again.
    pub again_at: Timestamp,
    /// How many have failed in a row.
    pub times: u32,
}

/// Keeps certificates, by the rules of [`Store`](crate::Store).
#[async_trait]
pub trait CertificateStore: Send + Sync + 'static {
    /// The account at the authority with this directory, sealed.
    async fn acme_account(&self, directory: &str) -> Result<Option<Vec<u8>>>;
    /// Keeps it, in the place of the one before.
    async fn keep_acme_account(&self, directory: &str, sealed: &[u8], at: Timestamp) -> Result<()>;
    /// All certificates, by service.
    async fn certificates(&self) -> Result<Vec<CertificateRecord>>;
    /// Keeps what there is of a service's certificate, in the place of what there was.
    async fn keep_certificate(
        &self,
        record: &CertificateRecord,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<()>;
    /// Notes that somebody asks for another certificate. False when none is ordered for this service.
    async fn ask_for_certificate(
        &self,
        service: &ServiceName,
        event: NewEvent,
        at: Timestamp,
    ) -> Result<bool>;
    /// Forgets a service's certificate.
    async fn forget_certificate(&self, service: &ServiceName) -> Result<()>;
}
