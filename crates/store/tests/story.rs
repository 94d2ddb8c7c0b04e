//! One story of a service, told to a store: any store must know it as it happened.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use launcher_model::environment::{EnvironmentState, Failure, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::role::{Role, Roles};
use launcher_model::route::{DeploymentKind, DeploymentState, Receipt, Weights};
use launcher_model::{Generation, VersionNumber, Weight};
use launcher_store::{
    Answer, DeploymentFilter, EnvironmentChange, Error, EventFilter, IdempotencyClaim,
    NewDeployment, NewSession, NewToken, Owner, Page, PutOutcome, Store,
};

use support::*;

#[tokio::test]
async fn sqlite_knows_the_story() {
    let store = Temporary::open().await;
    story(&*store).await;
}

async fn story(store: &dyn Store) {
    let mut heard = store.watch();
    somebody_signs_in(store).await;
    a_service_is_described(store).await;
    two_versions_are_launched(store).await;
    the_first_goes_live(store).await;
    the_second_takes_over_and_is_rolled_back(store).await;
    a_third_fails(store).await;
    everything_is_taken_away(store).await;

    let told = all_events(store).await;
    let mut live = Vec::new();
    while let Ok(event) = heard.try_recv() {
        live.push(event);
    }
    assert_eq!(live, told);
    let newest = EventFilter { limit: 1, ..EventFilter::default() };
    assert_eq!(store.events(&newest).await.unwrap(), told[told.len() - 1..]);
}

async fn somebody_signs_in(store: &dyn Store) {
    let token =
        NewToken { name: "admin".into(), hash: [1; 32], roles: Roles::everywhere(Role::Admin) };
    store.create_token(token, "first start", at(0)).await.unwrap();
    let session = |hash, once| NewSession {
        hash: [hash; 32],
        owner: Owner::Token("admin".into()),
        once,
        expires_at: at(1000),
        address: None,
        agent: None,
    };
    store.create_session(session(2, true), at(0)).await.unwrap();
    let link = store.take_session(&[2; 32], at(1)).await.unwrap().unwrap();
    assert_eq!(link.owner, Owner::Token("admin".into()));
    store.create_session(session(3, false), at(1)).await.unwrap();
    assert!(store.session(&[3; 32], at(2)).await.unwrap().is_some());
    assert!(store.token_by_hash(&[1; 32]).await.unwrap().is_some());
}

async fn a_service_is_described(store: &dyn Store) {
    let url = secret("shop/database-url");
    store.set_secret(&url, b"sealed", "admin", at(10)).await.unwrap();
    let mut shop = spec("shop", &["shop.example.com"]);
    shop.secrets.insert("DATABASE_URL".into(), url.to_string());
    let put = store.put_service(&shop, "admin", at(11)).await.unwrap();
    assert_eq!(put, PutOutcome::Created);
    let rival = spec("rival", &["shop.example.com"]);
    let error = refusal(store.put_service(&rival, "admin", at(12)).await);
    assert!(matches!(error, Error::HostTaken { .. }));
}

async fn two_versions_are_launched(store: &dyn Store) {
    let name = service("shop");
    let shop = store.service(&name).await.unwrap().unwrap().spec;
    let newest = store.newest_secrets(&[secret("shop/database-url")]).await.unwrap();
    for number in [1, 2] {
        let key = format!("admin/launch-{number}");
        let claim = store.claim_key(&key, &[number; 32], at(20)).await.unwrap();
        assert_eq!(claim, IdempotencyClaim::Claimed);
        let mut new = new_version(&shop);
        new.secrets = BTreeMap::from([(
            "DATABASE_URL".to_owned(),
            newest[&secret("shop/database-url")].clone(),
        )]);
        let (version, _) = store.create_version(new, at(20)).await.unwrap();
        assert_eq!(version.number.0, u32::from(number));
        let answer = Answer { status: 202, body: vec![number] };
        store.answer_key(&key, &answer).await.unwrap();
        let again = store.claim_key(&key, &[number; 32], at(21)).await.unwrap();
        assert_eq!(again, IdempotencyClaim::Answered(answer));
        becomes_ready(store, version.number).await;
    }
    let states: Vec<_> = store.environments(&name, false).await.unwrap();
    assert!(states.iter().all(|environment| environment.state == EnvironmentState::Ready));
}

async fn becomes_ready(store: &dyn Store, version: VersionNumber) {
    let name = service("shop");
    let starting =
        EnvironmentChange { starting_since: Some(Some(at(22))), ..EnvironmentChange::default() };
    store.change_environment(&name, version, starting, &[], at(22)).await.unwrap();
    let ready =
        EnvironmentChange { state: Some(EnvironmentState::Ready), ..EnvironmentChange::default() };
    let event = NewEvent::new(EventKind::EnvironmentReady, "ready").service(&name).version(version);
    store.change_environment(&name, version, ready, &[event], at(23)).await.unwrap();
}

