//! Certificates that an authority has issued.

use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::certificate::renewal;
use launcher_store::CertificateRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What there is of a service's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateView {
    /// Whose it is.
    pub service: ServiceName,
    /// How it is with it.
    pub state: CertificateState,
    /// The names that it is wanted for.
    pub names: Vec<String>,
    /// Until when the one that there is counts.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_after: Option<Timestamp>,
    /// When that one was issued.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub issued_at: Option<Timestamp>,
    /// When it is renewed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub renews_at: Option<Timestamp>,
    /// Why the last order failed, if it did.
    pub failure: Option<CertificateFailureView>,
}

/// How it is with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// It counts.
    Valid,
    /// It counts, and the order of the next one has failed.
    Failing,
    /// It has run out.
    Expired,
    /// There is none.
    Missing,
}

/// An order that has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateFailureView {
    /// The reason, in a sentence.
    pub why: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it is tried again.
    #[schema(value_type = String, format = DateTime)]
    pub again_at: Timestamp,
    /// How many have failed in a row.
    pub times: u32,
}

impl CertificateView {
    pub(crate) fn of(record: CertificateRecord, now: Timestamp) -> Self {
        let issued = record.issued.as_ref();
        let state = match issued {
            None => CertificateState::Missing,
            Some(issued) if issued.not_after <= now => CertificateState::Expired,
            Some(_) if record.failure.is_some() => CertificateState::Failing,
            Some(_) => CertificateState::Valid,
        };
        let failure = record.failure.map(|failure| CertificateFailureView {
            why: failure.why,
            at: failure.at,
            again_at: failure.again_at,
            times: failure.times,
        });
        Self {
            state,
            not_after: issued.map(|issued| issued.not_after),
            issued_at: issued.map(|issued| issued.at),
            renews_at: issued.map(|issued| renewal(issued.not_before, issued.not_after)),
            service: record.service,
            names: record.names,
            failure,
        }
    }
}
