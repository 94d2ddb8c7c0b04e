//! Images of builds that nobody needs any more.

use jiff::Timestamp;
use launcher_model::event::NewEvent;
use launcher_model::image::Digest;
use launcher_model::{BuildId, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::events;
use super::fault::Fault;
use super::row::{json, time, word};
use super::write::Write;
use crate::LeftImage;

/// One that never left the engine and became no version is left to the next build of its service, which may
/// find its layers in the cache, and goes with that one's end.
const LEFT: &str = "SELECT id, service, image, version, commit_id, created_at FROM builds
    WHERE image IS NOT NULL AND image_gone_at IS NULL AND state NOT IN ('queued', 'running')
        AND (?1 IS NULL OR json_extract(image, '$.digest') = ?1)
        AND (version IS NOT NULL OR json_extract(image, '$.reference') NOT LIKE 'sha256:%'
            OR EXISTS (SELECT 1 FROM builds AS later
                WHERE later.service = builds.service AND later.id > builds.id
                    AND later.image IS NOT NULL AND later.state NOT IN ('queued', 'running'))
            OR NOT EXISTS (SELECT 1 FROM services WHERE name = builds.service))
        AND NOT EXISTS (SELECT 1 FROM versions
            JOIN environments ON environments.service = versions.service AND version = number
            WHERE digest = json_extract(builds.image, '$.digest') AND environments.state <> 'destroyed')
        AND NOT EXISTS (SELECT 1 FROM builds AS other
            WHERE other.state IN ('queued', 'running')
                AND json_extract(other.image, '$.digest') = json_extract(builds.image, '$.digest'))
        AND NOT EXISTS (SELECT 1 FROM builds AS other, json_each(other.steps) AS step
            WHERE other.state = 'running'
                AND json_extract(step.value, '$.kind') = 'push'
                AND json_extract(step.value, '$.state') IN ('running', 'passed')
                AND ifnull(json_extract(other.image, '$.reference'), 'sha256:') LIKE 'sha256:%')
    ORDER BY id";

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    digest: Option<&Digest>,
) -> Result<Vec<LeftImage>, Fault> {
    let rows = sqlx::query(LEFT).bind(digest.map(Digest::as_str)).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<LeftImage, Fault> {
    let version: Option<u32> = row.try_get("version")?;
    Ok(LeftImage {
        build: BuildId(row.try_get("id")?),
        service: word(row, "service", "build")?,
        image: json(row, "image", "build")?,
        version: version.map(VersionNumber),
        commit: row.try_get("commit_id")?,
        created_at: time(row, "created_at")?,
    })
}

pub(super) async fn gone(
    write: &mut Write,
    builds: &[BuildId],
    new_events: &[NewEvent],
    at: Timestamp,
) -> Result<(), Fault> {
    for build in builds {
        let sql = "UPDATE builds SET image_gone_at = ? WHERE id = ? AND image_gone_at IS NULL";
        let done = sqlx::query(sql).bind(at.as_microsecond()).bind(build.0);
        done.execute(write.connection()?).await?;
    }
    for event in new_events {
        events::record_one(write, event.clone(), at).await?;
    }
    Ok(())
}
