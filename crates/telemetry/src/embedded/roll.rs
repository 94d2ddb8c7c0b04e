//! Writing down, and putting together what the next level says.

use std::collections::HashMap;

use launcher_model::measure::{Merge, Traffic};
use sqlx::{Connection, Row, Sqlite, SqliteConnection, Transaction};

use super::levels::Level;
use super::pack::{pack, pack_seconds, unpack};
use super::{Embedded, file, rest};
use crate::error::{Error, Result};
use crate::gathered::{CHUNK, Written};
use crate::key::{Key, Value};

impl Embedded {
    /// Writes down what was measured in the ten seconds from `start` on, in the place of what it had of
    /// them.
    pub(crate) async fn write(&self, start: i64, written: Written) -> Result<()> {
        let fails = self.fails("writing what was measured");
        let mut transaction = self.pool.begin().await.map_err(&fails)?;
        for (key, seconds) in &written.traffic {
            let series = series(&mut transaction, key).await.map_err(&fails)?;
            let packed = pack_seconds(start, seconds).map_err(|cause| malformed(start, cause))?;
            put(&mut transaction, series, Level::Second, start, &packed).await.map_err(&fails)?;
            let mut sum = Traffic::default();
            seconds.iter().for_each(|(_, traffic)| sum.after(traffic));
            let packed = pack(&Value::Traffic(sum)).map_err(|cause| malformed(start, cause))?;
            put(&mut transaction, series, Level::TenSeconds, start, &packed)
                .await
                .map_err(&fails)?;
        }
        for (key, value) in &written.usage {
            let series = series(&mut transaction, key).await.map_err(&fails)?;
            let packed = pack(value).map_err(|cause| malformed(start, cause))?;
            put(&mut transaction, series, Level::TenSeconds, start, &packed)
                .await
                .map_err(&fails)?;
        }
        for level in Level::ROLLED {
            // It has come late.
            let sql = "UPDATE rolled SET until = min(until, ?) WHERE level = ?";
            let slot = start - start.rem_euclid(level.step());
            let late = sqlx::query(sql).bind(slot).bind(level.number());
            late.execute(&mut *transaction).await.map_err(&fails)?;
        }
        transaction.commit().await.map_err(&fails)?;
        launcher_fault::point("telemetry.written");
        Ok(())
    }

    /// Puts together what has become whole of each level, and drops what is too old.
    pub(crate) async fn roll_up(&self) -> Result<()> {
        let now = self.gathered.now();
        for level in Level::ROLLED {
            let mut connection = self.pool.acquire().await.map_err(self.fails("reading it"))?;
            // What is still to be written down belongs to a later time.
            let until = (now - CHUNK - 5).div_euclid(level.step()) * level.step();
            self.roll(&mut connection, level, until).await?;
        }
        let mut connection = self.pool.acquire().await.map_err(self.fails("reading it"))?;
        rest::drop_old(&mut connection, now).await.map_err(self.fails("dropping what is old"))?;
        let fails = self.fails("making room");
        rest::keep_below(&mut connection, self.most_bytes).await.map_err(fails)?;
        file::empty_log(&mut connection).await.map_err(self.fails("emptying its log"))
    }

    async fn roll(
        &self,
        connection: &mut SqliteConnection,
        level: Level,
        until: i64,
    ) -> Result<()> {
        let fails = self.fails("putting together what was measured");
        let below = level.below();
        let from = rolled(connection, level).await.map_err(&fails)?;
        if from >= until {
            return Ok(());
        }
        // What was dropped already need not be looked for.
        let from = from.max(until - below.kept()).div_euclid(level.step()) * level.step();
        let mut transaction = connection.begin().await.map_err(&fails)?;
        let all = sqlx::query("SELECT id FROM series").fetch_all(&mut *transaction).await;
        for row in all.map_err(&fails)? {
            let series: i64 = row.try_get(0).map_err(&fails)?;
            let mut slots: HashMap<i64, Value> = HashMap::new();
            let rows =
                between(&mut transaction, series, below, from, until).await.map_err(&fails)?;
            for (at, data) in rows {
                for (at, value) in unpack(at, &data).map_err(|cause| malformed(at, cause))? {
                    let slot = at - at.rem_euclid(level.step());
                    slots.entry(slot).and_modify(|sum| sum.after(&value)).or_insert(value);
                }
            }
            for (slot, value) in slots {
                let packed = pack(&value).map_err(|cause| malformed(slot, cause))?;
                put(&mut transaction, series, level, slot, &packed).await.map_err(&fails)?;
            }
        }
        let sql =
            "INSERT INTO rolled VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until";
        let done = sqlx::query(sql).bind(level.number()).bind(until);
        done.execute(&mut *transaction).await.map_err(&fails)?;
        transaction.commit().await.map_err(&fails)?;
        launcher_fault::point("telemetry.rolled");
        Ok(())
    }
}

pub(super) fn malformed(at: i64, cause: postcard::Error) -> Error {
    Error::Malformed { at, cause }
}

/// Up to which second a level has been put together.
pub(super) async fn rolled(connection: &mut SqliteConnection, level: Level) -> sqlx::Result<i64> {
    let sql = "SELECT until FROM rolled WHERE level = ?";
    let row = sqlx::query(sql).bind(level.number()).fetch_optional(connection).await?;
    row.map_or(Ok(0), |row| row.try_get(0))
}

/// The rows of a series that begin in a span of time.
pub(super) async fn between(
    connection: &mut SqliteConnection,
    series: i64,
    level: Level,
    from: i64,
    until: i64,
) -> sqlx::Result<Vec<(i64, Vec<u8>)>> {
    let sql = "SELECT at, data FROM points WHERE series = ? AND level = ? AND at >= ? AND at < ?
        ORDER BY at";
    let query = sqlx::query(sql).bind(series).bind(level.number()).bind(from).bind(until);
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn series(transaction: &mut Transaction<'_, Sqlite>, key: &Key) -> sqlx::Result<i64> {
    let sql =
        "INSERT INTO series (key) VALUES (?) ON CONFLICT DO UPDATE SET key = key RETURNING id";
    sqlx::query(sql).bind(key.to_string()).fetch_one(&mut **transaction).await?.try_get(0)
}

async fn put(
    transaction: &mut Transaction<'_, Sqlite>,
    series: i64,
    level: Level,
    at: i64,
    data: &[u8],
) -> sqlx::Result<()> {
    let sql =
        "INSERT INTO points VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data";
    let query = sqlx::query(sql).bind(series).bind(level.number()).bind(at).bind(data);
    query.execute(&mut **transaction).await.map(drop)
}
