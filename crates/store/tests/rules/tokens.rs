use launcher_model::event::EventKind;
use launcher_model::role::{Role, Roles};
use launcher_store::{Error, NewSession, NewToken, Owner, Session, Store};

use crate::support::*;

fn token(name: &str, hash: u8) -> NewToken {
    NewToken { name: name.into(), hash: [hash; 32], roles: Roles::everywhere(Role::Admin) }
}

fn session(hash: u8, once: bool) -> NewSession {
    let owner = Owner::Token("ci".into());
    let expires_at = at(100);
    NewSession { hash: [hash; 32], owner, once, expires_at, address: None, agent: None }
}

async fn with_token() -> Temporary {
    let store = Temporary::open().await;
    store.create_token(token("ci", 1), "alice", at(0)).await.unwrap();
    store
}

#[tokio::test]
async fn a_token_is_known_by_its_hash_until_it_is_revoked() {
    let store = with_token().await;
    let found = store.token_by_hash(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.created_at, found.revoked_at), ("ci", at(0), None));
    assert_eq!(store.token_by_hash(&[2; 32]).await.unwrap(), None);

    assert!(store.revoke_token("ci", "alice", at(1)).await.unwrap());
    assert!(!store.revoke_token("ci", "alice", at(2)).await.unwrap());
    assert_eq!(store.token_by_hash(&[1; 32]).await.unwrap(), None);
    assert_eq!(store.tokens().await.unwrap()[0].revoked_at, Some(at(1)));
    let told: Vec<_> = all_events(&*store).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(told, [EventKind::TokenCreated, EventKind::TokenRevoked]);
}

#[tokio::test]
async fn a_name_has_one_valid_token() {
    let store = with_token().await;
    let error = refusal(store.create_token(token("ci", 2), "bob", at(1)).await);
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    store.revoke_token("ci", "alice", at(2)).await.unwrap();
    store.create_token(token("ci", 2), "bob", at(3)).await.unwrap();
    assert_eq!(store.tokens().await.unwrap().len(), 2);
    assert!(store.token_by_hash(&[2; 32]).await.unwrap().is_some());
    // A revoked token's text never becomes valid again.
    assert!(store.create_token(token("other", 1), "bob", at(4)).await.is_err());
}

#[tokio::test]
async fn a_session_ends_with_its_time_its_token_or_by_itself() {
    let store = with_token().await;
    let id = store.create_session(session(9, false), at(0)).await.unwrap();
    let expected = Session {
        id,
        owner: Owner::Token("ci".into()),
        roles: Roles::everywhere(Role::Admin),
        began_at: at(0),
        expires_at: at(100),
        last_seen: None,
        address: None,
        agent: None,
    };
    assert_eq!(store.session(&[9; 32], at(99)).await.unwrap(), Some(expected));
    assert_eq!(store.session(&[9; 32], at(100)).await.unwrap(), None);

    store.end_session(&[9; 32]).await.unwrap();
    assert_eq!(store.session(&[9; 32], at(1)).await.unwrap(), None);

    store.create_session(session(10, false), at(0)).await.unwrap();
    store.revoke_token("ci", "alice", at(1)).await.unwrap();
    assert_eq!(store.session(&[10; 32], at(1)).await.unwrap(), None);
    // It does not come back with a new token of the same name, and a revoked one begins none.
    assert!(matches!(
        refusal(store.create_session(session(11, false), at(2)).await),
        Error::NoSuch { .. }
    ));
    store.create_token(token("ci", 2), "alice", at(2)).await.unwrap();
    assert_eq!(store.session(&[10; 32], at(3)).await.unwrap(), None);
}

#[tokio::test]
async fn a_login_link_works_once_and_is_no_session() {
    let store = with_token().await;
    store.create_session(session(9, true), at(0)).await.unwrap();
    store.create_session(session(10, true), at(0)).await.unwrap();
    store.create_session(session(11, false), at(0)).await.unwrap();
    assert_eq!(store.session(&[9; 32], at(1)).await.unwrap(), None);
    assert_eq!(store.take_session(&[11; 32], at(1)).await.unwrap(), None);
    assert_eq!(store.take_session(&[10; 32], at(100)).await.unwrap(), None);

    let store: &dyn Store = &*store;
    let (one, other) =
        tokio::join!(store.take_session(&[9; 32], at(1)), store.take_session(&[9; 32], at(1)));
    assert_eq!([one.unwrap(), other.unwrap()].iter().flatten().count(), 1);
    assert_eq!(store.take_session(&[9; 32], at(1)).await.unwrap(), None);
}
