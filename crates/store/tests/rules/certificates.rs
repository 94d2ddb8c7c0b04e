use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};
use launcher_store::{CertificateFailure, CertificateRecord, EventFilter, IssuedCertificate};

use crate::support::*;

fn record() -> CertificateRecord {
    let names = vec!["shop.example.com".to_owned(), "www.example.com".to_owned()];
    let issued = IssuedCertificate {
        names: names.clone(),
        chain: "-----BEGIN CERTIFICATE-----".to_owned(),
        sealed_key: vec![1, 2, 3],
        not_before: at(10),
        not_after: at(100),
        at: at(11),
    };
    let service = ServiceName::new("shop").unwrap();
    CertificateRecord { service, names, issued: Some(issued), failure: None, asked_at: None }
}

#[tokio::test]
async fn a_certificate_outlives_a_restart_until_another_takes_its_place_or_it_is_forgotten() {
    let store = Temporary::open().await;
    assert!(!store.holds_secrets().await.unwrap());
    let mut kept = record();
    let event = NewEvent::new(EventKind::CertificateIssued, "it was issued").service(&kept.service);
    store.keep_certificate(&kept, &[event], at(11)).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(store.certificates().await.unwrap(), [kept.clone()]);
    assert!(store.holds_secrets().await.unwrap(), "another key would open nothing of it");
    let why = "the authority was away".to_owned();
    kept.failure = Some(CertificateFailure { why, at: at(70), again_at: at(80), times: 3 });
    store.keep_certificate(&kept, &[], at(70)).await.unwrap();
    assert_eq!(store.certificates().await.unwrap(), [kept.clone()]);
    kept.issued = None;
    store.keep_certificate(&kept, &[], at(71)).await.unwrap();
    assert_eq!(store.certificates().await.unwrap(), [kept.clone()]);
    store.forget_certificate(&kept.service).await.unwrap();
    store.forget_certificate(&kept.service).await.unwrap();
    assert!(store.certificates().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_asked_for_is_remembered_until_an_order_has_an_outcome() {
    let store = Temporary::open().await;
    let asked = || NewEvent::new(EventKind::CertificateAsked, "somebody asks").by("mika");
    let kept = record();
    assert!(!store.ask_for_certificate(&kept.service, asked(), at(20)).await.unwrap());
    assert!(
        store.events(&EventFilter { limit: 9, ..Default::default() }).await.unwrap().is_empty()
    );
    store.keep_certificate(&kept, &[], at(11)).await.unwrap();
    assert!(store.ask_for_certificate(&kept.service, asked(), at(20)).await.unwrap());
    let store = store.reopen().await;
    let remembered = CertificateRecord { asked_at: Some(at(20)), ..kept.clone() };
    assert_eq!(store.certificates().await.unwrap(), [remembered]);
    assert_eq!(
        store.events(&EventFilter { limit: 9, ..Default::default() }).await.unwrap().len(),
        1
    );
    store.keep_certificate(&kept, &[], at(21)).await.unwrap();
    assert_eq!(store.certificates().await.unwrap(), [kept]);
}

#[tokio::test]
async fn each_authority_has_an_account_of_its_own() {
    let store = Temporary::open().await;
    store.keep_acme_account("https://one/", &[1], at(0)).await.unwrap();
    store.keep_acme_account("https://other/", &[2], at(0)).await.unwrap();
    store.keep_acme_account("https://one/", &[3], at(1)).await.unwrap();
    assert_eq!(store.acme_account("https://one/").await.unwrap(), Some(vec![3]));
    assert_eq!(store.acme_account("https://other/").await.unwrap(), Some(vec![2]));
    assert_eq!(store.acme_account("https://third/").await.unwrap(), None);
    assert!(store.holds_secrets().await.unwrap());
}
