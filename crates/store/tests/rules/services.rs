use launcher_model::environment::EnvironmentState;
use launcher_model::event::EventKind;
use launcher_model::route::DeploymentKind;
use launcher_store::{Error, PutOutcome};

use crate::support::*;

#[tokio::test]
async fn putting_says_what_it_did_and_tells_it_once() {
    let store = Temporary::open().await;
    let first = spec("shop", &["shop.example.com"]);
    let mut second = first.clone();
    second.service.replicas = 5;

    assert_eq!(store.put_service(&first, "alice", at(0)).await.unwrap(), PutOutcome::Created);
    assert_eq!(store.put_service(&first, "alice", at(1)).await.unwrap(), PutOutcome::Unchanged);
    let changed = store.put_service(&second, "bob", at(2)).await.unwrap();
    assert_eq!(changed, PutOutcome::Changed(Box::new(first)));

    let kept = store.service(&service("shop")).await.unwrap().unwrap();
    assert_eq!((kept.spec, kept.created_at, kept.changed_at), (second, at(0), at(2)));
    let told: Vec<_> = all_events(&*store).await.into_iter().map(|e| (e.kind, e.by)).collect();
    assert_eq!(
        told,
        [
            (EventKind::ServiceCreated, Some("alice".into())),
            (EventKind::ServiceChanged, Some("bob".into())),
        ]
    );
}

#[tokio::test]
async fn services_are_listed_by_name() {
    let store = Temporary::open().await;
    for name in ["shop", "blog", "zoo", "auth"] {
        put(&*store, name).await;
    }
    let names: Vec<_> =
        store.services().await.unwrap().iter().map(|s| s.spec.service.name.to_string()).collect();
    assert_eq!(names, ["auth", "blog", "shop", "zoo"]);
    assert_eq!(store.service(&service("nobody")).await.unwrap(), None);
}

#[tokio::test]
async fn a_hostname_has_one_owner_and_a_refused_put_changes_nothing() {
    let store = Temporary::open().await;
    let shop = spec("shop", &["shop.example.com", "www.example.com"]);
    store.put_service(&shop, "alice", at(0)).await.unwrap();

    let thief = spec("thief", &["thief.example.com", "www.example.com"]);
    let error = refusal(store.put_service(&thief, "bob", at(1)).await);
    assert!(
        matches!(&error, Error::HostTaken { host, service } if host == "www.example.com" && service == "shop"),
        "{error}"
    );
    assert_eq!(store.service(&service("thief")).await.unwrap(), None);
    assert_eq!(all_events(&*store).await.len(), 1);

    // Not even the hostname that was free stayed with it, and one that is given up is free.
    store.put_service(&spec("other", &["thief.example.com"]), "bob", at(2)).await.unwrap();
    store.put_service(&spec("shop", &["shop.example.com"]), "alice", at(3)).await.unwrap();
    store.put_service(&spec("other", &["www.example.com"]), "bob", at(4)).await.unwrap();
}

#[tokio::test]
async fn a_service_in_use_cannot_be_deleted() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let version = ready(&*store, &shop).await;
    let error = refusal(store.delete_service(&name, "alice", at(5)).await).to_string();
    assert_eq!(error, "service shop is still in use: environment v1 is ready");

    become_(&*store, &name, version, EnvironmentState::Destroyed).await.unwrap();
    let id = begin(&*store, &name, version).await.unwrap().id;
    let error = refusal(store.delete_service(&name, "alice", at(5)).await).to_string();
    assert_eq!(error, format!("service shop is still in use: deployment {id} is under way"));

    store.deployment_aborted(id, "no", &[], at(6)).await.unwrap();
    assert!(store.delete_service(&name, "alice", at(7)).await.unwrap());
    assert!(!store.delete_service(&name, "alice", at(8)).await.unwrap());
    assert_eq!(all_events(&*store).await.last().unwrap().kind, EventKind::ServiceDeleted);
}

#[tokio::test]
async fn a_service_that_comes_back_goes_on_counting() {
    let store = Temporary::open().await;
    let shop = spec("shop", &["shop.example.com"]);
    let name = service("shop");
    store.put_service(&shop, "alice", at(0)).await.unwrap();
    for _ in 0..3 {
        ready(&*store, &shop).await;
    }
    let before = make_live(&*store, &name, launcher_model::VersionNumber(3)).await;
    for environment in store.environments(&name, false).await.unwrap() {
        become_(&*store, &name, environment.version, EnvironmentState::Destroyed).await.unwrap();
    }
    store.delete_service(&name, "alice", at(10)).await.unwrap();

    assert_eq!(store.service(&name).await.unwrap(), None);
    assert_eq!(store.services().await.unwrap(), []);
    assert!(matches!(
        refusal(store.create_version(new_version(&shop), at(11)).await),
        Error::NoSuch { .. }
    ));
    assert_eq!(store.versions(&name, None, 10).await.unwrap().len(), 3);
    assert_eq!(store.environments(&name, true).await.unwrap().len(), 3);
    let route = store.route(&name).await.unwrap();
    assert!(route.weights.is_empty() && route.generation > before.generation);

    // Its hostname was free meanwhile; its numbers were not.
    store.put_service(&spec("other", &["shop.example.com"]), "bob", at(12)).await.unwrap();
    let back = spec("shop", &[]);
    assert_eq!(store.put_service(&back, "alice", at(13)).await.unwrap(), PutOutcome::Created);
    assert_eq!(store.service(&name).await.unwrap().unwrap().created_at, at(13));
    let (version, _) = launch(&*store, &back).await;
    assert_eq!(version.number.0, 4);
}

#[tokio::test]
async fn a_service_that_is_being_deleted_takes_nothing_but_going_offline() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let version = ready(&*store, &shop).await;
    let live = make_live(&*store, &name, version).await;
    assert!(!store.begin_deletion(&service("nobody"), "alice", at(7)).await.unwrap());
    for (by, when) in [("alice", at(7)), ("bob", at(8))] {
        assert!(store.begin_deletion(&name, by, when).await.unwrap());
    }
    let deletion = store.service(&name).await.unwrap().unwrap().deletion.unwrap();
    assert_eq!((deletion.by.as_str(), deletion.since), ("alice", at(7)));
    assert_eq!(all_events(&*store).await.last().unwrap().kind, EventKind::ServiceDeleting);

    let mut changed = shop.clone();
    changed.service.replicas += 1;
    let refused = [
        refusal(store.put_service(&changed, "alice", at(9)).await),
        refusal(store.create_version(new_version(&shop), at(9)).await),
        refusal(begin(&*store, &name, version).await),
    ];
    for refused in refused {
        assert!(matches!(refused, Error::BeingDeleted(_)), "{refused}");
    }

    let mut offline = deployment(&name, &live.weights, &Default::default());
    offline.kind = DeploymentKind::Offline;
    let id = store.begin_deployment(offline, &[], at(10)).await.unwrap().id;
    let route = store.commit_route(id, at(11)).await.unwrap();
    assert!(route.weights.is_empty() && route.generation == live.generation.next());
    store.deployment_live(id, &Default::default(), &[], at(12)).await.unwrap();
    become_(&*store, &name, version, EnvironmentState::Destroyed).await.unwrap();
    assert!(store.delete_service(&name, "alice", at(13)).await.unwrap());
    assert!(!store.begin_deletion(&name, "alice", at(14)).await.unwrap());

    // One of the same name is not being deleted.
    put(&*store, "shop").await;
    assert_eq!(store.service(&name).await.unwrap().unwrap().deletion, None);
    assert_eq!(store.route(&name).await.unwrap().generation, route.generation);
}
