//! What is to be ordered, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launcher_model::ServiceName;
use launcher_model::certificate::{names, renewal};
use launcher_store::{CertificateRecord, Service};

/// The first pause after a failure, and the longest: an authority counts failures, and takes no more for a
/// while when there are many.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// What services are to have certificates for, and the names.
pub(crate) fn wanted(services: &[Service]) -> BTreeMap<ServiceName, Vec<String>> {
    let named = services.iter().map(|service| {
        let basics = &service.spec.service;
        (basics.name.clone(), names(&basics.hosts))
    });
    named.filter(|(_, names)| !names.is_empty()).collect()
}

/// When a certificate is due to be ordered.
pub(crate) fn due(names: &[String], record: Option<&CertificateRecord>) -> Timestamp {
    let Some(record) = record else { return Timestamp::MIN };
    if record.names != names || record.asked_at.is_some() {
        return Timestamp::MIN;
    }
    let issued = record.issued.as_ref();
    let renewal =
        issued.map_or(Timestamp::MIN, |issued| renewal(issued.not_before, issued.not_after));
    let again = record.failure.as_ref().map_or(Timestamp::MIN, |failure| failure.again_at);
    renewal.max(again)
}

/// When it is tried again after so many failures in a row.
pub(crate) fn again(failures: u32, now: Timestamp) -> Timestamp {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(20)));
    // A quarter more or less, so that not everything is tried at once.
    let pause = doubled.min(LONGEST).mul_f64(rand::random_range(0.75..1.25));
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use launcher_store::{CertificateFailure, IssuedCertificate};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record(names: &[&str]) -> CertificateRecord {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let issued = IssuedCertificate {
            names: names.clone(),
            chain: String::new(),
            sealed_key: Vec::new(),
            not_before: at(0),
            not_after: at(90),
            at: at(1),
        };
        let service = ServiceName::new("shop").unwrap();
        CertificateRecord { service, names, issued: Some(issued), failure: None, asked_at: None }
    }

    #[test]
    fn it_is_due_at_two_thirds_of_its_time_or_when_the_names_change() {
        let mut shop = record(&["a.example.com"]);
        let names = shop.names.clone();
        assert_eq!(due(&names, None), Timestamp::MIN);
        assert_eq!(due(&names, Some(&shop)), at(60));
        assert_eq!(due(&["b.example.com".to_owned()], Some(&shop)), Timestamp::MIN);
        let why = "it was away".to_owned();
        shop.failure = Some(CertificateFailure { why, at: at(61), again_at: at(70), times: 1 });
        assert_eq!(due(&names, Some(&shop)), at(70));
        shop.asked_at = Some(at(65));
        assert_eq!(due(&names, Some(&shop)), Timestamp::MIN, "somebody asks");
        shop.asked_at = None;
        shop.issued = None;
        assert_eq!(due(&names, Some(&shop)), at(70), "it was tried");
    }

    #[test]
    fn pauses_grow_to_an_end_and_differ() {
        for (failures, seconds) in [(1, 60.0), (2, 120.0), (5, 960.0), (30, 43_200.0)] {
            let pause = (again(failures, at(0)) - at(0)).as_secs_f64();
            assert!((seconds * 0.74..seconds * 1.26).contains(&pause), "{failures}: {pause}");
        }
    }
}
