//! How far apart three edges on three machines flip.

use anyhow::{Context, Result, ensure};
use launcher_testkit::Site;
use launcher_testkit::site::EDGES;
use serde_json::Value;

use crate::Settings;
use crate::report::{Better, Figure};
use crate::statistics::quantile;

pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let switches = if settings.quick { 50 } else { 300 };
    let site = Site::new(&settings.program, |_| {}).await;
    let loads = site.begin_loads(EDGES.len(), 0).await;
    let mut skews = Vec::new();
    for switch in 0..switches {
        let number = if switch % 2 == 0 { 2 } else { 1 };
        skews.push(skew(&site.switch(&loads, number).await)?);
    }
    for load in loads {
        let report = load.stop();
        let lost = report.failed + report.closed + report.sockets_closed + report.wrong;
        ensure!(lost == 0, "clients were harmed: {report:?}");
    }
    let [median, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(&skews, share));
    eprintln!("  skew: median {median:.2} ms, p99 {p99:.2} ms, most {most:.2} ms");
    Ok(vec![Figure::new("switch_skew_p99", "ms", Better::Lower, p99)])
}

/// In milliseconds, of a switch that all edges made.
fn skew(deployment: &Value) -> Result<f64> {
    let receipt = &deployment["receipt"];
    let edges = receipt["edges"].as_array().context("a receipt names its edges")?;
    let all = edges.len() == EDGES.len() && edges.iter().all(|edge| edge["fenced"].is_null());
    ensure!(all, "not all edges switched: {deployment}");
    Ok(receipt["skew_us"].as_f64().context("a receipt has the skew")? / 1e3)
}
