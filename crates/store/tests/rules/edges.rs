use launcher_model::EdgeName;
use launcher_store::{AboutEdge, Invitation, Store};

use crate::support::*;

fn north() -> EdgeName {
    EdgeName::new("north").unwrap()
}

fn invitation(token: u8, until: i64) -> Invitation {
    Invitation { edge: north(), hash: [token; 32], expires_at: at(until) }
}

async fn join(store: &dyn Store, token: u8, key: u8, second: i64) -> bool {
    store.join_edge(&[token; 32], &[key; 32], at(second)).await.unwrap().is_some()
}

#[tokio::test]
async fn an_invitation_lets_one_in_and_only_while_it_holds() {
    let store = Temporary::open().await;
    store.invite_edge(invitation(1, 100), "alice", at(0)).await.unwrap();
    assert!(!join(&*store, 2, 7, 1).await, "another token");
    assert!(!join(&*store, 1, 7, 100).await, "it is over");
    assert!(join(&*store, 1, 7, 99).await);
    assert!(join(&*store, 1, 7, 99).await, "it was killed before it knew, and asks again");
    assert!(!join(&*store, 1, 8, 99).await, "another one has the token");
    assert_eq!(store.edge_with(&[7; 32]).await.unwrap(), Some(north()));
    assert_eq!(store.edge_with(&[8; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn one_that_is_invited_anew_goes_on_until_it_has_joined_anew() {
    let store = Temporary::open().await;
    store.invite_edge(invitation(1, 100), "alice", at(0)).await.unwrap();
    assert!(join(&*store, 1, 7, 1).await);
    store.invite_edge(invitation(2, 100), "bob", at(2)).await.unwrap();
    assert_eq!(store.edge_with(&[7; 32]).await.unwrap(), Some(north()));
    assert!(!join(&*store, 1, 9, 3).await, "the token before");
    assert!(join(&*store, 2, 8, 3).await);
    assert_eq!(store.edge_with(&[7; 32]).await.unwrap(), None);
    assert_eq!(store.edge_with(&[8; 32]).await.unwrap(), Some(north()));
}

#[tokio::test]
async fn a_revoked_edge_is_a_stranger() {
    let store = Temporary::open().await;
    assert!(!store.revoke_edge(&north(), "alice", at(0)).await.unwrap());
    store.invite_edge(invitation(1, 100), "alice", at(0)).await.unwrap();
    assert!(join(&*store, 1, 7, 1).await);
    assert!(store.revoke_edge(&north(), "alice", at(2)).await.unwrap());
    assert_eq!(store.edge_with(&[7; 32]).await.unwrap(), None);
    assert!(!join(&*store, 1, 7, 3).await);
    assert!(store.edges().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_known_of_an_edge_is_listed() {
    let store = Temporary::open().await;
    store.invite_edge(invitation(1, 100), "alice", at(0)).await.unwrap();
    let listed = store.edges().await.unwrap().remove(0);
    assert_eq!((listed.invited_until, listed.joined_at), (Some(at(100)), None));
    join(&*store, 1, 7, 1).await;
    let about = AboutEdge {
        driver: "builtin".into(),
        version: "0.1.0".into(),
        http: vec!["10.0.0.1:80".parse().unwrap()],
        https: vec!["10.0.0.1:443".parse().unwrap()],
    };
    store.edge_seen(&north(), &about, at(5)).await.unwrap();
    let store = store.reopen().await;
    let listed = store.edges().await.unwrap().remove(0);
    assert_eq!((listed.invited_until, listed.joined_at), (None, Some(at(1))));
    assert_eq!((listed.last_seen, listed.about), (Some(at(5)), Some(about)));
}
