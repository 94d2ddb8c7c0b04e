//! People, their sessions, and who did what.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use launcher_model::role::Role;
use launcher_model::{PersonName, ServiceName, VersionNumber};
use launcher_store::{AuditEntry, Outcome, Owner, Person, Session, Way};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person who is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonBody {
    /// The name to sign in with, such as `mika`; it stands as `by` of what they do.
    pub name: PersonName,
    /// What they are called.
    pub display_name: Option<String>,
    /// What they may do everywhere: `admin`, `deployer`, `viewer` or `none`.
    pub role: Role,
    /// What they may do beside that with single services: `admin`, `deployer` or `viewer`, by service.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Role>)]
    pub services: BTreeMap<ServiceName, Role>,
    /// Their password, 12 to 256 characters. Without one the answer has a link by which they set it.
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<SecretString>,
}

/// What shall change in a person; what is not named stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChangeBody {
    /// What they are called; nothing any more when it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What they may do everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What they may do with single services, in the place of what was said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Role>>)]
    pub services: Option<BTreeMap<ServiceName, Role>>,
    /// They may not sign in; their sessions end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Who they are at the OpenID provider is forgotten, and their sessions end: the next who signs in there by
    /// their name is them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forget_openid: bool,
}

/// A person, without their password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    /// The name to sign in with.
    pub name: PersonName,
    /// What they are called.
    pub display_name: Option<String>,
    /// What they may do everywhere.
    pub role: Role,
    /// What they may do beside that with single services.
    #[schema(value_type = BTreeMap<String, Role>)]
    pub services: BTreeMap<ServiceName, Role>,
    /// They may not sign in.
    pub disabled: bool,
    /// When their password was set; nothing while they have none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub password_set_at: Option<Timestamp>,
    /// What the OpenID provider calls them, `sub`, once they have signed in by it.
    #[serde(default)]
    pub openid_subject: Option<String>,
    /// When they were added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who added them.
    pub created_by: String,
    /// When they were last here, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        Self {
            name: person.name,
            display_name: person.display_name,
            role: person.roles.role,
            services: person.roles.services,
            disabled: person.disabled,
            password_set_at: person.password_set_at,
            openid_subject: person.openid.map(|openid| openid.subject),
            created_at: person.created_at,
            created_by: person.created_by,
            last_seen: person.last_seen,
        }
    }
}

/// A person who was just added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewPersonView {
    /// The person.
    pub person: PersonView,
    /// The page on which they set a password and sign in, once and within a day; nothing when a password was
    /// given. It is in this answer and nowhere else. A path where the server's `url` is not set.
    pub link: Option<String>,
}

/// Another password, or a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// The new password. Without one the answer has a link, which only administrators get.
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<SecretString>,
    /// The password so far, for one's own.
    #[schema(value_type = Option<String>, write_only)]
    pub current: Option<SecretString>,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordView {
    /// The page on which they set a password, once and within a day; nothing when one was given. A path where the
    /// server's `url` is not set.
    pub link: Option<String>,
}

/// A session of the pages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its number.
    pub id: i64,
    /// Whose it is: a person's name, or that of the token that it was begun with.
    pub name: String,
    /// It was begun with a token.
    pub token: bool,
    /// It is the one that the call was made in.
    pub current: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// When something was last asked for in it, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// When it ends by itself.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// From where it was begun.
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

impl SessionView {
    pub(crate) fn new(session: Session, current: Option<i64>) -> Self {
        Self {
            id: session.id,
            name: session.owner.name().to_owned(),
            token: matches!(session.owner, Owner::Token(_)),
            current: current == Some(session.id),
            began_at: session.began_at,
            last_seen: session.last_seen,
            expires_at: session.expires_at,
            address: session.address,
            agent: session.agent,
        }
    }
}

/// A call that might have changed something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Its number.
    pub id: i64,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who called; nothing when nobody knows.
    pub who: Option<String>,
    /// How they came in: `token`, `session`, `password`, `link`, `openid`, `signature` or `nobody`.
    #[schema(value_type = String)]
    pub way: Way,
    /// The number of the session.
    pub session: Option<i64>,
    /// From where.
    #[schema(value_type = Option<String>)]
    pub address: Option<IpAddr>,
    /// The method.
    pub method: String,
    /// The path, without what is secret in it.
    pub path: String,
    /// The service that it was about.
    pub service: Option<ServiceName>,
    /// The version that it was about.
    pub version: Option<VersionNumber>,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// What became of it: `done`, `refused`, `failed`, or `broken_off` by the caller.
    #[schema(value_type = String)]
    pub outcome: Outcome,
}

impl From<AuditEntry> for AuditView {
    fn from(AuditEntry { id, call }: AuditEntry) -> Self {
        Self {
            id,
            at: call.at,
            who: call.who,
            way: call.way,
            session: call.session,
            address: call.address,
            method: call.method,
            path: call.path,
            service: call.service,
            version: call.version,
            status: call.status,
            outcome: call.outcome,
        }
    }
}
