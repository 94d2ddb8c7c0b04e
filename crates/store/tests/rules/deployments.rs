use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::route::{DeploymentState, Receipt, Route, Weights};
use launcher_model::{DeploymentId, Generation, VersionNumber, Weight};
use launcher_store::{DeploymentFilter, EnvironmentChange, Error, Page, Store};

use crate::support::*;

fn receipt(drained: u64) -> Receipt {
    Receipt { switch_us: 4321, drained, ..Receipt::default() }
}

/// A store with a service whose versions 1 and 2 are ready.
async fn two_ready() -> Temporary {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    ready(&*store, &shop).await;
    ready(&*store, &shop).await;
    store
}

#[tokio::test]
async fn a_route_that_was_never_set_is_empty() {
    let store = Temporary::open().await;
    let name = service("shop");
    let expected =
        Route { service: name.clone(), generation: Generation(0), weights: Weights::new() };
    assert_eq!(store.route(&name).await.unwrap(), expected);
}

#[tokio::test]
async fn a_deployment_goes_through_its_states() {
    let store = two_ready().await;
    let name = service("shop");
    let mut new = deployment(&name, &Weights::new(), &all_to(VersionNumber(1)));
    new.state = DeploymentState::Starting;
    let event = |kind| [NewEvent::new(kind, "a step").service(&service("shop"))];
    let begun =
        store.begin_deployment(new, &event(EventKind::DeploymentStarted), at(10)).await.unwrap();
    assert_eq!((begun.state, begun.created_at), (DeploymentState::Starting, at(10)));
    assert_eq!(store.unfinished_deployments().await.unwrap(), std::slice::from_ref(&begun));

    store.set_deployment_state(begun.id, DeploymentState::Preparing).await.unwrap();
    let route = store.commit_route(begun.id, at(11)).await.unwrap();
    assert_eq!((route.generation, &route.weights), (Generation(1), &all_to(VersionNumber(1))));
    assert_eq!(store.route(&name).await.unwrap(), route);
    let decided = store.deployment(begun.id).await.unwrap().unwrap();
    assert_eq!(
        (decided.state, decided.generation),
        (DeploymentState::Committing, Some(Generation(1)))
    );

    let live = event(EventKind::DeploymentLive);
    let draining = store.deployment_live(begun.id, &receipt(0), &live, at(12)).await.unwrap();
    assert_eq!((draining.state, draining.finished_at), (DeploymentState::Draining, None));
    assert_eq!(draining.receipt, Some(receipt(0)));
    let drained = event(EventKind::DeploymentDrained);
    let done = store.deployment_done(begun.id, &receipt(3), &drained, at(13)).await.unwrap();
    assert_eq!((done.state, done.finished_at), (DeploymentState::Done, Some(at(13))));
    assert_eq!(store.deployment(begun.id).await.unwrap(), Some(done));
    assert_eq!(store.unfinished_deployments().await.unwrap(), []);

    let told: Vec<_> = all_events(&*store)
        .await
        .into_iter()
        .filter(|event| event.deployment == Some(begun.id))
        .map(|event| event.kind)
        .collect();
    assert_eq!(
        told,
        [EventKind::DeploymentStarted, EventKind::DeploymentLive, EventKind::DeploymentDrained]
    );
}

#[tokio::test]
async fn steps_may_be_repeated_and_tell_their_events_once() {
    let store = two_ready().await;
    let name = service("shop");
    let id = begin(&*store, &name, VersionNumber(1)).await.unwrap().id;
    store.set_deployment_state(id, DeploymentState::Preparing).await.unwrap();
    let events = [NewEvent::new(EventKind::DeploymentLive, "live")];
    let route = store.commit_route(id, at(4)).await.unwrap();
    assert_eq!(store.commit_route(id, at(5)).await.unwrap(), route);
    let live = store.deployment_live(id, &receipt(0), &events, at(6)).await.unwrap();
    assert_eq!(store.deployment_live(id, &receipt(0), &events, at(7)).await.unwrap(), live);
    let done = store.deployment_done(id, &receipt(1), &events, at(8)).await.unwrap();
    assert_eq!(store.deployment_done(id, &receipt(2), &events, at(9)).await.unwrap(), done);
    let told = all_events(&*store).await;
    assert_eq!(told.iter().filter(|event| event.kind == EventKind::DeploymentLive).count(), 2);

    let id = begin(&*store, &name, VersionNumber(2)).await.unwrap().id;
    let aborted = store.deployment_aborted(id, "an edge refused", &[], at(8)).await.unwrap();
    assert_eq!(aborted.abort_reason.as_deref(), Some("an edge refused"));
    assert_eq!(store.deployment_aborted(id, "again", &[], at(9)).await.unwrap(), aborted);
}

