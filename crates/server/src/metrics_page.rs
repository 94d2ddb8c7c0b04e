//! `/metrics`: what the server shows to Prometheus. It needs a token that may look, as all but the probes
//! does.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use launcher_control::hub::EdgeView;
use launcher_exposition::{Error, Page, answer};
use launcher_fluent::receive::{Errors, Received};
use launcher_model::measure::TrafficSample;
use launcher_model::{ServiceName, VersionNumber};
use launcher_telemetry::access::Left;
use launcher_telemetry::graphite::Counts;

use crate::App;
use crate::http::problem::Problem;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/metrics", get(show))
}

async fn show(State(app): State<App>) -> Result<Response, Problem> {
    let shown = Shown::of(&app).await?;
    Ok(answer(|page| shown.put_on(page)))
}

/// What is on the page.
struct Shown {
    edges: Vec<EdgeView>,
    live: Vec<(ServiceName, VersionNumber, u8)>,
    totals: Vec<TrafficSample>,
    late: u64,
    ahead: u64,
    file: u64,
    carbon: Option<Counts>,
    /// Questions to Graphite's web application that failed.
    graphite_failed: Option<u64>,
    records: Option<(Received, Vec<(Left, u64)>)>,
}

impl Shown {
    async fn of(app: &App) -> Result<Self, Problem> {
        let mut live = Vec::new();
        for service in app.store.services().await? {
            let name = service.spec.service.name;
            let route = app.store.route(&name).await?;
            let weights = route.weights.into_iter();
            live.extend(weights.map(|(version, weight)| (name.clone(), version, weight.percent())));
        }
        let gathered = app.telemetry.gathered();
        let rejected = gathered.rejected();
        Ok(Self {
            edges: app.control.hub().edges(),
            live,
            totals: gathered.totals(),
            late: rejected.late,
            ahead: rejected.ahead,
            file: app.telemetry.used().await?,
            carbon: app.telemetry.graphite().map(|graphite| graphite.carbon.counts()),
            graphite_failed: app.telemetry.graphite_to_ask().map(|(_, web)| web.failed()),
            records: app
                .access_logs
                .as_ref()
                .map(|logs| (logs.receiving.read(), logs.left_out.read().collect())),
        })
    }

    fn put_on(&self, page: &Page) -> Result<(), Error> {
        self.installation(page)?;
        self.traffic(page)?;
        self.telemetry(page)?;
        self.access_logs(page)
    }

    fn installation(&self, page: &Page) -> Result<(), Error> {
        page.gauges("launcher_info", "The server's version.", &["version"])?
            .set(&[env!("CARGO_PKG_VERSION")], 1.0)?;
        let weights = page.gauges(
            "launcher_route_weight_percent",
            "A version's share of its service's production traffic.",
            &["service", "version"],
        )?;
        for (service, version, percent) in &self.live {
            weights.set(&[service.as_str(), &version.to_string()], f64::from(*percent))?;
        }
        let edges = page.gauges(
            "launcher_edge_connected",
            "An edge that is connected.",
            &["edge", "driver", "version"],
        )?;
        let lag = page.gauges(
            "launcher_edge_lag_seconds",
            "From a question to an edge to its answer, the last time.",
            &["edge"],
        )?;
        for edge in &self.edges {
            edges.set(&[edge.name.as_str(), &edge.driver, &edge.version], 1.0)?;
            if let Some(last) = edge.lag {
                lag.set(&[edge.name.as_str()], last.as_secs_f64())?;
            }
        }
        Ok(())
    }

    /// By all edges together, since the start of the server.
    fn traffic(&self, page: &Page) -> Result<(), Error> {
        let labels = &["service", "version"];
        let by_code = page.counters(
            "launcher_requests_total",
            "Requests that edges have answered, by the class of the status.",
            &["service", "version", "code"],
        )?;
        let times = page.times(
            "launcher_request_duration_seconds",
            "From the whole head of a request to the end of its response.",
            labels,
        )?;
        let failed = page.counters(
            "launcher_requests_failed_total",
            "Requests whose container could not be reached, broke off or took too long.",
            labels,
        )?;
        for TrafficSample { service, version, traffic } in &self.totals {
            let version = version.to_string();
            for (class, count) in (1..).zip(traffic.requests) {
                by_code.set(&[service.as_str(), &version, &format!("{class}xx")], count)?;
            }
            times.set(&[service.as_str(), &version], traffic.latency.clone())?;
            failed.set(&[service.as_str(), &version], traffic.failed)?;
        }
        Ok(())
    }

    fn telemetry(&self, page: &Page) -> Result<(), Error> {
        let rejected = page.counters(
            "launcher_samples_rejected_total",
            "Samples that were not taken, as they came too late or their clock is ahead.",
            &["why"],
        )?;
        rejected.set(&["late"], self.late)?;
        rejected.set(&["ahead"], self.ahead)?;
        page.gauges("launcher_metrics_file_bytes", "What is in use of the file of metrics.", &[])?
            .count(&[], self.file)?;
        let one = |name: &str, help: &str, value| page.counters(name, help, &[])?.set(&[], value);
        if let Some(failed) = self.graphite_failed {
            let help =
                "Questions to Graphite's web application that had no answer that makes sense.";
            one("launcher_graphite_unanswered_total", help, failed)?;
        }
        let Some(carbon) = &self.carbon else { return Ok(()) };
        one("launcher_graphite_sent_total", "Numbers that carbon was told.", carbon.sent)?;
        one(
            "launcher_graphite_dropped_total",
            "Numbers that carbon will not get.",
            carbon.dropped,
        )?;
        one("launcher_graphite_errors_total", "Connections to carbon that failed.", carbon.errors)?;
        page.gauges("launcher_graphite_waiting", "Numbers that wait for carbon.", &[])?
            .count(&[], carbon.waiting)
    }

    /// What came by Fluentd's protocol.
    fn access_logs(&self, page: &Page) -> Result<(), Error> {
        let Some((received, left)) = &self.records else { return Ok(()) };
        page.gauges("launcher_fluentd_connections", "Clients that are connected.", &[])?
            .count(&[], received.open)?;
        page.counters("launcher_fluentd_records_total", "Records that came.", &[])?
            .set(&[], received.records)?;
        let left_out = page.counters(
            "launcher_fluentd_left_out_total",
            "Records that came and were not counted as requests.",
            &["why"],
        )?;
        for (why, records) in left {
            left_out.set(&[why.as_str()], *records)?;
        }
        let errors = page.counters(
            "launcher_fluentd_errors_total",
            "Entries, signals and connections of clients that were not taken or broke off.",
            &["why"],
        )?;
        let Errors {
            entries,
            other_signals,
            malformed,
            too_large,
            handshake,
            tls,
            stalled,
            broken,
        } = received.errors;
        for (why, count) in [
            ("entry", entries),
            ("other_signal", other_signals),
            ("malformed", malformed),
            ("too_large", too_large),
            ("handshake", handshake),
            ("tls", tls),
            ("stalled", stalled),
            ("broken", broken),
            ("too_many", received.refused),
        ] {
            errors.set(&[why], count)?;
        }
        Ok(())
    }
}
