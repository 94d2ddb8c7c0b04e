use jiff::Timestamp;
use launcher_model::VersionNumber;
use launcher_model::environment::{EnvironmentState, Failure, Release, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_store::EnvironmentChange;

use crate::support::*;

#[tokio::test]
async fn only_what_is_given_changes() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let (version, before) = launch(&*store, &shop).await;
    let failure =
        Failure { reason: "container 1 exited with status 1".into(), log: vec!["oh".into()] };
    let change = EnvironmentChange {
        wanted: Some(Wanted::Stopped),
        replicas: Some(7),
        state: Some(EnvironmentState::Failed),
        failure: Some(Some(failure.clone())),
        release: Some(Release::Pending),
        starting_since: Some(Some(at(8))),
        pinned: Some(true),
        asleep: Some(true),
    };
    let event = NewEvent::new(EventKind::EnvironmentFailed, "v1 of shop failed");
    let after = store
        .change_environment(&version.service, version.number, change, &[event], at(9))
        .await
        .unwrap();
    assert_eq!((after.wanted, after.replicas, after.pinned), (Wanted::Stopped, 7, true));
    assert!(after.asleep);
    assert_eq!((after.state, after.since), (EnvironmentState::Failed, at(9)));
    assert_eq!((after.failure.as_ref(), after.release), (Some(&failure), Release::Pending));
    assert_eq!((after.starting_since, after.last_used), (Some(at(8)), before.last_used));
    assert_eq!(all_events(&*store).await.pop().unwrap().kind, EventKind::EnvironmentFailed);

    let nothing = EnvironmentChange::default();
    let same = store
        .change_environment(&version.service, version.number, nothing, &[], at(10))
        .await
        .unwrap();
    assert_eq!(same, after);
    let cleared = EnvironmentChange {
        failure: Some(None),
        starting_since: Some(None),
        ..EnvironmentChange::default()
    };
    let cleared = store
        .change_environment(&version.service, version.number, cleared, &[], at(11))
        .await
        .unwrap();
    assert_eq!((cleared.failure.as_ref(), cleared.starting_since), (None, None));
    assert!(cleared.asleep);
    let kept = store.environment(&version.service, version.number).await.unwrap();
    assert_eq!(kept, Some(cleared));
}

#[tokio::test]
async fn the_state_machine_is_kept() {
    use EnvironmentState::{Creating, Destroyed, Failed, Ready, Stopped};
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let ways: [(&[EnvironmentState], EnvironmentState); 5] = [
        (&[], Creating),
        (&[Ready], Ready),
        (&[Failed], Failed),
        (&[Ready, Stopped], Stopped),
        (&[Destroyed], Destroyed),
    ];
    for (way, from) in ways {
        for to in [Creating, Ready, Failed, Stopped, Destroyed] {
            let (version, _) = launch(&*store, &shop).await;
            for state in way {
                become_(&*store, &name, version.number, *state).await.unwrap();
            }
            let outcome = become_(&*store, &name, version.number, to).await;
            if from == to || from.may_become(to) {
                assert_eq!(outcome.unwrap().state, to, "{from} to {to}");
            } else {
                let error = refusal(outcome).to_string();
                assert_eq!(error, format!("an environment that is {from} cannot become {to}"));
                let kept = store.environment(&name, version.number).await.unwrap();
                assert_eq!(kept.unwrap().state, from);
            }
        }
    }
}

#[tokio::test]
async fn since_tells_of_the_last_change_of_state_even_when_the_clock_was_set_back() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    let version = ready(&*store, &shop).await;
    let again = EnvironmentChange {
        state: Some(EnvironmentState::Ready),
        pinned: Some(true),
        ..EnvironmentChange::default()
    };
    let same = store.change_environment(&name, version, again, &[], at(50)).await.unwrap();
    assert_eq!((same.since, same.pinned), (at(2), true));
    let change = EnvironmentChange {
        state: Some(EnvironmentState::Stopped),
        ..EnvironmentChange::default()
    };
    let back = Timestamp::UNIX_EPOCH;
    let stopped = store.change_environment(&name, version, change, &[], back).await.unwrap();
    assert_eq!((stopped.state, stopped.since), (EnvironmentState::Stopped, back));
}

#[tokio::test]
async fn they_are_listed_newest_first_and_without_the_destroyed() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let name = service("shop");
    for _ in 0..3 {
        launch(&*store, &shop).await;
    }
    become_(&*store, &name, VersionNumber(2), EnvironmentState::Destroyed).await.unwrap();
    let list = async |destroyed: bool| -> Vec<u32> {
        let environments = store.environments(&name, destroyed).await.unwrap();
        environments.iter().map(|environment| environment.version.0).collect()
    };
    assert_eq!(list(false).await, [3, 1]);
    assert_eq!(list(true).await, [3, 2, 1]);
}

#[tokio::test]
async fn one_that_is_not_there_is_named() {
    let store = Temporary::open().await;
    put(&*store, "shop").await;
    let error = refusal(
        become_(&*store, &service("shop"), VersionNumber(9), EnvironmentState::Ready).await,
    );
    assert_eq!(error.to_string(), "there is no environment v9 of shop");
}

#[tokio::test]
async fn what_is_wanted_running_again_was_just_used() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let (version, launched) = launch(&*store, &shop).await;
    let want = async |wanted, when| {
        let change = EnvironmentChange { wanted: Some(wanted), ..EnvironmentChange::default() };
        let changed = store.change_environment(&version.service, version.number, change, &[], when);
        changed.await.unwrap().last_used
    };
    assert_eq!(want(Wanted::Running, at(20)).await, launched.last_used);
    assert_eq!(want(Wanted::Stopped, at(21)).await, launched.last_used);
    assert_eq!(want(Wanted::Running, at(22)).await, at(22));
}
