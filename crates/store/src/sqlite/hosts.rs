//! Hosts, as they were last observed.

use jiff::Timestamp;
use launcher_model::container::Host;
use sqlx::SqliteExecutor;
use sqlx::sqlite::SqliteRow;

use super::fault::Fault;
use super::row::{json, maybe_time, time, to_json};
use super::write::Write;
use crate::RecordedHost;

const HOST: &str = "host";

pub(super) async fn list<'c>(
    executor: impl SqliteExecutor<'c>,
) -> Result<Vec<RecordedHost>, Fault> {
    let rows = sqlx::query("SELECT * FROM hosts ORDER BY name").fetch_all(executor).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &SqliteRow) -> Result<RecordedHost, Fault> {
    Ok(RecordedHost {
        host: json(row, "host", HOST)?,
        recorded_at: time(row, "recorded_at")?,
        gone_at: maybe_time(row, "gone_at")?,
    })
}

/// Whether these say something that is not recorded yet.
pub(super) fn differ(recorded: &[RecordedHost], observed: &[Host]) -> bool {
    let mut present: Vec<&Host> =
        recorded.iter().filter(|known| known.gone_at.is_none()).map(|known| &known.host).collect();
    let mut observed: Vec<&Host> = observed.iter().collect();
    present.sort_by(|a, b| a.name.cmp(&b.name));
    observed.sort_by(|a, b| a.name.cmp(&b.name));
    present != observed
}

pub(super) async fn record(
    write: &mut Write,
    observed: &[Host],
    at: Timestamp,
) -> Result<(), Fault> {
    let recorded = list(write.connection()?).await?;
    let known =
        |host: &Host| recorded.iter().any(|known| known.gone_at.is_none() && known.host == *host);
    for host in observed.iter().filter(|host| !known(host)) {
        upsert(write, host, at).await?;
    }
    let gone = recorded.iter().filter(|known| {
        known.gone_at.is_none() && !observed.iter().any(|host| host.name == known.host.name)
    });
    for host in gone {
        let sql = "UPDATE hosts SET gone_at = ? WHERE name = ?";
        sqlx::query(sql)
            .bind(at.as_microsecond())
            .bind(host.host.name.as_str())
            .execute(write.connection()?)
            .await?;
    }
    Ok(())
}

async fn upsert(write: &mut Write, host: &Host, at: Timestamp) -> Result<(), Fault> {
    let sql = "INSERT INTO hosts (name, address, host, recorded_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET address = ?2, host = ?3, recorded_at = ?4, gone_at = NULL";
    sqlx::query(sql)
        .bind(host.name.as_str())
        .bind(host.address.as_str())
        .bind(to_json(HOST, host)?)
        .bind(at.as_microsecond())
        .execute(write.connection()?)
        .await?;
    Ok(())
}
