//! Routes.

use launcher_model::route::Route;
use launcher_model::{Generation, ServiceName};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};

use super::fault::Fault;
use super::row::{corrupt, json, to_json, word};
use super::write::Write;

pub(super) const ROUTE: &str = "route";

pub(super) async fn one<'c>(
    executor: impl SqliteExecutor<'c>,
    service: &ServiceName,
) -> Result<Route, Fault> {
    let sql = "SELECT generation, weights FROM routes WHERE service = ?";
    let row = sqlx::query(sql).bind(service.as_str()).fetch_optional(executor).await?;
    match row {
        Some(row) => from_row(service.clone(), &row),
        None => Ok(Route::none(service.clone())),
    }
}

pub(super) async fn all<'c>(executor: impl SqliteExecutor<'c>) -> Result<Vec<Route>, Fault> {
    let rows = sqlx::query("SELECT * FROM routes").fetch_all(executor).await?;
    rows.iter().map(|row| from_row(word(row, "service", ROUTE)?, row)).collect()
}

fn from_row(service: ServiceName, row: &SqliteRow) -> Result<Route, Fault> {
    let generation = generation(row.try_get("generation")?)?;
    Ok(Route { service, generation, weights: json(row, "weights", ROUTE)? })
}

pub(super) fn generation(column: i64) -> Result<Generation, Fault> {
    u64::try_from(column).map(Generation).map_err(|error| corrupt(ROUTE, &error))
}

pub(super) fn to_column(generation: Generation) -> Result<i64, Fault> {
    i64::try_from(generation.0).map_err(|error| corrupt(ROUTE, &error))
}

pub(super) async fn store(write: &mut Write, route: &Route) -> Result<(), Fault> {
    let sql = "INSERT INTO routes (service, generation, weights) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET generation = ?2, weights = ?3";
    sqlx::query(sql)
        .bind(route.service.as_str())
        .bind(to_column(route.generation)?)
        .bind(to_json(ROUTE, &route.weights)?)
        .execute(write.connection()?)
        .await?;
    Ok(())
}

/// Takes a deleted service's traffic away. The generation stays, so that it only grows when a service
/// of the same name comes back.
pub(super) async fn empty(write: &mut Write, service: &ServiceName) -> Result<(), Fault> {
    let mut route = one(write.connection()?, service).await?;
    if route.weights.is_empty() {
        return Ok(());
    }
    route.generation = route.generation.next();
    route.weights.clear();
    store(write, &route).await
}
