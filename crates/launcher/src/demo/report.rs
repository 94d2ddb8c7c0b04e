//! What was shown, in numbers.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanCount;
use launcher_model::DeploymentId;
use launcher_model::route::Receipt;
use serde::Serialize;

use super::load::{CONNECTIONS, Tally, WEBSOCKETS};
use super::show;

/// The whole of it; what `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Its name, which its images and containers have as the label `launcher.demo`.
    pub(super) run: String,
    /// All checks held.
    pub(super) ok: bool,
    /// From the beginning to the end.
    pub(super) seconds: f64,
    /// The versions that are live in the end.
    pub(super) live: Vec<u32>,
    /// One after the other.
    pub(super) steps: Vec<Step>,
    /// What the load saw.
    pub(super) load: Tally,
    /// What had to hold.
    pub(super) checks: Vec<Check>,
}

/// A step, with the load from its beginning to the next one's.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    /// What was done.
    pub(super) step: String,
    /// What came of it.
    pub(super) outcome: String,
    /// How long that took.
    pub(super) seconds: f64,
    /// The load was on.
    #[serde(skip)]
    pub(super) under_load: bool,
    /// Requests that were sent.
    pub(super) requests: u64,
    /// Of those: not answered as they should be.
    pub(super) failed: u64,
    /// Connections that were closed on a visitor.
    pub(super) closed: u64,
    /// The deployment that it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deployment: Option<DeploymentId>,
    /// What the edges say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) receipt: Option<Receipt>,
}

/// Something that had to hold.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What.
    pub(super) check: String,
    /// Whether it did.
    pub(super) held: bool,
}

/// The columns with numbers in them.
const NUMBERS: std::ops::Range<usize> = 1..5;

impl Report {
    /// For people: a table, and what it means.
    pub(super) fn text(&self) -> String {
        format!("{}\n\n{}\n", self.table(), self.verdict())
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["Step", "Time", "Requests", "Failed", "Closed", "What the edge says"]);
        for step in &self.steps {
            let took = show::text(Duration::from_secs_f64(step.seconds));
            let counts = [step.requests, step.failed, step.closed];
            let counts =
                counts.map(|count| if step.under_load { number(count) } else { String::new() });
            let [requests, failed, closed] = counts;
            let receipt = step.receipt.as_ref().map(told).unwrap_or_default();
            table.add_row([step.step.clone(), took, requests, failed, closed, receipt]);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if NUMBERS.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }

    fn verdict(&self) -> String {
        let load = &self.load;
        let verdict = if self.ok { "All went as it should" } else { "Not all went as it should" };
        let mut text = format!(
            "{verdict}: {} requests over {CONNECTIONS} connections and {WEBSOCKETS} WebSockets.\n\
             {} failed, {} connections were closed, {} answers came from a version that was not live.",
            number(load.requests),
            number(load.failed),
            number(load.closed),
            number(load.wrong_version)
        );
        for check in self.checks.iter().filter(|check| !check.held) {
            text.push_str(&format!("\nDid not hold: {}", check.check));
        }
        for complaint in &load.complaints {
            text.push_str(&format!("\n  {complaint}"));
        }
        text
    }
}

/// A receipt in a line.
fn told(receipt: &Receipt) -> String {
    let switched = show::text(Duration::from_micros(receipt.switch_us));
    let mut text = format!("switched in {switched}");
    let (requests, sockets) = (receipt.in_flight_requests, receipt.in_flight_connections);
    if requests + sockets > 0 {
        text.push_str(&format!("; {requests} requests, {sockets} WebSockets in flight"));
    }
    if receipt.failed + receipt.cut > 0 {
        text.push_str(&format!(": {} failed, {} cut", receipt.failed, receipt.cut));
    }
    text
}

fn number(count: u64) -> String {
    HumanCount(count).to_string()
}
