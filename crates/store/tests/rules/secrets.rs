use launcher_model::event::EventKind;
use launcher_model::secret::SecretVersion;

use crate::support::*;

#[tokio::test]
async fn values_are_counted_and_kept() {
    let store = Temporary::open().await;
    assert!(!store.holds_secrets().await.unwrap());
    let (url, key) = (secret("shop/database-url"), secret("shop/key"));
    let first = store.set_secret(&url, b"sealed 1", "alice", at(1)).await.unwrap();
    let second = store.set_secret(&url, b"sealed 2", "bob", at(2)).await.unwrap();
    store.set_secret(&key, b"", "bob", at(3)).await.unwrap();
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!(store.sealed_secret(&first).await.unwrap().as_deref(), Some(&b"sealed 1"[..]));
    assert_eq!(store.sealed_secret(&second).await.unwrap().as_deref(), Some(&b"sealed 2"[..]));
    let third = SecretVersion { name: url.clone(), number: 3 };
    assert_eq!(store.sealed_secret(&third).await.unwrap(), None);

    let names = [url.clone(), secret("nobody"), key.clone()];
    let newest = store.newest_secrets(&names).await.unwrap();
    assert_eq!(newest.len(), 2);
    assert_eq!((newest[&url].number, newest[&key].number), (2, 1));
    let all = store.secrets().await.unwrap();
    assert_eq!((&all[0].newest, all[0].set_at, all[0].set_by.as_str()), (&second, at(2), "bob"));
    assert_eq!(all.len(), 2);
}

#[tokio::test]
async fn an_unset_secret_is_of_no_use_to_new_versions_only() {
    let store = Temporary::open().await;
    let url = secret("shop/database-url");
    let first = store.set_secret(&url, b"sealed", "alice", at(1)).await.unwrap();
    assert!(store.unset_secret(&url, "alice", at(2)).await.unwrap());
    assert!(!store.unset_secret(&url, "alice", at(3)).await.unwrap());
    assert!(store.newest_secrets(std::slice::from_ref(&url)).await.unwrap().is_empty());
    assert_eq!(store.secrets().await.unwrap(), []);
    assert!(store.holds_secrets().await.unwrap());
    assert!(store.sealed_secret(&first).await.unwrap().is_some());

    let next = store.set_secret(&url, b"sealed again", "alice", at(4)).await.unwrap();
    assert_eq!(next.number, 2);
    assert_eq!(store.newest_secrets(std::slice::from_ref(&url)).await.unwrap()[&url], next);
    let told: Vec<_> = all_events(&*store).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(told, [EventKind::SecretSet, EventKind::SecretUnset, EventKind::SecretSet]);
}
