//! People, and what hangs on them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use launcher_model::PersonName;
use launcher_model::event::EventKind;
use launcher_model::role::{Role, Roles};
use launcher_store::{
    Error, NewPerson, NewSession, NewToken, Owner, PersonChange, Session, Store, Subject,
};
use secrecy::{ExposeSecret, SecretString};

use crate::support::*;

fn name(text: &str) -> PersonName {
    PersonName::new(text).unwrap()
}

fn new(text: &str, role: Role) -> NewPerson {
    NewPerson { name: name(text), display_name: None, roles: Roles::everywhere(role) }
}

fn session(of: &str, hash: u8, once: bool) -> NewSession {
    NewSession {
        hash: [hash; 32],
        owner: Owner::Person(name(of)),
        once,
        expires_at: at(100),
        address: Some(IpAddr::from([192, 0, 2, 7])),
        agent: Some("Firefox".to_owned()),
    }
}

async fn add(store: &dyn Store, text: &str, role: Role) {
    store.add_person(new(text, role), "admin", at(0)).await.unwrap();
}

async fn is_valid(store: &dyn Store, hash: u8) -> bool {
    store.session(&[hash; 32], at(1)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_person_is_kept_changed_and_removed() {
    let store = Temporary::open().await;
    let services: BTreeMap<_, _> = [(service("shop"), Role::Deployer)].into_iter().collect();
    let roles = Roles { role: Role::None, services };
    let display_name = Some("Mika K.".to_owned());
    let mika = NewPerson { name: name("mika"), display_name, roles: roles.clone() };
    let added = store.add_person(mika, "admin", at(1)).await.unwrap();
    assert_eq!((&added.roles, added.created_by.as_str()), (&roles, "admin"));
    assert_eq!(store.person(&name("mika")).await.unwrap(), Some(added.clone()));
    assert_eq!(store.person(&name("other")).await.unwrap(), None);

    let change =
        PersonChange { roles: Some(Roles::everywhere(Role::Viewer)), ..Default::default() };
    let changed = store.change_person(&name("mika"), change.clone(), "admin", at(2)).await.unwrap();
    assert_eq!(changed.roles, Roles::everywhere(Role::Viewer));
    assert_eq!(changed.display_name.as_deref(), Some("Mika K."));
    store.change_person(&name("mika"), change, "admin", at(3)).await.unwrap();
    let gone = store.change_person(&name("other"), PersonChange::default(), "admin", at(3)).await;
    assert!(matches!(refusal(gone), Error::NoSuch { .. }));

    assert!(store.remove_person(&name("mika"), "admin", at(4)).await.unwrap());
    assert!(!store.remove_person(&name("mika"), "admin", at(4)).await.unwrap());
    assert!(store.people().await.unwrap().is_empty());
    let told: Vec<_> = all_events(&*store).await.into_iter().map(|event| event.kind).collect();
    let kinds = [EventKind::PersonAdded, EventKind::PersonChanged, EventKind::PersonRemoved];
    assert_eq!(told, kinds, "what changes nothing is not told");
}

#[tokio::test]
async fn a_person_is_one_at_a_provider_and_nobody_else_is() {
    let store = Temporary::open().await;
    for text in ["anna", "ben", "cora"] {
        add(&*store, text, Role::Viewer).await;
    }
    let subject = |issuer: &str, subject: &str| Subject {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    };
    let (one, two) = (subject("https://a", "1"), subject("https://a", "2"));
    let (store, anna) = (&*store, name("anna"));
    let bind = async |text: &str, subject: &Subject| {
        store.bind_person(&name(text), subject, at(1)).await.unwrap()
    };
    assert_eq!(store.person_of(&one).await.unwrap(), None);
    assert!(bind("anna", &one).await);
    let found = store.person_of(&one).await.unwrap().unwrap();
    assert_eq!((found.name, found.openid), (anna.clone(), Some(one.clone())));
    assert!(!bind("anna", &two).await, "she is somebody already");
    assert!(!bind("ben", &one).await, "somebody else is that");
    assert!(!bind("nobody", &two).await);
    assert_eq!(store.person(&name("ben")).await.unwrap().unwrap().openid, None);
    assert!(bind("ben", &subject("https://b", "1")).await, "at another provider");

    let disable = PersonChange { disabled: Some(true), ..Default::default() };
    store.change_person(&name("cora"), disable, "admin", at(2)).await.unwrap();
    assert!(!bind("cora", &two).await, "she may not sign in");

    store.create_session(session("anna", 1, false), at(0)).await.unwrap();
    let change =
        PersonChange { roles: Some(Roles::everywhere(Role::Deployer)), ..Default::default() };
    let changed = store.change_person(&anna, change, "admin", at(3)).await.unwrap();
    assert_eq!(changed.openid, Some(one.clone()), "other changes leave it");
    assert!(is_valid(store, 1).await);
    let forget = PersonChange { forget_openid: true, ..Default::default() };
    let forgotten = store.change_person(&anna, forget, "admin", at(4)).await.unwrap();
    assert_eq!(forgotten.openid, None);
    assert!(!is_valid(store, 1).await);
    assert!(bind("anna", &two).await);
    let texts: Vec<_> = all_events(store).await.into_iter().map(|event| event.text).collect();
    for told in [
        "anna signs in by https://a from now on",
        "who anna is at the OpenID provider is forgotten",
    ] {
        assert!(texts.iter().any(|text| text == told), "{texts:?}");
    }
}

#[tokio::test]
async fn a_name_is_a_persons_or_a_tokens() {
    let store = Temporary::open().await;
    let roles = Roles::everywhere(Role::Viewer);
    let token =
        |name: &str, hash| NewToken { name: name.into(), hash: [hash; 32], roles: roles.clone() };
    store.create_token(token("ci", 1), "admin", at(0)).await.unwrap();
    add(&*store, "mika", Role::Viewer).await;
    for taken in ["ci", "mika"] {
        let again = store.add_person(new(taken, Role::Viewer), "admin", at(1)).await;
        assert!(matches!(refusal(again), Error::Exists { .. }), "{taken}");
        let again = store.create_token(token(taken, 2), "admin", at(1)).await;
        assert!(matches!(refusal(again), Error::Exists { .. }), "{taken}");
    }
    store.revoke_token("ci", "admin", at(2)).await.unwrap();
    add(&*store, "ci", Role::Viewer).await;
}

#[tokio::test]
async fn people_are_not_left_without_an_administrator() {
    let store = Temporary::open().await;
    let demote =
        PersonChange { roles: Some(Roles::everywhere(Role::Viewer)), ..Default::default() };
    let disable = PersonChange { disabled: Some(true), ..Default::default() };
    // Where there is none, nothing is asked for.
    add(&*store, "mika", Role::Viewer).await;
    store.change_person(&name("mika"), disable.clone(), "admin", at(1)).await.unwrap();

    add(&*store, "anna", Role::Admin).await;
    for change in [demote.clone(), disable] {
        let refused = store.change_person(&name("anna"), change, "admin", at(2)).await;
        assert!(matches!(refusal(refused), Error::LastAdmin(_)));
    }
    let refused = store.remove_person(&name("anna"), "admin", at(2)).await;
    assert!(matches!(refusal(refused), Error::LastAdmin(_)));
    assert!(store.person(&name("anna")).await.unwrap().is_some());

    add(&*store, "ben", Role::Admin).await;
    store.change_person(&name("anna"), demote, "admin", at(3)).await.unwrap();
    store.remove_person(&name("anna"), "admin", at(3)).await.unwrap();
    store.remove_person(&name("mika"), "admin", at(3)).await.unwrap();
    // The last of all may go.
    assert!(store.remove_person(&name("ben"), "admin", at(3)).await.unwrap());
}

#[tokio::test]
async fn a_password_ends_the_sessions_that_were_there_before_it() {
    let store = Temporary::open().await;
    add(&*store, "mika", Role::Viewer).await;
    assert!(store.password(&name("mika")).await.unwrap().is_none());
    store.create_session(session("mika", 1, false), at(0)).await.unwrap();
    store.create_session(session("mika", 2, true), at(0)).await.unwrap();
    let (first, second) = (SecretString::from("$first"), SecretString::from("$second"));
    store.set_password(&name("mika"), &first, "mika", at(1)).await.unwrap();
    assert!(!is_valid(&*store, 1).await);
    assert!(store.link(&[2; 32], at(1)).await.unwrap().is_none());
    let person = store.person(&name("mika")).await.unwrap().unwrap();
    assert_eq!(person.password_set_at, Some(at(1)));

    // Another form of the same password ends nothing, and never takes the place of a newer one.
    store.create_session(session("mika", 3, false), at(1)).await.unwrap();
    store.rehash_password(&name("mika"), &first, &second).await.unwrap();
    store.rehash_password(&name("mika"), &first, &SecretString::from("$late")).await.unwrap();
    let kept = store.password(&name("mika")).await.unwrap().unwrap();
    assert_eq!(kept.expose_secret(), "$second");
    assert!(is_valid(&*store, 3).await);
    let nobody = store.set_password(&name("other"), &first, "admin", at(1)).await;
    assert!(matches!(refusal(nobody), Error::NoSuch { .. }));
}

#[tokio::test]
async fn who_may_not_sign_in_has_no_session_and_no_password() {
    let store = Temporary::open().await;
    add(&*store, "mika", Role::Viewer).await;
    store.set_password(&name("mika"), &SecretString::from("$p"), "mika", at(0)).await.unwrap();
    store.create_session(session("mika", 1, false), at(0)).await.unwrap();
    let disabled = |disabled| PersonChange { disabled: Some(disabled), ..Default::default() };
    store.change_person(&name("mika"), disabled(true), "admin", at(1)).await.unwrap();
    assert!(!is_valid(&*store, 1).await);
    assert!(store.password(&name("mika")).await.unwrap().is_none());
    let refused = store.create_session(session("mika", 2, false), at(1)).await;
    assert!(matches!(refusal(refused), Error::NoSuch { .. }));
    store.change_person(&name("mika"), disabled(false), "admin", at(1)).await.unwrap();
    assert!(!is_valid(&*store, 1).await, "it does not come back");
    store.create_session(session("mika", 2, false), at(1)).await.unwrap();
    store.remove_person(&name("mika"), "admin", at(1)).await.unwrap();
    add(&*store, "mika", Role::Viewer).await;
    assert!(!is_valid(&*store, 2).await, "another one of that name has not their sessions");
}

#[tokio::test]
async fn sessions_are_listed_seen_and_revoked() {
    let store = Temporary::open().await;
    add(&*store, "mika", Role::Viewer).await;
    add(&*store, "anna", Role::Admin).await;
    let first = store.create_session(session("mika", 1, false), at(0)).await.unwrap();
    let second = store.create_session(session("anna", 2, false), at(1)).await.unwrap();
    store.create_session(session("mika", 3, true), at(1)).await.unwrap();
    store.session_seen(first, at(5)).await.unwrap();
    assert_eq!(store.person(&name("mika")).await.unwrap().unwrap().last_seen, Some(at(5)));

    let mika = Owner::Person(name("mika"));
    let own = store.sessions(Some(&mika), at(6)).await.unwrap();
    let expected = Session {
        id: first,
        owner: mika.clone(),
        roles: Roles::everywhere(Role::Viewer),
        began_at: at(0),
        expires_at: at(100),
        last_seen: Some(at(5)),
        address: Some(IpAddr::from([192, 0, 2, 7])),
        agent: Some("Firefox".to_owned()),
    };
    assert_eq!(own, [expected]);
    let ids = |sessions: Vec<Session>| sessions.into_iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(store.sessions(None, at(6)).await.unwrap()), [second, first]);
    assert_eq!(ids(store.sessions(None, at(100)).await.unwrap()), [0; 0]);

    let mut watch = store.watch_sessions();
    assert!(!store.revoke_session(second, Some(&mika), at(6)).await.unwrap());
    assert!(!watch.has_changed().unwrap(), "none was ended");
    assert!(store.revoke_session(first, Some(&mika), at(6)).await.unwrap());
    assert!(watch.has_changed().unwrap(), "who watches is told");
    watch.mark_unchanged();
    assert!(!store.revoke_session(first, None, at(6)).await.unwrap());
    assert!(store.revoke_session(second, None, at(6)).await.unwrap());
    let last = store.create_session(session("mika", 4, false), at(6)).await.unwrap();
    watch.mark_unchanged();
    store.end_session(&[4; 32]).await.unwrap();
    assert!(watch.has_changed().unwrap(), "session {last} was ended by whose it is");
}
