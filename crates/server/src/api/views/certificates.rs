//! Certificates: those that an authority has issued, and those that edges read from files.

use jiff::Timestamp;
use launcher_edge::protocol::CertificateFile;
use launcher_model::certificate::{is_overdue, renewal};
use launcher_model::{EdgeName, ServiceName};
use launcher_store::CertificateRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What there is of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateView {
    /// Whose it is, when it is ordered from an authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Where it is, when an edge reads it from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<CertificateFileView>,
    /// How it is with it.
    pub state: CertificateState,
    /// The names that it is wanted for; of one in files those that are in it.
    pub names: Vec<String>,
    /// Who has issued the one that there is.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Until when the one that there is counts.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_after: Option<Timestamp>,
    /// When that one was issued.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub issued_at: Option<Timestamp>,
    /// When it is renewed; one in files is renewed by others.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub renews_at: Option<Timestamp>,
    /// Why the last order failed, if it did.
    pub failure: Option<CertificateFailureView>,
    /// Since when another one is asked for by somebody, as long as there has been no outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub asked_at: Option<Timestamp>,
    /// Why what the files hold now is of no use, when it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Where a certificate in files is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateFileView {
    /// The edge that shows it.
    pub edge: EdgeName,
    /// The file, on that edge's machine.
    pub path: String,
}

/// How it is with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// It counts.
    Valid,
    /// It counts, and the order of the next one has failed, or what the files hold now is of no use.
    Failing,
    /// It counts, is near its end, and whoever renews it should have done so.
    Overdue,
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
            issuer: issued.and_then(|issued| launcher_edge::issuer_of(&issued.chain)),
            service: Some(record.service),
            file: None,
            names: record.names,
            failure,
            asked_at: record.asked_at,
            refused: None,
        }
    }

    /// One that an edge reads from files.
    pub(crate) fn in_file(edge: &EdgeName, of: CertificateFile, now: Timestamp) -> Self {
        let at = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let counts = of.shown.as_ref().map(|shown| (at(shown.not_before), at(shown.not_after)));
        let state = match counts {
            None => CertificateState::Missing,
            Some((_, until)) if until <= now => CertificateState::Expired,
            Some(_) if of.refused.is_some() => CertificateState::Failing,
            Some((from, until)) if is_overdue(from, until, now) => CertificateState::Overdue,
            Some(_) => CertificateState::Valid,
        };
        let (names, issuer) = of.shown.map(|shown| (shown.names, shown.issuer)).unzip();
        Self {
            service: None,
            file: Some(CertificateFileView { edge: edge.clone(), path: of.file }),
            state,
            names: names.unwrap_or_default(),
            issuer,
            not_after: counts.map(|(_, until)| until),
            issued_at: None,
            renews_at: None,
            failure: None,
            asked_at: None,
            refused: of.refused,
        }
    }

    /// What it is called in lists: its service, or the edge that reads it.
    #[must_use]
    pub fn whose(&self) -> &str {
        let edge = || self.file.as_ref().map(|file| file.edge.as_str());
        self.service.as_ref().map(ServiceName::as_str).or_else(edge).unwrap_or_default()
    }

    /// Why it is not as it should be, in a sentence.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        let failure = || self.failure.as_ref().map(|failure| failure.why.as_str());
        self.refused.as_deref().or_else(failure)
    }
}

#[cfg(test)]
mod tests {
    use launcher_edge::protocol::InFile;

    use super::*;

    #[test]
    fn one_in_files_is_what_is_shown_and_what_the_files_hold() {
        let day = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let edge = EdgeName::new("north").unwrap();
        let state = |now, shown: bool, refused: bool| {
            let shown = shown.then(|| InFile {
                names: vec!["shop.test".to_owned()],
                issuer: "One".to_owned(),
                not_before: 0,
                not_after: 90 * 86_400,
            });
            let refused = refused.then(|| "it is empty".to_owned());
            let file = CertificateFile { file: "/a.pem".to_owned(), shown, refused };
            let view = CertificateView::in_file(&edge, file, day(now));
            assert_eq!(view.whose(), "north");
            (view.state, view.why().is_some())
        };
        assert_eq!(state(1, true, false), (CertificateState::Valid, false));
        assert_eq!(state(80, true, false), (CertificateState::Overdue, false));
        assert_eq!(state(1, true, true), (CertificateState::Failing, true));
        assert_eq!(state(90, true, true), (CertificateState::Expired, true));
        assert_eq!(state(1, false, true), (CertificateState::Missing, true));
    }
}
