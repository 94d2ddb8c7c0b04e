//! Services and their hostnames.

use jiff::Timestamp;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::service::ServiceSpec;
use launcher_model::{ServiceName, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::{json, maybe_time, time, to_json};
use super::write::Write;
use super::{branches, deployments, environments, events, maintenance, routes};
use crate::{Deletion, Error, PutOutcome, Service};

const SERVICE: &str = "service";

pub(super) async fn list<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Service>, Fault> {
    let sql = "SELECT services.*, since, begun_by, note, retry_after
        FROM services LEFT JOIN maintenance ON service = name AND since IS NOT NULL
        WHERE deleted_at IS NULL ORDER BY name";
    let rows = sqlx::query(sql).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    name: &ServiceName,
) -> Result<Option<Service>, Fault> {
    let sql = "SELECT services.*, since, begun_by, note, retry_after
        FROM services LEFT JOIN maintenance ON service = name AND since IS NOT NULL
        WHERE name = ? AND deleted_at IS NULL";
    let row = sqlx::query(sql).bind(name.as_str()).fetch_optional(executor).await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &SqliteRow) -> Result<Service, Fault> {
    let since = maybe_time(row, "deleting_since")?;
    let by: Option<String> = row.try_get("deleting_by")?;
    Ok(Service {
        deletion: since.zip(by).map(|(since, by)| Deletion { since, by }),
        maintenance: maintenance::from_row(row)?,
        spec: json(row, "spec", SERVICE)?,
        created_at: time(row, "created_at")?,
        changed_at: time(row, "changed_at")?,
    })
}

pub(super) fn no_such(name: &ServiceName) -> Fault {
    Error::NoSuch { what: SERVICE, name: name.to_string() }.into()
}

pub(super) async fn must_exist(write: &mut Write, name: &ServiceName) -> Result<(), Fault> {
    let sql = "SELECT 1 FROM services WHERE name = ? AND deleted_at IS NULL";
    let row = sqlx::query(sql).bind(name.as_str()).fetch_optional(write.connection()?).await?;
    row.map(|_| ()).ok_or_else(|| no_such(name))
}

/// It exists, and is not about to be gone.
pub(super) async fn must_stay(write: &mut Write, name: &ServiceName) -> Result<(), Fault> {
    match one(write.connection()?, name).await? {
        None => Err(no_such(name)),
        Some(Service { deletion: Some(_), .. }) => {
            Err(Error::BeingDeleted(name.to_string()).into())
        }
        Some(_) => Ok(()),
    }
}

pub(super) async fn put(
    write: &mut Write,
    spec: &ServiceSpec,
    by: &str,
    at: Timestamp,
) -> Result<PutOutcome, Fault> {
    let name = &spec.service.name;
    let before = one(write.connection()?, name).await?;
    if before.as_ref().is_some_and(|service| service.deletion.is_some()) {
        return Err(Error::BeingDeleted(name.to_string()).into());
    }
    if before.as_ref().is_some_and(|service| service.spec == *spec) {
        return Ok(PutOutcome::Unchanged);
    }
    upsert(write, spec, at).await?;
    take_hostnames(write, spec).await?;
    let (outcome, kind, text) = match before {
        None => (PutOutcome::Created, EventKind::ServiceCreated, format!("{name} was created")),
        Some(service) => (
            PutOutcome::Changed(Box::new(service.spec)),
            EventKind::ServiceChanged,
            format!("the settings of {name} were changed"),
        ),
    };
    events::record_one(write, NewEvent::new(kind, text).service(name).by(by), at).await?;
    Ok(outcome)
}

async fn upsert(write: &mut Write, spec: &ServiceSpec, at: Timestamp) -> Result<(), Fault> {
    let sql = "INSERT INTO services (name, spec, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)
        ON CONFLICT DO UPDATE SET spec = ?2, changed_at = ?3, deleted_at = NULL,
            created_at = CASE WHEN deleted_at IS NULL THEN created_at ELSE ?3 END";
    sqlx::query(sql)
        .bind(spec.service.name.as_str())
        .bind(to_json(SERVICE, spec)?)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

async fn take_hostnames(write: &mut Write, spec: &ServiceSpec) -> Result<(), Fault> {
    let name = spec.service.name.as_str();
    give_hostnames_back(write, name).await?;
    for host in &spec.service.hosts {
        let sql = "INSERT INTO hostnames (host, service) VALUES (?, ?)
            ON CONFLICT DO UPDATE SET service = service RETURNING service";
        let owner: String = sqlx::query_scalar(sql)
            .bind(host.as_str())
            .bind(name)
            .fetch_one(write.connection()?)
            .await?;
        if owner != name {
            return Err(Error::HostTaken { host: host.clone(), service: owner }.into());
        }
    }
    Ok(())
}

async fn give_hostnames_back(write: &mut Write, service: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM hostnames WHERE service = ?";
    sqlx::query(sql).bind(service).execute(write.connection()?).await?;
    Ok(())
}

pub(super) async fn begin_deletion(
    write: &mut Write,
    name: &ServiceName,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    match one(write.connection()?, name).await? {
        None => return Ok(false),
        Some(service) if service.deletion.is_some() => return Ok(true),
        Some(_) => {}
    }
    let sql = "UPDATE services SET deleting_since = ?, deleting_by = ? WHERE name = ?";
    sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(by)
        .bind(name.as_str())
        .execute(write.connection()?)
        .await?;
    let text = format!("{name} is being deleted with everything that it has, by {by}");
    let event = NewEvent::new(EventKind::ServiceDeleting, text).service(name).by(by);
    events::record_one(write, event, at).await?;
    Ok(true)
}

pub(super) async fn delete(
    write: &mut Write,
    name: &ServiceName,
    by: &str,
    at: Timestamp,
) -> Result<bool, Fault> {
    if one(write.connection()?, name).await?.is_none() {
        return Ok(false);
    }
    must_be_unused(write, name).await?;
    routes::empty(write, name).await?;
    maintenance::forget(write, name).await?;
    branches::forget_all(write, name).await?;
    give_hostnames_back(write, name.as_str()).await?;
    let sql = "UPDATE services
        SET deleted_at = ?, deleting_since = NULL, deleting_by = NULL WHERE name = ?";
    sqlx::query(sql)
        .bind(at.as_microsecond())
        .bind(name.as_str())
        .execute(write.connection()?)
        .await?;
    let event = NewEvent::new(EventKind::ServiceDeleted, format!("{name} was deleted"));
    events::record_one(write, event.service(name).by(by), at).await?;
    Ok(true)
}

async fn must_be_unused(write: &mut Write, name: &ServiceName) -> Result<(), Fault> {
    let left = environments::list(write.connection()?, name, false).await?;
    let by = if let Some(environment) = left.first() {
        format!("environment {} is {}", environment.version, environment.state)
    } else if let Some(deployment) = deployments::blocking(write, name).await? {
        format!("deployment {deployment} is under way")
    } else {
        return Ok(());
    };
    Err(Error::StillInUse { what: format!("service {name}"), by }.into())
}

/// The newest version that a service has had.
pub(super) async fn newest_version(
    write: &mut Write,
    name: &ServiceName,
) -> Result<Option<VersionNumber>, Fault> {
    let sql = "SELECT last_version FROM services WHERE name = ? AND last_version > 0";
    let newest: Option<u32> =
        sqlx::query_scalar(sql).bind(name.as_str()).fetch_optional(write.connection()?).await?;
    Ok(newest.map(VersionNumber))
}
