//! People and sessions: where transactions begin and end.

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::PersonName;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::sqlite::row::kept;
use crate::sqlite::{SqliteStore, people, sessions};
use crate::{
    NewPerson, NewSession, Owner, PeopleStore, Person, PersonChange, Result, Session, SessionStore,
    Subject,
};

#[async_trait]
impl PeopleStore for SqliteStore {
    async fn add_person(&self, new: NewPerson, by: &str, at: Timestamp) -> Result<Person> {
        let mut write = self.begin("adding a person").await?;
        let outcome = people::add(&mut write, new, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn person(&self, name: &PersonName) -> Result<Option<Person>> {
        self.read("reading a person", people::one(&self.readers, name).await)
    }

    async fn person_of(&self, subject: &Subject) -> Result<Option<Person>> {
        self.read("reading a person", people::of(&self.readers, subject).await)
    }

    async fn bind_person(
        &self,
        name: &PersonName,
        subject: &Subject,
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("keeping who a person is").await?;
        let outcome = people::bind(&mut write, name, subject, kept(at)).await;
        write.end(outcome).await
    }

    async fn people(&self) -> Result<Vec<Person>> {
        self.read("listing people", people::list(&self.readers).await)
    }

    async fn change_person(
        &self,
        name: &PersonName,
        change: PersonChange,
        by: &str,
        at: Timestamp,
    ) -> Result<Person> {
        let mut write = self.begin("changing a person").await?;
        let outcome = people::change(&mut write, name, change, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn remove_person(&self, name: &PersonName, by: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("removing a person").await?;
        let outcome = people::remove(&mut write, name, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn password(&self, name: &PersonName) -> Result<Option<SecretString>> {
        self.read("reading a person", people::password(&self.readers, name).await)
    }

    async fn set_password(
        &self,
        name: &PersonName,
        hash: &SecretString,
        by: &str,
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.begin("setting a password").await?;
        let outcome = people::set_password(&mut write, name, hash, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn rehash_password(
        &self,
        name: &PersonName,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<()> {
        let mut write = self.begin_step("keeping a password in another form").await?;
        let outcome = people::rehash(&mut write, name, old, new).await;
        write.end(outcome).await
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn create_session(&self, new: NewSession, at: Timestamp) -> Result<i64> {
        let mut write = self.begin("keeping a session").await?;
        let outcome = sessions::create(&mut write, new, at).await;
        write.end(outcome).await
    }

    async fn session(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>> {
        self.read("looking a session up", sessions::find(&self.readers, hash, false, now).await)
    }

    async fn link(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>> {
        self.read("looking a login link up", sessions::find(&self.readers, hash, true, now).await)
    }

    async fn take_session(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<Session>> {
        let mut write = self.begin("taking a login link").await?;
        let outcome = sessions::take(&mut write, hash, now).await;
        write.end(outcome).await
    }

    async fn session_seen(&self, id: i64, at: Timestamp) -> Result<()> {
        let mut write = self.begin_step("keeping that a session is used").await?;
        let outcome = sessions::seen(&mut write, id, at).await;
        write.end(outcome).await
    }

    async fn end_session(&self, hash: &[u8; 32]) -> Result<()> {
        let mut write = self.begin("ending a session").await?;
        let outcome = sessions::end(&mut write, hash).await;
        write.end(outcome).await
    }

    async fn revoke_session(&self, id: i64, of: Option<&Owner>, now: Timestamp) -> Result<bool> {
        let mut write = self.begin("revoking a session").await?;
        let outcome = sessions::revoke(&mut write, id, of, now).await;
        write.end(outcome).await
    }

    async fn sessions(&self, of: Option<&Owner>, now: Timestamp) -> Result<Vec<Session>> {
        self.read("listing sessions", sessions::list(&self.readers, of, now).await)
    }

    fn watch_sessions(&self) -> watch::Receiver<()> {
        self.watchers.sessions.subscribe()
    }
}
