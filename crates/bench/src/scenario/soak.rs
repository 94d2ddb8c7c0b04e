//! Ten thousand switches under load: whether anything grows with them.

use anyhow::{Context, Result, bail};

use super::switch::Stage;
use crate::Settings;
use crate::memory::resident;
use crate::report::{Better, Figure};
use crate::statistics::median;

/// After so many switches the memory is read once.
const A_LOOK: usize = 50;

/// Memory of edge and server during the last tenth of the switches, beside that during the first.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let switches = if settings.quick { 500 } else { 10_000 };
    let stage = Stage::start(settings).await;
    let (mut edge, mut server) = (Vec::new(), Vec::new());
    for number in 0..switches {
        stage.switch(number).await?;
        if number % A_LOOK == A_LOOK - 1 {
            edge.push(memory(stage.installation.edge_pid())?);
            server.push(memory(stage.installation.server_pid())?);
        }
    }
    let report = stage.end()?;
    let answered = report.answered + report.echoed;
    eprintln!("  {answered} requests and messages; complaints: {:?}", report.complaints);
    let lost = report.failed + report.closed + report.sockets_closed;
    Ok(vec![
        growth("soak_edge_rss", &edge)?,
        growth("soak_server_rss", &server)?,
        Figure::new("soak_lost", "count", Better::Lower, lost as f64),
    ])
}

fn memory(process: Option<u32>) -> Result<f64> {
    resident(&[process.context("the process does not run")?])
}

/// The last tenth of the looks, beside the first.
fn growth(name: &'static str, looks: &[f64]) -> Result<Figure> {
    let tenth = looks.len().div_ceil(10);
    let (Some(first), Some(last)) = (looks.get(..tenth), looks.get(looks.len() - tenth..)) else {
        bail!("nobody has looked at the memory");
    };
    let (first, last) = (median(first), median(last));
    let figure = Figure::new(name, "MiB", Better::Lower, last);
    Ok(figure.beside("at first", first, last / first))
}
