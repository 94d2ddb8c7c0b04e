use launcher_model::event::EventKind;
use launcher_store::{Error, Maintenance, MaintenanceRecord, MaintenanceWish, Store};

use crate::support::*;

fn wish(page: Option<Option<&str>>, note: Option<&str>) -> MaintenanceWish {
    MaintenanceWish {
        page: page.map(|page| page.map(str::to_owned)),
        retry_after_s: 600,
        note: note.map(str::to_owned),
    }
}

async fn told(store: &dyn Store) -> Vec<(EventKind, String)> {
    let events = all_events(store).await.into_iter().skip(1);
    events.map(|event| (event.kind, event.text)).collect()
}

#[tokio::test]
async fn it_is_on_until_it_is_turned_off_and_remembers_its_page() {
    let store = Temporary::open().await;
    put(&*store, "shop").await;
    let shop = service("shop");
    assert_eq!(store.maintenance(&shop).await.unwrap(), MaintenanceRecord::default());

    let first = wish(Some(Some("<p>Back soon.</p>")), Some("a new disk"));
    assert!(store.begin_maintenance(&shop, &first, "mika", at(1)).await.unwrap());
    assert!(
        !store.begin_maintenance(&shop, &first, "kim", at(2)).await.unwrap(),
        "it is so already"
    );
    let store = store.reopen().await;
    let on = Maintenance {
        since: at(1),
        by: "mika".into(),
        note: Some("a new disk".into()),
        retry_after_s: 600,
    };
    let page = Some("<p>Back soon.</p>".to_owned());
    let kept = store.maintenance(&shop).await.unwrap();
    assert_eq!(kept, MaintenanceRecord { on: Some(on.clone()), page: page.clone() });
    assert_eq!(store.service(&shop).await.unwrap().unwrap().maintenance, Some(on.clone()));
    assert_eq!(store.services().await.unwrap()[0].maintenance, Some(on));

    assert!(store.end_maintenance(&shop, "kim", at(3)).await.unwrap());
    assert!(!store.end_maintenance(&shop, "kim", at(4)).await.unwrap(), "it is off already");
    let store = store.reopen().await;
    let kept = store.maintenance(&shop).await.unwrap();
    assert_eq!(kept, MaintenanceRecord { on: None, page: page.clone() });
    assert_eq!(store.service(&shop).await.unwrap().unwrap().maintenance, None);

    store.begin_maintenance(&shop, &wish(None, None), "mika", at(5)).await.unwrap();
    assert_eq!(store.maintenance(&shop).await.unwrap().page, page);
    store.begin_maintenance(&shop, &wish(Some(None), None), "kim", at(6)).await.unwrap();
    let kept = store.maintenance(&shop).await.unwrap();
    assert_eq!((kept.page, kept.on.unwrap().since), (None, at(5)), "it has gone on since");
    let (on, off) = (EventKind::MaintenanceOn, EventKind::MaintenanceOff);
    let expected = [
        (on, "mika turned maintenance on: a new disk"),
        (off, "kim turned maintenance off"),
        (on, "mika turned maintenance on"),
        (on, "kim changed the maintenance"),
    ];
    assert_eq!(told(&*store).await, expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[tokio::test]
async fn it_is_of_a_service_that_is_there_and_goes_with_it() {
    let store = Temporary::open().await;
    let shop = service("shop");
    let on = wish(Some(Some("<p>Back soon.</p>")), None);
    let error = refusal(store.begin_maintenance(&shop, &on, "mika", at(1)).await);
    assert!(matches!(error, Error::NoSuch { .. }), "{error}");
    let error = refusal(store.end_maintenance(&shop, "mika", at(1)).await);
    assert!(matches!(error, Error::NoSuch { .. }), "{error}");

    put(&*store, "shop").await;
    store.begin_maintenance(&shop, &on, "mika", at(2)).await.unwrap();
    store.delete_service(&shop, "mika", at(3)).await.unwrap();
    put(&*store, "shop").await;
    assert_eq!(store.maintenance(&shop).await.unwrap(), MaintenanceRecord::default());
    assert_eq!(store.service(&shop).await.unwrap().unwrap().maintenance, None);

    store.begin_deletion(&shop, "mika", at(4)).await.unwrap();
    let error = refusal(store.begin_maintenance(&shop, &on, "mika", at(5)).await);
    assert!(matches!(error, Error::BeingDeleted(_)), "{error}");
}

#[tokio::test]
async fn pages_that_are_shown_together_have_a_bound() {
    let store = Temporary::open().await;
    let page = "\u{e4}".repeat(4 << 20);
    let long = wish(Some(Some(&page)), None);
    for name in ["one", "two"] {
        put(&*store, name).await;
        store.begin_maintenance(&service(name), &long, "mika", at(1)).await.unwrap();
    }
    put(&*store, "three").await;
    let three = service("three");
    let short = wish(Some(Some("<p>Back soon.</p>")), None);
    let error = refusal(store.begin_maintenance(&three, &short, "mika", at(2)).await);
    assert!(matches!(error, Error::PagesTooLong(_)), "{error}");
    assert_eq!(store.maintenance(&three).await.unwrap(), MaintenanceRecord::default());
    // What is only remembered is given to no edge.
    store.end_maintenance(&service("one"), "mika", at(3)).await.unwrap();
    assert!(store.begin_maintenance(&three, &short, "mika", at(4)).await.unwrap());
}
