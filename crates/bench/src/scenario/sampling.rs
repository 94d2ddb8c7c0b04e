//! What it costs to measure what an edge carries.

use anyhow::Result;

use crate::edge::{Edge, hostname};
use crate::report::{Better, Figure};
use crate::rounds::{Candidate, Plan, alternate, compare};
use crate::{Settings, peers};

use super::scratch;

/// The share of an edge's throughput that goes into it: that of an edge that measures, beside that of one
/// that does not.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let upstream = peers::upstream(&settings.program)?;
    let start = |arguments| {
        Edge::start_with(&settings.program, directory.path(), upstream.address, 1, arguments)
    };
    let (measured, unmeasured) = (start(&[]).await?, start(&["--unmeasured"]).await?);
    let candidates = [
        Candidate { name: "measured", address: measured.address, process: &measured.process },
        Candidate { name: "unmeasured", address: unmeasured.address, process: &unmeasured.process },
    ];
    let host = &hostname(0);
    let plan = Plan { host, path: "/version", rounds: settings.rounds(), turn: settings.turn() };
    let [measured, unmeasured] = alternate(candidates, plan).await?;
    let (.., rate) = compare(&measured.rate, &unmeasured.rate);
    let (ours, without, cpu) = compare(&measured.cpu_us, &unmeasured.cpu_us);
    let cost = Figure::new("sampling_cost", "share", Better::Lower, 1.0 - rate);
    let cpu_cost = Figure::new("sampling_cpu_per_request", "µs", Better::Lower, ours);
    Ok(vec![cost, cpu_cost.beside("without", without, cpu)])
}
