//! What it costs to measure what an edge carries.

use anyhow::Result;

use crate::edge::Pair;
use crate::report::Figure;
use crate::{Settings, peers};

use super::scratch;

/// The share of an edge's throughput that goes into it: that of an edge that measures, beside that of one
/// that does not.
pub(super) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let directory = scratch()?;
    let upstream = peers::upstream(&settings.program)?;
    let pair = Pair {
        more: ("measured", &[]),
        less: ("unmeasured", &["--unmeasured"]),
        figures: ["sampling_cost", "sampling_cpu_per_request"],
    };
    pair.compare(settings, directory.path(), upstream.address).await
}
