//! `metrics`.

use launcher_model::ServiceName;
use launcher_server::api::views::MetricsView;
use launcher_telemetry::HostAnswer;
use serde_json::Value;

use super::Context;
use crate::cli::Failure;
use crate::cli::args::client::Metrics;
use crate::cli::output::say;
use crate::cli::render::metrics;

/// As many steps are drawn, a character each.
const STEPS: u64 = 30;

pub(super) async fn show((context, wanted): (Context, Metrics)) -> Result<(), Failure> {
    match (&wanted.host, &wanted.service) {
        (Some(host), _) => of_host(&context, &wanted, host).await,
        (None, Some(service)) => of_service(&context, &wanted, service).await,
        // One of them is required.
        (None, None) => Ok(()),
    }
}

async fn of_service(
    context: &Context,
    wanted: &Metrics,
    service: &ServiceName,
) -> Result<(), Failure> {
    let answer = ask(context, wanted, &["services", service.as_str(), "metrics"]).await?;
    if wanted.listing.json {
        return context.out.json(&answer);
    }
    let view: MetricsView = context.understand(answer)?;
    if view.measured.lines.is_empty() {
        say(&format!(
            "{service} has no environment; `launcher launch {service} --image REF` makes one"
        ));
        return Ok(());
    }
    context.out.text(&metrics::table(&view, &context.look))
}

async fn of_host(context: &Context, wanted: &Metrics, host: &str) -> Result<(), Failure> {
    let answer = ask(context, wanted, &["hosts", host, "metrics"]).await?;
    if wanted.listing.json {
        return context.out.json(&answer);
    }
    let answer: HostAnswer = context.understand(answer)?;
    if answer.lines.iter().all(|line| line.values.iter().all(Option::is_none)) {
        say(&format!(
            "nothing was measured of {host} in whole steps of that time: of a long one the first step may not be \
             over, ask for less; `launcher agent` measures a host, and the server its own"
        ));
        return Ok(());
    }
    context.out.text(&metrics::of_host(&answer, &context.look))
}

/// Asks for what is wanted, in as many steps as are drawn.
async fn ask(context: &Context, wanted: &Metrics, path: &[&str]) -> Result<Value, Failure> {
    let list = |names: Vec<String>| names.join(",");
    let versions = list(wanted.versions.iter().map(|version| version.0.to_string()).collect());
    let measures = list(wanted.measures.iter().map(ToString::to_string).collect());
    let from = format!("-{}", wanted.range);
    let step = format!("{}s", (wanted.range.duration().as_secs() / STEPS).max(1));
    let mut query = vec![("from", from.as_str())];
    if !versions.is_empty() {
        query.push(("versions", &versions));
    }
    if !measures.is_empty() {
        query.push(("measures", &measures));
    }
    if !wanted.listing.json {
        query.push(("step", &step));
    }
    context.client.ask(path, &query).await
}
