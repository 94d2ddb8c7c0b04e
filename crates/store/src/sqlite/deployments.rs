//! Deployments.

mod steps;

use launcher_model::route::{Deployment, DeploymentState, Weights};
use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteExecutor};

use super::fault::Fault;
use super::routes;
use super::row::{among, json, maybe_json, maybe_time, time, to_json, word};
use super::write::Write;
use crate::{DeploymentFilter, Error};

pub(super) use steps::{abort, begin, commit, drained, live, set_state};

const DEPLOYMENT: &str = "deployment";

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    id: DeploymentId,
) -> Result<Option<Deployment>, Fault> {
    let sql = "SELECT * FROM deployments WHERE id = ?";
    let row = sqlx::query(sql).bind(id.0).fetch_optional(executor).await?;
    row.as_ref().map(from_row).transpose()
}

async fn existing(write: &mut Write, id: DeploymentId) -> Result<Deployment, Fault> {
    let found = one(write.connection()?, id).await?;
    found.ok_or_else(|| Error::NoSuch { what: DEPLOYMENT, name: id.to_string() }.into())
}

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
    filter: &DeploymentFilter,
) -> Result<Vec<Deployment>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM deployments WHERE id < ");
    query.push_bind(filter.page.before.unwrap_or(i64::MAX));
    if let Some(service) = &filter.service {
        query.push(" AND service = ").push_bind(service.as_str());
    }
    among(&mut query, filter.among.as_deref());
    query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.page.limit);
    let rows = query.build().fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn after<'c>(
    executor: impl SqliteExecutor<'c>,
    after: DeploymentId,
    each: u32,
) -> Result<Vec<Deployment>, Fault> {
    let sql = "SELECT * FROM (
            SELECT *, row_number() OVER (PARTITION BY service ORDER BY id DESC) AS place
            FROM deployments WHERE id > ?
        ) WHERE place <= ? ORDER BY id DESC";
    let rows = sqlx::query(sql).bind(after.0).bind(each).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn unfinished<'c>(
    executor: impl SqliteExecutor<'c>,
) -> Result<Vec<Deployment>, Fault> {
    let sql = "SELECT * FROM deployments WHERE state NOT IN ('done', 'aborted') ORDER BY id";
    let rows = sqlx::query(sql).fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

/// The deployment of a service that others must wait for.
pub(super) async fn blocking(
    write: &mut Write,
    service: &ServiceName,
) -> Result<Option<DeploymentId>, Fault> {
    let sql = "SELECT id FROM deployments
        WHERE service = ? AND state IN ('starting', 'preparing', 'committing')";
    let id =
        sqlx::query_scalar(sql).bind(service.as_str()).fetch_optional(write.connection()?).await?;
    Ok(id.map(DeploymentId))
}

async fn insert(write: &mut Write, deployment: &Deployment) -> Result<Option<DeploymentId>, Fault> {
    let sql = "INSERT INTO deployments
            (service, kind, state, from_weights, to_weights, asked_by, automatic, newest, note, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id";
    let id = sqlx::query_scalar(sql)
        .bind(deployment.service.as_str())
        .bind(super::row::to_word(DEPLOYMENT, &deployment.kind)?)
        .bind(deployment.state.as_str())
        .bind(to_json(DEPLOYMENT, &deployment.from)?)
        .bind(to_json(DEPLOYMENT, &deployment.to)?)
        .bind(deployment.by.as_str())
        .bind(deployment.automatic)
        .bind(deployment.newest.map(|version| version.0))
        .bind(deployment.note.as_deref())
        .bind(deployment.created_at.as_microsecond())
        .fetch_optional(write.connection()?)
        .await?;
    Ok(id.map(DeploymentId))
}

/// Keeps what a deployment's steps change.
async fn update(write: &mut Write, deployment: &Deployment) -> Result<(), Fault> {
    let sql = "UPDATE deployments
        SET state = ?, generation = ?, finished_at = ?, abort_reason = ?, receipt = ? WHERE id = ?";
    let receipt = deployment.receipt.as_ref();
    sqlx::query(sql)
        .bind(deployment.state.as_str())
        .bind(deployment.generation.map(routes::to_column).transpose()?)
        .bind(deployment.finished_at.map(jiff::Timestamp::as_microsecond))
        .bind(deployment.abort_reason.as_deref())
        .bind(receipt.map(|receipt| to_json(DEPLOYMENT, receipt)).transpose()?)
        .bind(deployment.id.0)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

fn from_row(row: &SqliteRow) -> Result<Deployment, Fault> {
    let generation: Option<i64> = row.try_get("generation")?;
    Ok(Deployment {
        id: DeploymentId(row.try_get("id")?),
        service: word(row, "service", DEPLOYMENT)?,
        kind: word(row, "kind", DEPLOYMENT)?,
        state: word(row, "state", DEPLOYMENT)?,
        from: json(row, "from_weights", DEPLOYMENT)?,
        to: json(row, "to_weights", DEPLOYMENT)?,
        generation: generation.map(routes::generation).transpose()?,
        by: row.try_get("asked_by")?,
        automatic: row.try_get("automatic")?,
        newest: row.try_get::<Option<u32>, _>("newest")?.map(VersionNumber),
        note: row.try_get("note")?,
        created_at: time(row, "created_at")?,
        finished_at: maybe_time(row, "finished_at")?,
        abort_reason: row.try_get("abort_reason")?,
        receipt: maybe_json(row, "receipt", DEPLOYMENT)?,
    })
}

fn wrong_state(deployment: &Deployment, to: DeploymentState) -> Fault {
    Error::WrongState { id: deployment.id, from: deployment.state, to }.into()
}

fn with_traffic(weights: &Weights) -> impl Iterator<Item = VersionNumber> + '_ {
    weights.iter().filter(|(_, weight)| weight.percent() > 0).map(|(version, _)| *version)
}
