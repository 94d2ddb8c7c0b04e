//! A visitor with a keep-alive connection.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::Crowd;
use crate::demo::http::Connection;

/// From an answer to the next request.
const PAUSE: Duration = Duration::from_millis(20);
/// From a connection that broke to the next one.
const RECONNECT: Duration = Duration::from_millis(100);
/// One visitor in so many asks for what takes its time, so that there are always requests in flight.
const SLOW: usize = 8;

/// Makes one request after the other until the load ends.
pub(super) async fn come(crowd: Crowd, number: usize) {
    let path = if number.is_multiple_of(SLOW) { "/slow?ms=250" } else { "/version" };
    while !crowd.stop.is_cancelled() {
        match crowd.door.open().await {
            Ok(connection) => stay(&crowd, connection, path).await,
            Err(error) => {
                crowd.seen.sent();
                crowd.seen.failed(format!("{error:#}"));
            }
        }
        tokio::select! {
            () = crowd.stop.cancelled() => {}
            () = tokio::time::sleep(RECONNECT) => {}
        }
    }
}

/// Uses a connection as long as it lives.
async fn stay(crowd: &Crowd, mut connection: Connection, path: &str) {
    loop {
        if let Err(error) = ask(crowd, &mut connection, path).await {
            crowd.seen.failed(format!("GET {path}: {error:#}"));
        }
        if connection.is_closed() {
            return crowd.seen.closed("a connection");
        }
        tokio::select! {
            () = crowd.stop.cancelled() => return,
            () = connection.closed() => return crowd.seen.closed("a connection"),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn ask(crowd: &Crowd, connection: &mut Connection, path: &str) -> Result<()> {
    crowd.seen.sent();
    let asked = Instant::now();
    let answer = connection.get(path).await?;
    let answered = Instant::now();
    if !answer.status.is_success() {
        let body = String::from_utf8_lossy(&answer.body);
        bail!("answered with {}: {}", answer.status, body.lines().next().unwrap_or_default());
    }
    let version = answer.version.ok_or_else(|| anyhow!("answered by something else"))?;
    if answer.body != version.to_string() {
        bail!("the answer of version {version} was not whole");
    }
    crowd.seen.answered(version);
    if !crowd.live.was(version, asked, answered) {
        crowd.seen.wrong_version(version);
    }
    Ok(())
}
