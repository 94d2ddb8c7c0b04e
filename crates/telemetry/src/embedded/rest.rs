//! What goes: what is too old, and what there is no room for.

use sqlx::{Connection, Row, SqliteConnection};

use super::levels::Level;

/// Drops what is older than its level is kept, and series of which nothing is left.
pub(super) async fn drop_old(connection: &mut SqliteConnection, now: i64) -> sqlx::Result<()> {
    for level in Level::ALL {
        drop_before(connection, level, now - level.kept()).await?;
    }
    let sql = "DELETE FROM series WHERE id IN
        (SELECT id FROM series WHERE NOT EXISTS (SELECT 1 FROM points WHERE series = series.id))";
    sqlx::query(sql).execute(connection).await.map(drop)
}

/// Each series' rows of a level stand together, so nothing is searched.
async fn drop_before(
    connection: &mut SqliteConnection,
    level: Level,
    before: i64,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    let all = sqlx::query("SELECT id FROM series").fetch_all(&mut *transaction).await?;
    for row in all {
        let series: i64 = row.try_get(0)?;
        let sql = "DELETE FROM points WHERE series = ? AND level = ? AND at < ?";
        let query = sqlx::query(sql).bind(series).bind(level.number()).bind(before);
        query.execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Drops what is oldest of each level, until the file has room for what comes next.
pub(super) async fn keep_below(connection: &mut SqliteConnection, most: u64) -> sqlx::Result<()> {
    let mut shorter = 0;
    while shorter < 9 && used(connection).await? > most {
        shorter += 1;
        tracing::warn!(
            most,
            "there is no room for all that was measured; what is oldest is dropped"
        );
        for level in Level::ALL {
            let sql = "SELECT max(at) FROM points WHERE level = ?";
            let row = sqlx::query(sql).bind(level.number()).fetch_one(&mut *connection).await?;
            if let Some(newest) = row.try_get::<Option<i64>, _>(0)? {
                let kept = level.kept() / 10 * (10 - shorter);
                drop_before(connection, level, newest - kept).await?;
            }
        }
    }
    Ok(())
}

/// Bytes that are in use of the file. Pages that are free are used again.
pub(super) async fn used(connection: &mut SqliteConnection) -> sqlx::Result<u64> {
    let sql = "SELECT (page_count - freelist_count) * page_size
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let bytes: i64 = sqlx::query(sql).fetch_one(connection).await?.try_get(0)?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
