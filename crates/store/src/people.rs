//! People, and the sessions of people and tokens, as a part of the store.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::PersonName;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::{NewPerson, NewSession, Owner, Person, PersonChange, Result, Session, Subject};

/// Keeps people, by the rules of [`Store`](crate::Store).
///
/// As long as there are people, one of those who may sign in is an administrator, once there was one: what
/// would end that is refused.
#[async_trait]
pub trait PeopleStore: Send + Sync + 'static {
    /// Adds a person, who has no password yet.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) when a person or a valid token has that name.
    async fn add_person(&self, new: NewPerson, by: &str, at: Timestamp) -> Result<Person>;
    /// One person.
    async fn person(&self, name: &PersonName) -> Result<Option<Person>>;
    /// The person who is this at a provider of OpenID Connect.
    async fn person_of(&self, subject: &Subject) -> Result<Option<Person>>;
    /// Keeps who a person is at a provider, unless they are somebody already, may not sign in or are not there,
    /// or somebody else is that: then false, and nothing is kept.
    async fn bind_person(
        &self,
        name: &PersonName,
        subject: &Subject,
        at: Timestamp,
    ) -> Result<bool>;
    /// All people, by name.
    async fn people(&self) -> Result<Vec<Person>>;
    /// Changes a person. Who may not sign in any more has no sessions and links.
    ///
    /// # Errors
    /// [`Error::NoSuch`](crate::Error::NoSuch), or [`Error::LastAdmin`](crate::Error::LastAdmin).
    async fn change_person(
        &self,
        name: &PersonName,
        change: PersonChange,
        by: &str,
        at: Timestamp,
    ) -> Result<Person>;
    /// Removes a person with their sessions. False when there was none.
    ///
    /// # Errors
    /// [`Error::LastAdmin`](crate::Error::LastAdmin).
    async fn remove_person(&self, name: &PersonName, by: &str, at: Timestamp) -> Result<bool>;
    /// The PHC string of the password of a person who may sign in; none when they have none, may not, or are
    /// not there.
    async fn password(&self, name: &PersonName) -> Result<Option<SecretString>>;
    /// Gives a person a password, as a PHC string, and ends all their sessions and links.
    ///
    /// # Errors
    /// [`Error::NoSuch`](crate::Error::NoSuch).
    async fn set_password(
        &self,
        name: &PersonName,
        hash: &SecretString,
        by: &str,
        at: Timestamp,
    ) -> Result<()>;
    /// Puts another hash of the same password in the place of one, if that is still there.
    async fn rehash_password(
        &self,
        name: &PersonName,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<()>;
}

/// Keeps sessions and one-time login links, by the rules of [`Store`](crate::Store).
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a session or a one-time login link, by hash. Its number.
    ///
    /// # Errors
    /// [`Error::NoSuch`](crate::Error::NoSuch) when its token is not valid, or its person may not sign in.
    async fn create_session(&self, new: NewSession, at: Timestamp) -> Result<i64>;
    /// The session with this hash that has not expired, and whose owner may still come in; never a one-time
    /// link.
    async fn session(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>>;
    /// The one-time link with this hash that can still be used, without using it.
    async fn link(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>>;
    /// Takes a one-time link's session away and hands it out: at most one caller gets it.
    async fn take_session(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>>;
    /// Something was asked for in a session.
    async fn session_seen(&self, id: i64, at: Timestamp) -> Result<()>;
    /// Ends a session.
    async fn end_session(&self, hash: &[u8; 32]) -> Result<()>;
    /// Ends a session by its number, if it is this owner's, or whosever it is. False when there is none.
    async fn revoke_session(&self, id: i64, of: Option<&Owner>, now: Timestamp) -> Result<bool>;
    /// The sessions that have not ended, of one owner or of all, newest first; no links.
    async fn sessions(&self, of: Option<&Owner>, now: Timestamp) -> Result<Vec<Session>>;
    /// Changes after a session was ended, by whose it is or by somebody else. What ends those of a person or a
    /// token with their other rights is an [event](crate::Store::watch), and that one has expired is told by
    /// nobody.
    fn watch_sessions(&self) -> watch::Receiver<()>;
}
