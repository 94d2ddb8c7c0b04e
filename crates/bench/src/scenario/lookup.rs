//! What many services cost each of them.

use anyhow::Result;

use crate::edge::{Edge, hostname};
use crate::report::{Better, Figure};
use crate::rounds::{Candidate, Plan, alternate, compare};
use crate::wire::Wire;
use crate::{Settings, peers};

use super::scratch;

const MANY: usize = 1000;

/// Throughput of one service among a thousand, beside that of one alone.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let upstream = peers::upstream(&settings.program)?;
    let start =
        |services| Edge::start(&settings.program, directory.path(), upstream.address, services);
    let (many, one) = (start(MANY).await?, start(1).await?);
    let candidates = [
        Candidate { name: "1,000 services", address: many.address, process: &many.process },
        Candidate { name: "one service", address: one.address, process: &one.process },
    ];
    let host = &hostname(0);
    let plan = Plan {
        wire: Wire::Plain,
        host,
        path: "/version",
        rounds: settings.rounds(),
        turn: settings.turn(),
    };
    let [many, one] = alternate(candidates, plan).await?;
    let (ours, alone, ratio) = compare(&many.rate, &one.rate);
    let figure = Figure::new("edge_lookup_1000_services", "requests/s", Better::Higher, ours);
    Ok(vec![figure.beside("one service", alone, ratio)])
}