#[tokio::test]
async fn steps_out_of_order_are_refused() {
    let store = two_ready().await;
    let name = service("shop");
    let id = begin(&*store, &name, VersionNumber(1)).await.unwrap().id;
    let none = Receipt::default();
    let error = refusal(store.deployment_live(id, &none, &[], at(5)).await).to_string();
    assert_eq!(error, format!("deployment {id} is preparing and cannot become draining"));
    assert!(matches!(
        refusal(store.deployment_done(id, &none, &[], at(5)).await),
        Error::WrongState { .. }
    ));
    assert!(matches!(
        refusal(store.set_deployment_state(id, DeploymentState::Done).await),
        Error::WrongState { .. }
    ));
    store.commit_route(id, at(5)).await.unwrap();
    assert!(matches!(
        refusal(store.deployment_aborted(id, "too late", &[], at(6)).await),
        Error::WrongState { .. }
    ));
    assert!(matches!(
        refusal(store.set_deployment_state(id, DeploymentState::Preparing).await),
        Error::WrongState { .. }
    ));
    store.deployment_live(id, &none, &[], at(7)).await.unwrap();
    assert!(matches!(refusal(store.commit_route(id, at(8)).await), Error::WrongState { .. }));
    assert!(matches!(
        refusal(store.commit_route(DeploymentId(99), at(8)).await),
        Error::NoSuch { .. }
    ));
}

#[tokio::test]
async fn one_at_a_time_until_it_drains() {
    let store = two_ready().await;
    let name = service("shop");
    let first = begin(&*store, &name, VersionNumber(1)).await.unwrap().id;
    let busy = async || refusal(begin(&*store, &name, VersionNumber(2)).await);
    assert!(matches!(busy().await, Error::Busy(id) if id == first));
    store.commit_route(first, at(4)).await.unwrap();
    assert!(matches!(busy().await, Error::Busy(id) if id == first));
    store.deployment_live(first, &Receipt::default(), &[], at(5)).await.unwrap();
    let second = begin(&*store, &name, VersionNumber(2)).await.unwrap().id;
    assert!(second > first);
    assert_eq!(store.unfinished_deployments().await.unwrap().len(), 2);

    // Another service does not wait, and one that is not there has none.
    let blog = put(&*store, "blog").await;
    let version = ready(&*store, &blog).await;
    begin(&*store, &service("blog"), version).await.unwrap();
    let nobody = refusal(begin(&*store, &service("nobody"), version).await);
    assert!(matches!(nobody, Error::NoSuch { .. }));
}

#[tokio::test]
async fn a_route_that_changed_meanwhile_is_a_conflict() {
    let store = two_ready().await;
    let name = service("shop");
    make_live(&*store, &name, VersionNumber(1)).await;
    let stale = deployment(&name, &Weights::new(), &all_to(VersionNumber(2)));
    let id = store.begin_deployment(stale, &[], at(3)).await.unwrap().id;
    let error = refusal(store.commit_route(id, at(4)).await);
    assert!(matches!(error, Error::Conflict(_)));
    assert_eq!(error.to_string(), "the route of shop has changed meanwhile");
    assert_eq!(store.route(&name).await.unwrap().weights, all_to(VersionNumber(1)));
    let kept = store.deployment(id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.generation), (DeploymentState::Preparing, None));
}

#[tokio::test]
async fn traffic_never_goes_to_what_is_not_ready() {
    let store = two_ready().await;
    let name = service("shop");
    let conflict = async |store: &dyn Store, version: u32| {
        let id = begin(store, &name, VersionNumber(version)).await.unwrap().id;
        let error = refusal(store.commit_route(id, at(4)).await);
        assert!(matches!(error, Error::Conflict(_)), "{error}");
        store.deployment_aborted(id, &error.to_string(), &[], at(5)).await.unwrap();
    };
    conflict(&*store, 77).await;
    become_(&*store, &name, VersionNumber(1), EnvironmentState::Stopped).await.unwrap();
    conflict(&*store, 1).await;
    let leaving = EnvironmentChange { wanted: Some(Wanted::Gone), ..EnvironmentChange::default() };
    store.change_environment(&name, VersionNumber(2), leaving, &[], at(5)).await.unwrap();
    conflict(&*store, 2).await;
    assert_eq!(store.route(&name).await.unwrap().generation, Generation(0));
}

