//! What goes into and comes out of the record of people and their sessions.

use std::net::IpAddr;

use jiff::Timestamp;
use launcher_model::PersonName;
use launcher_model::role::Roles;

/// A person before they are kept.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The name that they sign in with.
    pub name: PersonName,
    /// What they are called.
    pub display_name: Option<String>,
    /// What they may do.
    pub roles: Roles,
}

/// Somebody as a provider of OpenID Connect knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The provider.
    pub issuer: String,
    /// What it calls them, for ever and nobody else: `sub`.
    pub subject: String,
}

/// A person as they are kept: never their password.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The name that they sign in with; `by` of what they do.
    pub name: PersonName,
    /// What they are called.
    pub display_name: Option<String>,
    /// What they may do.
    pub roles: Roles,
    /// They may not sign in.
    pub disabled: bool,
    /// When their password was set; none when they have none yet.
    pub password_set_at: Option<Timestamp>,
    /// Who they are at a provider of OpenID Connect, once they have signed in by it.
    pub openid: Option<Subject>,
    /// When they were added.
    pub created_at: Timestamp,
    /// Who added them.
    pub created_by: String,
    /// When they were last here, to the minute.
    pub last_seen: Option<Timestamp>,
}

/// What shall change in a person; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    /// What they are called; none of it when they are called nothing any more.
    pub display_name: Option<Option<String>>,
    /// What they may do.
    pub roles: Option<Roles>,
    /// Whether they may not sign in; then their sessions end.
    pub disabled: Option<bool>,
    /// Who they are at a provider is forgotten, and their sessions end: the next sign-in by it says it anew.
    pub forget_openid: bool,
}

/// For whom a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Whoever has the token of this name.
    Token(String),
    /// This person.
    Person(PersonName),
}

impl Owner {
    /// The name; `by` of what is done in the session.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Token(name) => name,
            Self::Person(name) => name.as_str(),
        }
    }
}

/// A session before it is kept.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// For whom it is.
    pub owner: Owner,
    /// It may be used once, to begin another.
    pub once: bool,
    /// When it ends.
    pub expires_at: Timestamp,
    /// From where it was begun.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its number.
    pub id: i64,
    /// For whom it is.
    pub owner: Owner,
    /// What they may do now.
    pub roles: Roles,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When something was last asked for in it, to the minute.
    pub last_seen: Option<Timestamp>,
    /// From where it was begun.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}
