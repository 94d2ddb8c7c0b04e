//! People.

use jiff::Timestamp;
use launcher_model::PersonName;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::role::{Role, Roles};
use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::{json, maybe_time, time, to_json, word};
use super::write::Write;
use super::{events, tokens};
use crate::{Error, NewPerson, Person, PersonChange, Subject};

const PERSON: &str = "person";

pub(super) async fn add(
    write: &mut Write,
    new: NewPerson,
    by: &str,
    at: Timestamp,
) -> Result<Person, Fault> {
    let name = new.name.as_str();
    // `by` names one of them.
    if tokens::valid(write, name).await?.is_some() {
        return Err(Error::Exists { what: "token", name: name.to_owned() }.into());
    }
    let sql = "INSERT INTO people (name, display_name, role, services, created_at, created_by)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(sql)
        .bind(name)
        .bind(new.display_name.as_deref())
        .bind(new.roles.role.as_str())
        .bind(to_json("role", &new.roles.services)?)
        .bind(at.as_microsecond())
        .bind(by)
        .execute(write.connection()?)
        .await?;
    if inserted.rows_affected() == 0 {
        return Err(Error::Exists { what: PERSON, name: name.to_owned() }.into());
    }
    let text = format!("{name} was added ({})", new.roles.in_words());
    tell(write, EventKind::PersonAdded, text, by, at).await?;
    existing(write, &new.name).await
}

async fn tell(
    write: &mut Write,
    kind: EventKind,
    text: String,
    by: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    events::record_one(write, NewEvent::new(kind, text).by(by), at).await
}

/// Whether somebody of this name is there.
pub(super) async fn is_there(write: &mut Write, name: &str) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM people WHERE name = ?)";
    Ok(sqlx::query_scalar(sql).bind(name).fetch_one(write.connection()?).await?)
}

/// The number of a person who may sign in.
pub(super) async fn welcome(write: &mut Write, name: &PersonName) -> Result<Option<i64>, Fault> {
    let sql = "SELECT id FROM people WHERE name = ? AND NOT disabled";
    Ok(sqlx::query_scalar(sql).bind(name.as_str()).fetch_optional(write.connection()?).await?)
}

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    name: &PersonName,
) -> Result<Option<Person>, Fault> {
    let row = sqlx::query("SELECT * FROM people WHERE name = ?").bind(name.as_str());
    row.fetch_optional(executor).await?.as_ref().map(from_row).transpose()
}

pub(super) async fn of<'c>(
    executor: impl SqliteExecutor<'c>,
    subject: &Subject,
) -> Result<Option<Person>, Fault> {
    let sql = "SELECT * FROM people WHERE openid_issuer = ? AND openid_subject = ?";
    let row = sqlx::query(sql).bind(&subject.issuer).bind(&subject.subject);
    row.fetch_optional(executor).await?.as_ref().map(from_row).transpose()
}

pub(super) async fn bind(
    write: &mut Write,
    name: &PersonName,
    subject: &Subject,
    at: Timestamp,
) -> Result<bool, Fault> {
    let sql = "UPDATE OR IGNORE people SET openid_issuer = ?, openid_subject = ?
        WHERE name = ? AND openid_subject IS NULL AND NOT disabled";
    let bound = sqlx::query(sql)
        .bind(&subject.issuer)
        .bind(&subject.subject)
        .bind(name.as_str())
        .execute(write.connection()?)
        .await?;
    if bound.rows_affected() == 0 {
        return Ok(false);
    }
    let text = format!("{name} signs in by {} from now on", subject.issuer);
    tell(write, EventKind::PersonChanged, text, name.as_str(), at).await?;
    Ok(true)
}

async fn existing(write: &mut Write, name: &PersonName) -> Result<Person, Fault> {
    let found = one(write.connection()?, name).await?;
    found.ok_or_else(|| Error::NoSuch { what: PERSON, name: name.to_string() }.into())
}