/// Leaves the deployment draining.
async fn goes_live(store: &dyn Store, kind: DeploymentKind, to: Weights, second: i64) {
    let name = service("shop");
    let from = store.route(&name).await.unwrap();
    let new = NewDeployment {
        service: name.clone(),
        kind,
        state: DeploymentState::Preparing,
        from: from.weights,
        to: to.clone(),
        by: "admin".into(),
        automatic: false,
        note: None,
        key: None,
    };
    let started = [NewEvent::new(EventKind::DeploymentStarted, "started").service(&name)];
    let id = store.begin_deployment(new.clone(), &started, at(second)).await.unwrap().id;
    let second_try = refusal(store.begin_deployment(new, &started, at(second)).await);
    assert!(matches!(second_try, Error::Busy(busy) if busy == id));
    let route = store.commit_route(id, at(second)).await.unwrap();
    assert_eq!((route.generation, route.weights), (from.generation.next(), to));
    let live = [NewEvent::new(EventKind::DeploymentLive, "live").service(&name)];
    store.deployment_live(id, &Receipt::default(), &live, at(second)).await.unwrap();
}

async fn drains(store: &dyn Store, second: i64) {
    let name = service("shop");
    for deployment in store.unfinished_deployments().await.unwrap() {
        let receipt = Receipt { drained: 5, drain_ms: Some(20), ..Receipt::default() };
        let drained = [NewEvent::new(EventKind::DeploymentDrained, "drained").service(&name)];
        store.deployment_done(deployment.id, &receipt, &drained, at(second)).await.unwrap();
    }
    assert_eq!(store.unfinished_deployments().await.unwrap(), []);
}

async fn the_first_goes_live(store: &dyn Store) {
    goes_live(store, DeploymentKind::Deploy, all_to(VersionNumber(1)), 30).await;
    drains(store, 31).await;
    assert!(store.route(&service("shop")).await.unwrap().is_live(VersionNumber(1)));
}

async fn the_second_takes_over_and_is_rolled_back(store: &dyn Store) {
    let name = service("shop");
    let share = Weight::new(10).unwrap();
    let rest = Weight::new(90).unwrap();
    let split = Weights::from([(VersionNumber(1), rest), (VersionNumber(2), share)]);
    goes_live(store, DeploymentKind::Deploy, split, 40).await;
    // The next one need not wait for the drain.
    goes_live(store, DeploymentKind::Deploy, all_to(VersionNumber(2)), 41).await;
    goes_live(store, DeploymentKind::Rollback, all_to(VersionNumber(1)), 42).await;
    drains(store, 43).await;
    let filter = DeploymentFilter {
        service: Some(name.clone()),
        among: None,
        page: Page { before: None, limit: 10 },
    };
    let history = store.deployments(&filter).await.unwrap();
    let generations: Vec<_> = history.iter().map(|one| one.generation).collect();
    assert_eq!(generations, [4, 3, 2, 1].map(|number| Some(Generation(number))));
    assert_eq!(history[0].kind, DeploymentKind::Rollback);
    assert_eq!(history[0].receipt.as_ref().unwrap().drained, 5);
    let two = store.environment(&name, VersionNumber(2)).await.unwrap().unwrap();
    assert_eq!(two.last_used, at(42));
}

async fn a_third_fails(store: &dyn Store) {
    let name = service("shop");
    let shop = store.service(&name).await.unwrap().unwrap().spec;
    let (version, _) = launch(store, &shop).await;
    let failed = EnvironmentChange {
        state: Some(EnvironmentState::Failed),
        failure: Some(Some(Failure { reason: "it exited".into(), log: vec!["oh".into()] })),
        ..EnvironmentChange::default()
    };
    store.change_environment(&name, version.number, failed, &[], at(50)).await.unwrap();
    let id = begin(store, &name, version.number).await.unwrap().id;
    assert!(matches!(refusal(store.commit_route(id, at(51)).await), Error::Conflict(_)));
    store.deployment_aborted(id, "v3 is not ready", &[], at(51)).await.unwrap();
    assert!(store.route(&name).await.unwrap().is_live(VersionNumber(1)));
}

async fn everything_is_taken_away(store: &dyn Store) {
    let name = service("shop");
    let gone = EnvironmentChange { wanted: Some(Wanted::Gone), ..EnvironmentChange::default() };
    store.change_environment(&name, VersionNumber(2), gone.clone(), &[], at(60)).await.unwrap();
    assert!(matches!(
        refusal(store.delete_service(&name, "admin", at(60)).await),
        Error::StillInUse { .. }
    ));
    for environment in store.environments(&name, false).await.unwrap() {
        let destroyed =
            EnvironmentChange { state: Some(EnvironmentState::Destroyed), ..gone.clone() };
        store.change_environment(&name, environment.version, destroyed, &[], at(61)).await.unwrap();
    }
    assert!(store.delete_service(&name, "admin", at(62)).await.unwrap());
    assert_eq!(store.versions(&name, None, 10).await.unwrap().len(), 3);
    let second = store.version(&name, VersionNumber(2)).await.unwrap().unwrap();
    let sealed = store.sealed_secret(&second.secrets["DATABASE_URL"]).await.unwrap();
    assert_eq!(sealed.as_deref(), Some(&b"sealed"[..]));

    store.put_service(&spec("rival", &["shop.example.com"]), "admin", at(63)).await.unwrap();
    assert!(store.revoke_token("admin", "admin", at(64)).await.unwrap());
    assert_eq!(store.session(&[3; 32], at(65)).await.unwrap(), None);
}
