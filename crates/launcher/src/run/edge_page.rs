//! What an edge shows to Prometheus.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use launcher_edge::Counters;
use launcher_edge::stats::VersionCounters;
use launcher_exposition::{Error, Page, serve};
use launcher_fluent::Sent;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What has become of the access log.
pub(crate) struct Told {
    /// Requests that nothing was told of, because what tells could not follow.
    pub(crate) dropped: u64,
    /// Where it is sent.
    pub(crate) sent: Option<Sent>,
    /// Where it is written to a file.
    pub(crate) written: Option<Written>,
}

/// Lines of a file.
pub(crate) struct Written {
    pub(crate) lines: u64,
    pub(crate) lost: u64,
}

/// Tells it, while there is one.
pub(crate) type LogTold = Box<dyn Fn() -> Told + Send + Sync>;

/// From one attempt to listen to the next.
const AGAIN: Duration = Duration::from_secs(1);

/// Serves the page until what is returned is dropped. An edge that takes over from another one has to wait
/// for the address; traffic waits for nothing of this.
pub(crate) fn show(
    address: SocketAddr,
    name: String,
    counters: Counters,
    log: Option<LogTold>,
) -> AbortOnDropHandle<()> {
    let make = Arc::new(move |page: &Page| {
        if let Some(told) = &log {
            access_log(page, &told())?;
        }
        make(page, &name, &counters.read())
    });
    AbortOnDropHandle::new(tokio::spawn(async move {
        let listener = listen(address).await;
        if let Err(error) = serve(listener, make, std::future::pending()).await {
            tracing::error!(%error, "nothing is served for Prometheus any more");
        }
    }))
}

async fn listen(address: SocketAddr) -> TcpListener {
    let mut told = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if !told => {
                told = true;
                tracing::warn!(%address, %error, "metrics cannot be shown yet; it is tried again, and --metrics chooses another address");
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn access_log(page: &Page, told: &Told) -> Result<(), Error> {
    let count = |name: &str, help: &str, value| page.counters(name, help, &[])?.set(&[], value);
    count(
        "launcher_edge_access_log_dropped_total",
        "Requests that are in no log, because there were too many to be written down.",
        told.dropped,
    )?;
    if let Some(Written { lines, lost }) = told.written {
        count("launcher_edge_access_log_lines_total", "Lines written to the file.", lines)?;
        count(
            "launcher_edge_access_log_lines_lost_total",
            "Lines that could not be written to the file.",
            lost,
        )?;
    }
    told.sent.as_ref().map_or(Ok(()), |sent| fluentd(page, sent))
}

fn fluentd(page: &Page, log: &Sent) -> Result<(), Error> {
    let count = |name: &str, help: &str, value| page.counters(name, help, &[])?.set(&[], value);
    count(
        "launcher_edge_access_log_sent_total",
        "Records that a Fluentd has acknowledged.",
        log.records,
    )?;
    count(
        "launcher_edge_access_log_lost_total",
        "Records that no Fluentd will get, as there was no room for them.",
        log.lost + log.refused,
    )?;
    count(
        "launcher_edge_access_log_failures_total",
        "Connections to a Fluentd that could not be made, or came to a bad end.",
        log.failures,
    )?;
    page.gauges(
        "launcher_edge_access_log_waiting",
        "Records in the buffer on disk, which no Fluentd has acknowledged.",
        &[],
    )?
    .count(&[], log.waiting_records)
}

fn make(page: &Page, name: &str, versions: &[VersionCounters]) -> Result<(), Error> {
    let labels = &["service", "version"];
    let by_code = page.counters(
        "launcher_edge_requests_total",
        "Requests answered, by the class of the status.",
        &["service", "version", "code"],
    )?;
    let times = page.times(
        "launcher_edge_request_duration_seconds",
        "From the whole head of a request to the end of its response.",
        labels,
    )?;
    let counters = |name: &str, help: &str| page.counters(name, help, labels);
    let failed = counters(
        "launcher_edge_requests_failed_total",
        "Requests whose container could not be reached, broke off or took too long.",
    )?;
    let retried =
        counters("launcher_edge_requests_retried_total", "Requests that were sent a second time.")?;
    let ejected = counters(
        "launcher_edge_ejections_total",
        "How often a container was left out because it had failed too many requests in a row.",
    )?;
    let received = counters("launcher_edge_received_bytes_total", "Bytes that clients have sent.")?;
    let sent = counters("launcher_edge_sent_bytes_total", "Bytes that were sent to clients.")?;
    let in_flight =
        page.gauges("launcher_edge_requests_in_flight", "Requests under way.", labels)?;
    let connections = page.gauges(
        "launcher_edge_upgraded_connections",
        "Upgraded connections under way, such as WebSockets.",
        labels,
    )?;
    for VersionCounters { service, version, counted, latency } in versions {
        let version = version.to_string();
        let labels = &[service.as_str(), version.as_str()];
        for (class, count) in (1..).zip(counted.requests) {
            let code = format!("{class}xx");
            by_code.set(&[service.as_str(), &version, &code], count)?;
        }
        times.set(labels, latency.clone())?;
        failed.set(labels, counted.failed)?;
        retried.set(labels, counted.retried)?;
        ejected.set(labels, counted.ejected)?;
        received.set(labels, counted.received)?;
        sent.set(labels, counted.sent)?;
        let requests = counted.in_flight.requests + counted.previews.requests;
        let upgraded = counted.in_flight.connections + counted.previews.connections;
        in_flight.count(labels, requests)?;
        connections.count(labels, upgraded)?;
    }
    page.gauges("launcher_edge_info", "The edge's name and version.", &["edge", "version"])?
        .set(&[name, env!("CARGO_PKG_VERSION")], 1.0)
}
