//! What the installation knows of itself.

use std::fmt::Write as _;

use sqlx::SqliteConnection;

use super::fault::Fault;
use super::row::corrupt;
use super::write::Write;

/// Eight random bytes, in hexadecimal.
pub(super) fn random_id() -> String {
    rand::random::<[u8; 8]>().iter().fold(String::with_capacity(16), |mut id, byte| {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// The id of the installation, made now when there is none.
pub(super) async fn installation(connection: &mut SqliteConnection) -> Result<String, Fault> {
    let made = "INSERT INTO meta (key, value) VALUES ('installation', ?) ON CONFLICT DO NOTHING";
    sqlx::query(made).bind(random_id()).execute(&mut *connection).await?;
    let id = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'installation'")
        .fetch_one(connection)
        .await?;
    Ok(id)
}

/// Counts one start.
pub(super) async fn next_epoch(write: &mut Write) -> Result<u64, Fault> {
    let sql = "INSERT INTO meta (key, value) VALUES ('epoch', '1')
        ON CONFLICT DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)
        RETURNING value";
    let epoch: String = sqlx::query_scalar(sql).fetch_one(write.connection()?).await?;
    epoch.parse().map_err(|error| corrupt("epoch", &error))
}

/// Writes something that nobody reads.
pub(super) async fn ping(write: &mut Write) -> Result<(), Fault> {
    let sql = "INSERT INTO meta (key, value) VALUES ('ping', '1')
        ON CONFLICT DO UPDATE SET value = CASE value WHEN '1' THEN '2' ELSE '1' END";
    sqlx::query(sql).execute(write.connection()?).await?;
    Ok(())
}
