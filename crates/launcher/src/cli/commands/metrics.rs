//! `metrics`.

use launcher_server::api::views::MetricsView;
use serde_json::Value;

use super::Context;
use crate::cli::Failure;
use crate::cli::args::client::Metrics;
use crate::cli::output::say;
use crate::cli::render::metrics;

/// As many steps are drawn, a character each.
const STEPS: u64 = 30;

pub(super) async fn show((context, wanted): (Context, Metrics)) -> Result<(), Failure> {
    let service = &wanted.service;
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
    let path = ["services", service.as_str(), "metrics"];
    let answer: Value = context.client.ask(&path, &query).await?;
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
