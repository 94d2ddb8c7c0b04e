//! Containers' logs.

use bollard::query_parameters::{LogsOptions, LogsOptionsBuilder};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::Engine;
use super::connection::Call;
use super::lines::{Stamps, lines};
use crate::{LogLine, LogOptions, Result};

impl Engine {
    pub(super) async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let call = self.connection.call("reading a log").await?;
        let told = self.own(&call, container).await?;
        let id = told.id.unwrap_or_else(|| container.to_owned());
        Ok(read(&call, &id, options))
    }
}

/// The log of a container of ours.
pub(super) fn read(
    call: &Call,
    id: &str,
    options: LogOptions,
) -> BoxStream<'static, Result<LogLine>> {
    let call = call.clone();
    let pieces =
        call.api.logs(id, Some(query(options))).map(move |piece| piece.map_err(|e| call.fail(e)));
    lines(pieces, Stamps::Each).boxed()
}

/// Which part of a log is asked for: of both streams, with the time of each line.
pub(crate) fn query(options: LogOptions) -> LogsOptions {
    let tail = options.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    // The first second of which something is asked for.
    let since =
        options.since.map_or(0, |since| i32::try_from(since.as_second()).unwrap_or(i32::MAX));
    LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .follow(options.follow)
        .since(since.max(0))
        .tail(&tail)
        .build()
}
