//! Who did what.

use std::net::IpAddr;

use launcher_model::VersionNumber;
use launcher_store::{AuditFilter, NewAudit, Outcome, Way};

use crate::support::*;

fn call(who: Option<&str>, about: Option<&str>, second: i64) -> NewAudit {
    NewAudit {
        at: at(second),
        who: who.map(str::to_owned),
        way: Way::Session,
        session: Some(3),
        address: Some(IpAddr::from([192, 0, 2, 7])),
        method: "POST".to_owned(),
        path: "/services/shop/deploy".to_owned(),
        service: about.map(service),
        version: Some(VersionNumber(7)),
        status: 303,
        outcome: Outcome::Done,
    }
}

#[tokio::test]
async fn calls_are_kept_as_they_were_and_forgotten_when_they_are_old() {
    let store = Temporary::open().await;
    let calls =
        [call(Some("mika"), Some("shop"), 1), call(Some("anna"), None, 2), call(None, None, 3)];
    for call in &calls {
        store.audit(call.clone()).await.unwrap();
    }
    let all = AuditFilter { limit: 10, ..AuditFilter::default() };
    let kept = store.audited(&all).await.unwrap();
    let newest_first: Vec<_> = calls.iter().rev().cloned().collect();
    assert_eq!(kept.iter().map(|entry| entry.call.clone()).collect::<Vec<_>>(), newest_first);

    let seconds = async |filter| {
        let found = store.audited(&filter).await.unwrap();
        found.iter().map(|entry| entry.call.at).collect::<Vec<_>>()
    };
    let mika = AuditFilter { who: Some("mika".into()), ..all.clone() };
    assert_eq!(seconds(mika).await, [at(1)]);
    assert_eq!(
        seconds(AuditFilter { service: Some(service("shop")), ..all.clone() }).await,
        [at(1)]
    );
    assert_eq!(seconds(AuditFilter { since: Some(at(2)), ..all.clone() }).await, [at(3), at(2)]);
    assert_eq!(seconds(AuditFilter { until: Some(at(2)), ..all.clone() }).await, [at(1)]);
    let older = AuditFilter { before: Some(kept[0].id), limit: 1, ..all.clone() };
    assert_eq!(seconds(older).await, [at(2)]);

    assert_eq!(store.forget_audit(at(2)).await.unwrap(), 1);
    assert_eq!(seconds(all).await, [at(3), at(2)]);
}
