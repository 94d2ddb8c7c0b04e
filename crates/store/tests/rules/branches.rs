//! Branches and their environments.

use launcher_model::VersionNumber;
use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::service::ServiceSpec;
use launcher_store::{EnvironmentChange, NewVersion, Store};

use crate::support::{Temporary, all_events, at, become_, make_live, new_version, put, service};

async fn push(store: &dyn Store, spec: &ServiceSpec, branch: &str, second: i64) -> VersionNumber {
    let new = NewVersion {
        branch: Some(branch.to_owned()),
        follows_branch: true,
        taken_labels: vec!["www".to_owned()],
        ..new_version(spec)
    };
    let (version, environment) = store.create_version(new, at(second)).await.unwrap();
    assert_eq!(environment.branch.as_deref(), Some(branch));
    version.number
}

#[tokio::test]
async fn names_stay_and_lead_to_newer_versions_only() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let first = push(&*store, &shop, "feature/x", 1).await;
    push(&*store, &shop, "feature-x", 2).await;
    push(&*store, &shop, "www", 3).await;
    let second = push(&*store, &shop, "feature/x", 4).await;
    let event = || NewEvent::new(EventKind::BranchMoved, "feature/x moved").service(&name);
    let lead_to = |to| {
        let (store, name) = (&store, &name);
        async move { store.move_branch(name, "feature/x", to, &[event()], at(5)).await.unwrap() }
    };
    assert!(lead_to(second).await);
    assert!(!lead_to(first).await && !lead_to(second).await);
    let moves = all_events(&*store).await;
    let moves = moves.iter().filter(|event| event.kind == EventKind::BranchMoved);
    assert_eq!(moves.count(), 1);
    store.branch_looked_at(&name, "feature/x", at(9)).await.unwrap();
    store.branch_looked_at(&name, "feature/x", at(7)).await.unwrap();

    let store = store.reopen().await;
    let all = store.branches(&name).await.unwrap();
    assert_eq!(store.all_branches().await.unwrap(), all);
    let labels: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.label.as_str())).collect();
    let expected =
        [("feature-x", "feature-x-c791eb"), ("feature/x", "feature-x"), ("www", "www-7c2ecd")];
    assert_eq!(labels, expected);
    assert_eq!((all[1].current, all[1].pushed_at), (Some(second), at(4)));
    assert_eq!((all[0].current, all[0].looked_at, all[1].looked_at), (None, None, Some(at(9))));
}

#[tokio::test]
async fn what_has_been_live_is_its_branch_s_no_more() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let version = push(&*store, &shop, "login", 1).await;
    become_(&*store, &name, version, EnvironmentState::Ready).await.unwrap();
    make_live(&*store, &name, version).await;
    let environment = store.environment(&name, version).await.unwrap().unwrap();
    assert_eq!(environment.branch, None);
    // The name still leads to it.
    assert_eq!(store.branches(&name).await.unwrap()[0].current, Some(version));
}

#[tokio::test]
async fn a_branch_is_forgotten_with_the_environments_that_are_named() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let (first, second) =
        (push(&*store, &shop, "login", 1).await, push(&*store, &shop, "login", 2).await);
    let other = push(&*store, &shop, "other", 3).await;
    let asleep = EnvironmentChange {
        wanted: Some(Wanted::Stopped),
        asleep: Some(true),
        ..EnvironmentChange::default()
    };
    store.change_environment(&name, second, asleep, &[], at(4)).await.unwrap();
    let event = || NewEvent::new(EventKind::BranchGone, "login is gone").service(&name);
    let forget =
        || async { store.forget_branch(&name, "login", &[first], &[event()], at(5)).await };
    assert!(forget().await.unwrap());
    assert!(!forget().await.unwrap());
    let environment = |version| {
        let (store, name) = (&store, &name);
        async move { store.environment(name, version).await.unwrap().unwrap() }
    };
    let gone = environment(first).await;
    assert_eq!((gone.wanted, gone.branch), (Wanted::Gone, None));
    let kept = environment(second).await;
    assert_eq!((kept.wanted, kept.branch, kept.asleep), (Wanted::Stopped, None, false));
    assert_eq!(environment(other).await.branch.as_deref(), Some("other"));
    assert_eq!(store.branches(&name).await.unwrap().len(), 1);
    assert_eq!(all_events(&*store).await.pop().unwrap().kind, EventKind::BranchGone);
}

#[tokio::test]
async fn only_sleep_is_ended_by_a_request() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let version = push(&*store, &shop, "login", 1).await;
    let wanted = |wanted, asleep| {
        let (store, name) = (&store, &name);
        let change =
            EnvironmentChange { wanted: Some(wanted), asleep, ..EnvironmentChange::default() };
        async move { store.change_environment(name, version, change, &[], at(4)).await.unwrap().asleep }
    };
    assert!(wanted(Wanted::Stopped, Some(true)).await);
    assert!(!wanted(Wanted::Running, None).await);
    assert!(!wanted(Wanted::Stopped, None).await);
}
