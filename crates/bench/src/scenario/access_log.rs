//! What it costs an edge to tell a Fluentd of each request.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use launcher_fluent::{ListenOptions, Listener};

use crate::edge::Pair;
use crate::report::Figure;
use crate::{Settings, peers};

use super::scratch;

/// The share of an edge's throughput that goes into it: that of an edge with a log, beside that of one
/// without. Who takes the log runs on the same machine, and acknowledges it.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let upstream = peers::upstream(&settings.program)?;
    let (listener, mut batches) =
        Listener::bind(ListenOptions::at(SocketAddr::from(([127, 0, 0, 1], 0)))).await?;
    let taking = tokio::spawn(async move {
        while let Some(batch) = batches.recv().await {
            batch.ack.done();
        }
    });
    let target = listener.address().to_string();
    let pair = Pair {
        more: ("logged", &["--access-log-fluentd", &target]),
        less: ("unlogged", &[]),
        figures: ["access_log_cost", "access_log_cpu_per_request"],
    };
    let figures = pair.compare(settings, directory.path(), upstream.address).await?;
    let records = listener.received().records;
    ensure!(records > 0, "no record of the edge's log came, so nothing was measured");
    taking.abort();
    Ok(figures)
}
