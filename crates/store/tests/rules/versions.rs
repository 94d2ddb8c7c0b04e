use std::collections::BTreeMap;

use launcher_model::VersionNumber;
use launcher_model::environment::{EnvironmentState, Release, Wanted};
use launcher_model::event::EventKind;
use launcher_model::secret::SecretVersion;
use launcher_store::Error;

use crate::support::*;

#[tokio::test]
async fn a_version_is_kept_as_it_was_launched() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let mut new = new_version(&shop);
    let database = SecretVersion { name: secret("shop/database-url"), number: 2 };
    new.secrets = BTreeMap::from([("DATABASE_URL".into(), database.clone())]);
    let odd = at(1) + jiff::SignedDuration::from_nanos(1_234_567);
    let (version, environment) = store.create_version(new, odd).await.unwrap();

    assert_eq!(version.number, VersionNumber(1));
    assert_eq!(version.secrets["DATABASE_URL"], database);
    assert_eq!((version.created_by.as_str(), version.branch.as_deref()), ("alice", Some("main")));
    let name = service("shop");
    assert_eq!(store.version(&name, version.number).await.unwrap().as_ref(), Some(&version));
    assert_eq!(store.environment(&name, version.number).await.unwrap(), Some(environment));

    // Settings that change later are not its own.
    let mut changed = shop;
    changed.env.insert("LOG_LEVEL".into(), "debug".into());
    store.put_service(&changed, "alice", at(2)).await.unwrap();
    assert_eq!(store.version(&name, version.number).await.unwrap(), Some(version));
}

#[tokio::test]
async fn its_environment_begins_as_wanted() {
    let store = Temporary::open().await;
    let mut shop = put(&*store, "shop").await;
    let (_, plain) = launch(&*store, &shop).await;
    assert_eq!((plain.state, plain.wanted), (EnvironmentState::Creating, Wanted::Running));
    assert_eq!((plain.replicas, plain.pinned, plain.release), (2, false, Release::Passed));
    assert_eq!((plain.since, plain.last_used, plain.starting_since), (at(1), at(1), None));

    shop.hooks.release = Some(vec!["bin/migrate".into()]);
    let (_, hooked) = launch(&*store, &shop).await;
    assert_eq!(hooked.release, Release::Pending);

    let told = all_events(&*store).await.pop().unwrap();
    assert_eq!((told.kind, told.version), (EventKind::VersionLaunched, Some(VersionNumber(2))));
    assert_eq!(told.text, "v2 of shop was launched from registry.example.com/shop:1.0");
}

#[tokio::test]
async fn numbers_count_per_service() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    let blog = put(&*store, "blog").await;
    let mut numbers = Vec::new();
    for spec in [&shop, &shop, &blog, &shop] {
        numbers.push(launch(&*store, spec).await.0.number.0);
    }
    assert_eq!(numbers, [1, 2, 1, 3]);
    let nobody = new_version(&spec("nobody", &[]));
    assert!(matches!(refusal(store.create_version(nobody, at(1)).await), Error::NoSuch { .. }));
}

#[tokio::test]
async fn versions_are_paged_newest_first() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    for _ in 0..5 {
        launch(&*store, &shop).await;
    }
    let page = async |before: Option<u32>| -> Vec<u32> {
        let versions = store.versions(&service("shop"), before.map(VersionNumber), 2).await;
        versions.unwrap().iter().map(|version| version.number.0).collect()
    };
    assert_eq!(page(None).await, [5, 4]);
    assert_eq!(page(Some(4)).await, [3, 2]);
    assert_eq!(page(Some(2)).await, [1]);
    assert_eq!(page(Some(1)).await, [0_u32; 0]);
}

#[tokio::test]
async fn the_record_of_a_version_can_be_neither_changed_nor_deleted() {
    let store = Temporary::open().await;
    let shop = put(&*store, "shop").await;
    launch(&*store, &shop).await;
    let mut other = connect(&store.file()).await;
    for sql in ["UPDATE versions SET digest = 'x'", "DELETE FROM versions"] {
        assert!(sqlx::query(sql).execute(&mut other).await.is_err(), "{sql}");
    }
}
