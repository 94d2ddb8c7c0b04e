//! Looking up.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row, SqliteConnection};

use super::Embedded;
use super::levels::Level;
use super::pack::unpack;
use super::roll::{between, malformed, rolled};
use crate::error::Result;
use crate::gathered::{Gathered, WINDOW, start};
use crate::key::{Key, Value};
use crate::measure::Measure;
use crate::query::{Numbers, Steps, Wanted};

impl Embedded {
    /// What was measured, in these steps.
    pub(crate) async fn numbers(&self, wanted: &[Wanted], steps: &Steps) -> Result<Vec<Numbers>> {
        let mut all = vec![Numbers::new(); wanted.len()];
        // Each is read once, and none of them longer in memory than it has to be.
        let keys: BTreeSet<&Key> = wanted.iter().map(|(key, _)| key).collect();
        for key in keys {
            let found = self.read(key, steps).await?;
            for (place, (_, measure)) in all.iter_mut().zip(wanted).filter(|(_, (of, _))| of == key)
            {
                *place = numbers(*measure, &found, steps);
            }
        }
        Ok(all)
    }

    /// What was measured, by the second at which each step begins.
    async fn read(&self, key: &Key, steps: &Steps) -> Result<BTreeMap<i64, Value>> {
        let Steps { mut level, from, until, step } = *steps;
        let now = self.gathered.now();
        // What is newer than this is in memory.
        let recent = start(now - WINDOW) + crate::gathered::CHUNK;
        let mut found = Found { step, slots: BTreeMap::new() };
        let mut connection = self.pool.acquire().await.map_err(self.fails("reading it"))?;
        if let Some(series) =
            series(&mut connection, key).await.map_err(self.fails("reading it"))?
        {
            let mut from = from;
            loop {
                let end = match level {
                    Level::Second | Level::TenSeconds => recent,
                    rolling => {
                        rolled(&mut connection, rolling).await.map_err(self.fails("reading it"))?
                    }
                };
                let end = end.min(recent).min(until);
                // A row may have begun before.
                let first = from - from.rem_euclid(level.row());
                let rows = between(&mut connection, series, level, first, end).await;
                for (at, data) in rows.map_err(self.fails("reading it"))? {
                    for (at, value) in unpack(at, &data).map_err(|cause| malformed(at, cause))? {
                        if (from..end).contains(&at) {
                            found.add(at, value);
                        }
                    }
                }
                if matches!(level, Level::Second | Level::TenSeconds) {
                    break;
                }
                // What has not been put together yet is read where it is.
                from = from.max(end);
                level = level.below();
            }
        }
        for (at, value) in self.gathered.since(key, recent.max(from)) {
            if at < until {
                found.add(at, value);
            }
        }
        Ok(found.slots)
    }

    /// Puts what was measured last back into memory.
    pub(super) async fn restore(&self) -> Result<()> {
        let fails = self.fails("reading what was measured last");
        let from = start(self.gathered.now() - WINDOW);
        let sql = "SELECT key, level, at, data FROM series CROSS JOIN points
            ON series = id AND level < 2 AND at >= ?";
        let rows = sqlx::query(sql).bind(from).fetch_all(&self.pool).await.map_err(&fails)?;
        for row in rows {
            let (key, level): (String, i64) =
                (row.try_get(0).map_err(&fails)?, row.try_get(1).map_err(&fails)?);
            let at: i64 = row.try_get(2).map_err(&fails)?;
            let data: Vec<u8> = row.try_get(3).map_err(&fails)?;
            let Some(key) = Key::read(&key) else { continue };
            let wanted =
                if matches!(key, Key::Traffic(..)) { Level::Second } else { Level::TenSeconds };
            if level != wanted.number() {
                continue;
            }
            for (at, value) in unpack(at, &data).map_err(|cause| malformed(at, cause))? {
                self.gathered.restore(&key, at, value);
            }
        }
        Ok(())
    }

    /// Bytes that are in use of the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn used(&self) -> Result<u64> {
        let mut connection = self.pool.acquire().await.map_err(self.fails("reading it"))?;
        super::rest::used(&mut connection).await.map_err(self.fails("reading it"))
    }
}

fn numbers(measure: Measure, found: &BTreeMap<i64, Value>, steps: &Steps) -> Numbers {
    #[expect(clippy::cast_precision_loss, reason = "a step is some days at most")]
    let seconds = steps.step as f64;
    let value = |at| match found.get(&at) {
        Some(value) => measure.of(value, seconds),
        None => measure.of_nothing(),
    };
    steps.starts().map(value).collect()
}

/// What is known without the file, in these steps.
pub(crate) fn numbers_in_memory(
    gathered: &Gathered,
    wanted: &[Wanted],
    steps: &Steps,
) -> Vec<Numbers> {
    let of = |(key, measure): &Wanted| {
        let mut found = Found { step: steps.step, slots: BTreeMap::new() };
        for (at, value) in gathered.since(key, steps.from) {
            if at < steps.until {
                found.add(at, value);
            }
        }
        numbers(*measure, &found.slots, steps)
    };
    wanted.iter().map(of).collect()
}

/// What was found, put together by steps.
struct Found {
    step: i64,
    slots: BTreeMap<i64, Value>,
}

impl Found {
    fn add(&mut self, at: i64, value: Value) {
        let slot = at - at.rem_euclid(self.step);
        self.slots.entry(slot).and_modify(|sum| sum.after(&value)).or_insert(value);
    }
}

async fn series(connection: &mut SqliteConnection, key: &Key) -> sqlx::Result<Option<i64>> {
    let sql = "SELECT id FROM series WHERE key = ?";
    let row = sqlx::query(sql).bind(key.to_string()).fetch_optional(connection).await?;
    row.map(|row| row.try_get(0)).transpose()
}