#[tokio::test]
async fn the_versions_that_come_and_leave_were_used_now() {
    let store = two_ready().await;
    let name = service("shop");
    let shop = store.service(&name).await.unwrap().unwrap().spec;
    let three = ready(&*store, &shop).await;
    make_live(&*store, &name, VersionNumber(1)).await;
    let half = Weight::new(50).unwrap();
    let from = all_to(VersionNumber(1));
    let to = Weights::from([(VersionNumber(2), half), (three, Weight::new(0).unwrap())]);
    let id = store.begin_deployment(deployment(&name, &from, &to), &[], at(20)).await.unwrap().id;
    store.commit_route(id, at(30)).await.unwrap();
    let used = async |version| store.environment(&name, version).await.unwrap().unwrap().last_used;
    assert_eq!(used(VersionNumber(1)).await, at(30));
    assert_eq!(used(VersionNumber(2)).await, at(30));
    assert_eq!(used(three).await, at(1));
}

#[tokio::test]
async fn they_are_paged_newest_first() {
    let store = two_ready().await;
    let blog = put(&*store, "blog").await;
    let one = ready(&*store, &blog).await;
    make_live(&*store, &service("blog"), one).await;
    let mut ids = Vec::new();
    for version in [1, 2, 1] {
        make_live(&*store, &service("shop"), VersionNumber(version)).await;
        ids.push(store.deployments(&filter(None, None)).await.unwrap()[0].id);
    }
    let list = async |name: Option<&str>, before: Option<DeploymentId>| -> Vec<DeploymentId> {
        let found = store.deployments(&filter(name, before)).await.unwrap();
        found.iter().map(|deployment| deployment.id).collect()
    };
    assert_eq!(list(Some("shop"), None).await, [ids[2], ids[1]]);
    assert_eq!(list(Some("shop"), Some(ids[1])).await, [ids[0]]);
    assert_eq!(list(None, Some(ids[0])).await.len(), 1);
}

fn filter(name: Option<&str>, before: Option<DeploymentId>) -> DeploymentFilter {
    let page = Page { before: before.map(|id| id.0), limit: 2 };
    DeploymentFilter { service: name.map(service), among: None, page }
}

#[tokio::test]
async fn a_deployment_knows_the_newest_version_that_there_was_also_one_from_before_it_was_kept() {
    let store = two_ready().await;
    let name = service("shop");
    let mut new = deployment(&name, &Weights::new(), &all_to(VersionNumber(1)));
    new.automatic = true;
    let begun = store.begin_deployment(new, &[], at(10)).await.unwrap();
    assert_eq!((begun.automatic, begun.newest), (true, Some(VersionNumber(2))));
    assert_eq!(store.deployment(begun.id).await.unwrap().as_ref(), Some(&begun));

    // What is launched later changes nothing, also when the column is filled from the times.
    let spec = spec("shop", &[]);
    store.create_version(new_version(&spec), at(11)).await.unwrap();
    let mut connection = connect(&store.file()).await;
    for sql in [
        "ALTER TABLE deployments DROP COLUMN newest",
        "ALTER TABLE deployments DROP COLUMN automatic",
        "DELETE FROM _sqlx_migrations WHERE version = 9",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    drop(connection);
    let store = store.reopen().await;
    let before = store.deployment(begun.id).await.unwrap().unwrap();
    assert_eq!((before.automatic, before.newest), (false, begun.newest));
}

#[tokio::test]
async fn what_is_read_of_all_services_at_once_is_what_is_read_of_each() {
    let store = Temporary::open().await;
    let specs = [put(&*store, "search").await, put(&*store, "shop").await];
    let names = specs.each_ref().map(|spec| spec.service.name.clone());
    for (name, spec) in names.iter().zip(&specs) {
        for version in 1..=2 {
            ready(&*store, spec).await;
            make_live(&*store, name, VersionNumber(version)).await;
        }
    }
    let (mut environments, mut routes, mut deployments) = (Vec::new(), Vec::new(), Vec::new());
    for name in &names {
        environments.extend(store.environments(name, false).await.unwrap());
        routes.push(store.route(name).await.unwrap());
        let page = Page { before: None, limit: 1 };
        let filter = DeploymentFilter { service: Some(name.clone()), among: None, page };
        deployments.extend(store.deployments(&filter).await.unwrap());
    }
    deployments.reverse();
    assert_eq!(store.all_environments().await.unwrap(), environments);
    assert_eq!(store.routes().await.unwrap(), routes);
    assert_eq!(store.deployments_after(DeploymentId(0), 1).await.unwrap(), deployments);
    let newest = deployments[0].clone();
    let after = DeploymentId(newest.id.0 - 1);
    assert_eq!(store.deployments_after(after, 50).await.unwrap(), [newest]);
}