pub(super) async fn list<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Person>, Fault> {
    let rows = sqlx::query("SELECT * FROM people ORDER BY name").fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn change(
    write: &mut Write,
    name: &PersonName,
    change: PersonChange,
    by: &str,
    at: Timestamp,
) -> Result<Person, Fault> {
    let had_admin = has_admin(write).await?;
    let before = existing(write, name).await?;
    let mut person = before.clone();
    person.display_name = change.display_name.unwrap_or(person.display_name);
    person.roles = change.roles.unwrap_or(person.roles);
    person.disabled = change.disabled.unwrap_or(person.disabled);
    if change.forget_openid {
        person.openid = None;
    }
    if person == before {
        return Ok(person);
    }
    let sql = "UPDATE people SET display_name = ?, role = ?, services = ?, disabled = ?,
        openid_issuer = ?, openid_subject = ? WHERE name = ?";
    sqlx::query(sql)
        .bind(person.display_name.as_deref())
        .bind(person.roles.role.as_str())
        .bind(to_json("role", &person.roles.services)?)
        .bind(person.disabled)
        .bind(person.openid.as_ref().map(|openid| openid.issuer.as_str()))
        .bind(person.openid.as_ref().map(|openid| openid.subject.as_str()))
        .bind(name.as_str())
        .execute(write.connection()?)
        .await?;
    must_keep_admin(write, had_admin, name).await?;
    if person.disabled || person.openid != before.openid {
        end_sessions(write, name).await?;
    }
    tell(write, EventKind::PersonChanged, changed(&before, &person), by, at).await?;
    Ok(person)
}

/// What became of a person, in a sentence.
fn changed(before: &Person, after: &Person) -> String {
    let name = &after.name;
    if before.disabled != after.disabled {
        let may = if after.disabled { "may not sign in any more" } else { "may sign in again" };
        return format!("{name} {may}");
    }
    if before.roles != after.roles {
        let (was, is) = (before.roles.in_words(), after.roles.in_words());
        return format!("{name} has other roles: {is} (before: {was})");
    }
    if before.openid != after.openid {
        return format!("who {name} is at the OpenID provider is forgotten");
    }
    format!("{name} is called otherwise")
}

pub(super) async fn remove(
    write: &mut Write,
    name: &PersonName,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    let had_admin = has_admin(write).await?;
    // Their sessions go with them.
    let sql = "DELETE FROM people WHERE name = ?";
    let removed = sqlx::query(sql).bind(name.as_str()).execute(write.connection()?).await?;
    if removed.rows_affected() == 0 {
        return Ok(false);
    }
    must_keep_admin(write, had_admin, name).await?;
    tell(write, EventKind::PersonRemoved, format!("{name} was removed"), by, at).await?;
    Ok(true)
}

/// Whether a person who may sign in is an administrator.
async fn has_admin(write: &mut Write) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM people WHERE role = ? AND NOT disabled)";
    let found = sqlx::query_scalar(sql).bind(Role::Admin.as_str());
    Ok(found.fetch_one(write.connection()?).await?)
}

/// Refuses what has left people without an administrator.
async fn must_keep_admin(write: &mut Write, had: bool, name: &PersonName) -> Result<(), Fault> {
    if !had || has_admin(write).await? {
        return Ok(());
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM people)";
    if sqlx::query_scalar(sql).fetch_one(write.connection()?).await? {
        return Err(Error::LastAdmin(name.to_string()).into());
    }
    Ok(())
}

pub(super) async fn password<'c>(
    executor: impl SqliteExecutor<'c>,
    name: &PersonName,
) -> Result<Option<SecretString>, Fault> {
    let sql = "SELECT password FROM people WHERE name = ? AND NOT disabled";
    let row: Option<Option<String>> =
        sqlx::query_scalar(sql).bind(name.as_str()).fetch_optional(executor).await?;
    Ok(row.flatten().map(SecretString::from))
}

pub(super) async fn set_password(
    write: &mut Write,
    name: &PersonName,
    hash: &SecretString,
    by: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    existing(write, name).await?;
    let sql = "UPDATE people SET password = ?, password_set_at = ? WHERE name = ?";
    sqlx::query(sql)
        .bind(hash.expose_secret())
        .bind(at.as_microsecond())
        .bind(name.as_str())
        .execute(write.connection()?)
        .await?;
    end_sessions(write, name).await?;
    let text = format!("{name} has another password");
    tell(write, EventKind::PersonChanged, text, by, at).await
}

pub(super) async fn rehash(
    write: &mut Write,
    name: &PersonName,
    old: &SecretString,
    new: &SecretString,
) -> Result<(), Fault> {
    let sql = "UPDATE people SET password = ? WHERE name = ? AND password = ?";
    sqlx::query(sql)
        .bind(new.expose_secret())
        .bind(name.as_str())
        .bind(old.expose_secret())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

async fn end_sessions(write: &mut Write, name: &PersonName) -> Result<(), Fault> {
    let sql = "DELETE FROM sessions WHERE person = (SELECT id FROM people WHERE name = ?)";
    sqlx::query(sql).bind(name.as_str()).execute(write.connection()?).await?;
    Ok(())
}

/// The roles in two columns.
pub(super) fn roles(row: &SqliteRow, role: &str, services: &str) -> Result<Roles, Fault> {
    Ok(Roles { role: word(row, role, "role")?, services: json(row, services, "role")? })
}

fn from_row(row: &SqliteRow) -> Result<Person, Fault> {
    let issuer: Option<String> = row.try_get("openid_issuer")?;
    let openid = issuer.zip(row.try_get("openid_subject")?);
    Ok(Person {
        name: word(row, "name", PERSON)?,
        display_name: row.try_get("display_name")?,
        roles: roles(row, "role", "services")?,
        disabled: row.try_get("disabled")?,
        password_set_at: maybe_time(row, "password_set_at")?,
        openid: openid.map(|(issuer, subject)| Subject { issuer, subject }),
        created_at: time(row, "created_at")?,
        created_by: row.try_get("created_by")?,
        last_seen: maybe_time(row, "last_seen")?,
    })
}
