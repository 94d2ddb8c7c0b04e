//! How far others were told what happened.

use launcher_model::event::{EventKind, NewEvent};
use launcher_store::{EventFilter, Told};

use crate::support::{Temporary, at, put};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn told(target: &str, up_to: i64) -> Told {
    Told { target: target.to_owned(), up_to, ..Told::default() }
}

async fn newest(store: &Temporary) -> i64 {
    let filter = EventFilter { limit: 1, ..EventFilter::default() };
    store.events(&filter).await.unwrap().first().map_or(0, |event| event.id)
}

#[tokio::test]
async fn a_new_target_begins_behind_the_newest_event_and_goes_on_after_a_restart() {
    let store = Temporary::open().await;
    assert_eq!(store.begin_telling(&names(&["irc"])).await.unwrap(), [told("irc", 0)]);
    put(&*store, "shop").await;
    let shop = newest(&store).await;
    assert!(shop > 0);
    let both = store.begin_telling(&names(&["mail", "irc"])).await.unwrap();
    assert_eq!(both, [told("mail", shop), told("irc", 0)]);
    store.told_up_to("irc", shop).await.unwrap();
    put(&*store, "cart").await;
    let store = store.reopen().await;
    let both = store.begin_telling(&names(&["irc", "mail"])).await.unwrap();
    assert_eq!(both, [told("irc", shop), told("mail", shop)]);
}

#[tokio::test]
async fn a_target_that_is_gone_is_forgotten() {
    let store = Temporary::open().await;
    store.begin_telling(&names(&["irc", "mail"])).await.unwrap();
    store.begin_telling(&names(&["mail"])).await.unwrap();
    assert_eq!(store.told().await.unwrap(), [told("mail", 0)]);
    put(&*store, "shop").await;
    let again = store.begin_telling(&names(&["irc"])).await.unwrap();
    assert_eq!(again, [told("irc", newest(&store).await)]);
}

#[tokio::test]
async fn failures_are_counted_until_one_is_told() {
    let store = Temporary::open().await;
    store.begin_telling(&names(&["irc"])).await.unwrap();
    store.telling_failed("irc", "it is away", at(1)).await.unwrap();
    store.telling_failed("irc", "it hung up", at(2)).await.unwrap();
    let failing = Told {
        attempts: 2,
        failing_since: Some(at(1)),
        last_error: Some("it hung up".to_owned()),
        ..told("irc", 0)
    };
    assert_eq!(store.told().await.unwrap(), [failing]);
    store.telling_given_up("irc", 7, 3, "it refuses", at(3)).await.unwrap();
    let refused = Told {
        failing_since: Some(at(1)),
        last_error: Some("it refuses".to_owned()),
        given_up: 3,
        ..told("irc", 7)
    };
    assert_eq!(store.told().await.unwrap(), [refused]);
    store.told_up_to("irc", 8).await.unwrap();
    assert_eq!(store.told().await.unwrap(), [Told { given_up: 3, ..told("irc", 8) }]);
}

#[tokio::test]
async fn nothing_is_told_back() {
    let store = Temporary::open().await;
    store.begin_telling(&names(&["irc"])).await.unwrap();
    store.record(&[NewEvent::new(EventKind::EngineLost, "gone")], at(0)).await.unwrap();
    store.told_up_to("irc", 5).await.unwrap();
    store.told_up_to("irc", 3).await.unwrap();
    store.telling_given_up("irc", 4, 1, "old", at(1)).await.unwrap();
    assert_eq!(store.told().await.unwrap()[0].up_to, 5);
}
