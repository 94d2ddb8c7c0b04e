//! What services follow, and which images they have seen.

use std::collections::HashSet;

use jiff::Timestamp;
use launcher_model::image::Digest;
use launcher_model::{ServiceName, VersionNumber};
use sqlx::{Row, SqliteConnection, SqliteExecutor};

use super::fault::Fault;
use super::services;
use super::write::Write;
use crate::{Error, Following, SeenImage};

pub(super) async fn of<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
) -> Result<Option<Following>, Fault> {
    let sql = "SELECT repository, pattern FROM follows WHERE service = ?";
    let row = sqlx::query(sql).bind(service.as_str()).fetch_optional(executor).await?;
    row.map(|row| {
        Ok(Following { repository: row.try_get("repository")?, pattern: row.try_get("pattern")? })
    })
    .transpose()
}

pub(super) async fn begin(
    write: &mut Write,
    service: &ServiceName,
    following: &Following,
    seen: &[SeenImage],
    at: Timestamp,
) -> Result<(), Fault> {
    services::must_stay(write, service).await?;
    end(write, service).await?;
    let sql = "INSERT INTO follows (service, repository, pattern, since) VALUES (?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(following.repository.as_str())
        .bind(following.pattern.as_str())
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    for image in seen {
        see(write, service, image, None, at).await?;
    }
    Ok(())
}

pub(super) async fn end(write: &mut Write, service: &ServiceName) -> Result<(), Fault> {
    for sql in
        ["DELETE FROM follows WHERE service = ?", "DELETE FROM seen_images WHERE service = ?"]
    {
        sqlx::query(sql).bind(service.as_str()).execute(write.connection()?).await?;
    }
    Ok(())
}

/// Keeps that an image was seen, and which version it became.
pub(super) async fn see(
    write: &mut Write,
    service: &ServiceName,
    image: &SeenImage,
    version: Option<VersionNumber>,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "INSERT INTO seen_images (service, digest, tag, version, seen_at)
        VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    sqlx::query(sql)
        .bind(service.as_str())
        .bind(image.digest.as_str())
        .bind(image.tag.as_str())
        .bind(version.map(|version| version.0))
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}

/// The version that an image is already, which counts as seen from then on. Refuses one that shall become
/// none.
pub(super) async fn known(
    write: &mut Write,
    service: &ServiceName,
    image: &SeenImage,
    at: Timestamp,
) -> Result<Option<VersionNumber>, Fault> {
    let connection = write.connection()?;
    if let Some(version) = seen(connection, service, &image.digest).await? {
        return version.map(Some).ok_or_else(|| passed_over(image));
    }
    if is_built(connection, service, image).await? {
        return Err(passed_over(image));
    }
    let version = kept_version(connection, service, &image.digest).await?;
    if version.is_some() {
        see(write, service, image, version, at).await?;
    }
    Ok(version)
}

fn passed_over(image: &SeenImage) -> Fault {
    Error::Exists { what: "image that was seen", name: image.tag.clone() }.into()
}

/// Whether an image was seen, and what it became.
async fn seen(
    connection: &mut SqliteConnection,
    service: &ServiceName,
    digest: &Digest,
) -> Result<Option<Option<VersionNumber>>, Fault> {
    let sql = "SELECT version FROM seen_images WHERE service = ? AND digest = ?";
    let found: Option<Option<u32>> = sqlx::query_scalar(sql)
        .bind(service.as_str())
        .bind(digest.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(found.map(|version| version.map(VersionNumber)))
}

/// A version with that content that is kept, or that was made since this is followed.
async fn kept_version(
    connection: &mut SqliteConnection,
    service: &ServiceName,
    digest: &Digest,
) -> Result<Option<VersionNumber>, Fault> {
    let sql = "SELECT number FROM versions
        JOIN environments ON environments.service = versions.service AND version = number
        WHERE digest = ?2 AND versions.service = ?1 AND (state <> 'destroyed'
            OR created_at >= (SELECT since FROM follows WHERE service = ?1))
        ORDER BY number DESC LIMIT 1";
    let found: Option<u32> = sqlx::query_scalar(sql)
        .bind(service.as_str())
        .bind(digest.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(found.map(VersionNumber))
}

/// Whether a build of the service has pushed an image: it is the one that the build has kept, or it has the
/// tag of a build that ended before it kept any.
async fn is_built(
    connection: &mut SqliteConnection,
    service: &ServiceName,
    image: &SeenImage,
) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM builds WHERE service = ?1 AND (
            json_extract(image, '$.digest') = ?2
            OR (ifnull(json_extract(image, '$.reference'), 'sha256:') LIKE 'sha256:%'
                AND ?3 IN (substr(commit_id, 1, 12), 'build-' || id)))
        LIMIT 1";
    let found = sqlx::query(sql)
        .bind(service.as_str())
        .bind(image.digest.as_str())
        .bind(image.tag.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

pub(super) async fn new_among(
    connection: &mut SqliteConnection,
    service: &ServiceName,
    found: &[SeenImage],
) -> Result<Option<Vec<SeenImage>>, Fault> {
    let sql = "SELECT digest FROM seen_images WHERE service = ?";
    let seen: Vec<String> =
        sqlx::query_scalar(sql).bind(service.as_str()).fetch_all(&mut *connection).await?;
    let mut seen: HashSet<&str> = seen.iter().map(String::as_str).collect();
    let mut new = Vec::new();
    for image in found {
        if seen.insert(image.digest.as_str())
            && !is_built(connection, service, image).await?
            && kept_version(connection, service, &image.digest).await?.is_none()
        {
            new.push(image.clone());
        }
    }
    if !new.is_empty() && is_pushing(connection, service).await? {
        return Ok(None);
    }
    Ok(Some(new))
}

/// Whether a build of a service may have pushed an image that it has not kept yet.
async fn is_pushing(
    connection: &mut SqliteConnection,
    service: &ServiceName,
) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM builds, json_each(steps) AS step
        WHERE service = ? AND state = 'running'
            AND json_extract(step.value, '$.kind') = 'push'
            AND json_extract(step.value, '$.state') IN ('running', 'passed')
            AND ifnull(json_extract(image, '$.reference'), 'sha256:') LIKE 'sha256:%'
        LIMIT 1";
    let found = sqlx::query(sql).bind(service.as_str()).fetch_optional(connection).await?;
    Ok(found.is_some())
}
