//! Versions.

use jiff::Timestamp;
use launcher_model::environment::{Environment, EnvironmentState, Release, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::{json, time, to_json, word};
use super::write::Write;
use super::{branches, builds, environments, events, follows, idempotency, services};
use crate::{Error, Made, NewVersion, SeenImage};

const VERSION: &str = "version";

pub(super) async fn create(
    write: &mut Write,
    new: NewVersion,
    at: Timestamp,
) -> Result<(Version, Environment), Fault> {
    let service = new.spec.service.name.clone();
    services::must_stay(write, &service).await?;
    if let Some(build) = new.build
        && let Some(number) = builds::made(write, build).await?
    {
        return existing(write, &service, number).await;
    }
    let followed = new.followed.map(|tag| SeenImage { tag, digest: new.image.digest.clone() });
    if let Some(image) = &followed
        && let Some(number) = follows::known(write, &service, image, at).await?
    {
        return existing(write, &service, number).await;
    }
    let number = take_number(write, &service).await?;
    let version = Version {
        service,
        number,
        image: new.image,
        spec: new.spec,
        secrets: new.secrets,
        commit: new.commit,
        branch: new.branch,
        subject: new.subject,
        author: new.author,
        created_at: at,
        created_by: new.by,
    };
    insert(write, &version).await?;
    let replicas = new.replicas.unwrap_or(version.spec.service.replicas);
    let mut environment = first_environment(&version, replicas, at);
    if new.follows_branch
        && let Some(branch) = &version.branch
    {
        branches::pushed(write, &version.service, branch, &new.taken_labels, at).await?;
        environment.branch = Some(branch.clone());
    }
    environments::insert(write, &environment).await?;
    let text =
        format!("{number} of {} was launched from {}", version.service, version.image.requested);
    let event = NewEvent::new(EventKind::VersionLaunched, text)
        .service(&version.service)
        .version(number)
        .by(version.created_by.as_str());
    events::record_one(write, event, at).await?;
    idempotency::made(write, new.key.as_deref(), &Made::Version(number)).await?;
    if let Some(build) = new.build {
        builds::has_made(write, build, number).await?;
    }
    if let Some(image) = &followed {
        has_followed(write, &version, image, at).await?;
    }
    Ok((version, environment))
}

async fn has_followed(
    write: &mut Write,
    version: &Version,
    image: &SeenImage,
    at: Timestamp,
) -> Result<(), Fault> {
    let (service, number) = (&version.service, version.number);
    follows::see(write, service, image, Some(number), at).await?;
    let text = format!("{} was pushed, and became {number} of {service}", version.image.requested);
    let event = NewEvent::new(EventKind::ImageFollowed, text).service(service).version(number);
    events::record_one(write, event, at).await
}

/// The version that was made before, as it is now.
async fn existing(
    write: &mut Write,
    service: &ServiceName,
    number: VersionNumber,
) -> Result<(Version, Environment), Fault> {
    let version = one(write.connection()?, service, number).await?;
    let environment = environments::one(write.connection()?, service, number).await?;
    let no_such = || Error::NoSuch { what: VERSION, name: number.to_string() };
    version.zip(environment).ok_or_else(|| no_such().into())
}

async fn take_number(write: &mut Write, service: &ServiceName) -> Result<VersionNumber, Fault> {
    let sql = "UPDATE services SET last_version = last_version + 1
        WHERE name = ? AND deleted_at IS NULL RETURNING last_version";
    let number =
        sqlx::query_scalar(sql).bind(service.as_str()).fetch_optional(write.connection()?).await?;
    number.map(VersionNumber).ok_or_else(|| services::no_such(service))
}

async fn insert(write: &mut Write, version: &Version) -> Result<(), Fault> {
    let sql = "INSERT INTO versions
        (service, number, digest, image, spec, secrets, commit_id, branch, subject, author, created_at, created_by)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(version.service.as_str())
        .bind(version.number.0)
        .bind(version.image.digest.as_str())
        .bind(to_json(VERSION, &version.image)?)
        .bind(to_json(VERSION, &version.spec)?)
        .bind(to_json(VERSION, &version.secrets)?)
        .bind(version.commit.as_deref())
        .bind(version.branch.as_deref())
        .bind(version.subject.as_deref())
        .bind(version.author.as_deref())
        .bind(version.created_at.as_microsecond())
        .bind(version.created_by.as_str())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

fn first_environment(version: &Version, replicas: u16, at: Timestamp) -> Environment {
    let release = match version.spec.hooks.release {
        Some(_) => Release::Pending,
        None => Release::Passed,
    };
    Environment {
        service: version.service.clone(),
        version: version.number,
        wanted: Wanted::Running,
        replicas,
        state: EnvironmentState::Creating,
        since: at,
        failure: None,
        release,
        starting_since: None,
        pinned: false,
        last_used: at,
        branch: None,
        asleep: false,
    }
}

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
    number: VersionNumber,
) -> Result<Option<Version>, Fault> {
    let sql = "SELECT * FROM versions WHERE service = ? AND number = ?";
    let row =
        sqlx::query(sql).bind(service.as_str()).bind(number.0).fetch_optional(executor).await?;
    row.as_ref().map(from_row).transpose()
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
    before: Option<VersionNumber>,
    limit: u32,
) -> Result<Vec<Version>, Fault> {
    let sql =
        "SELECT * FROM versions WHERE service = ? AND number < ? ORDER BY number DESC LIMIT ?";
    let rows = sqlx::query(sql)
        .bind(service.as_str())
        .bind(before.map_or(i64::MAX, |number| i64::from(number.0)))
        .bind(limit)
        .fetch_all(executor)
        .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<Version, Fault> {
    Ok(Version {
        service: word(row, "service", VERSION)?,
        number: VersionNumber(row.try_get("number")?),
        image: json(row, "image", VERSION)?,
        spec: json(row, "spec", VERSION)?,
        secrets: json(row, "secrets", VERSION)?,
        commit: row.try_get("commit_id")?,
        branch: row.try_get("branch")?,
        subject: row.try_get("subject")?,
        author: row.try_get("author")?,
        created_at: time(row, "created_at")?,
        created_by: row.try_get("created_by")?,
    })
}
