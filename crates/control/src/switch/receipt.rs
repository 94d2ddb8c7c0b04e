//! What a switch measured.

use std::time::Duration;

use launcher_model::EdgeName;
use launcher_model::route::{EdgeReceipt, Receipt};

use crate::Inner;
use crate::hub::CommittedEdge;

/// Puts in what the edges said, and how far apart they were.
pub(super) fn fill(receipt: &mut Receipt, committed: &[CommittedEdge]) {
    let flips: Vec<u64> = committed.iter().filter_map(flipped_after).collect();
    let last = flips.iter().max().copied().unwrap_or_default();
    receipt.skew_us = last - flips.iter().min().copied().unwrap_or_default();
    for edge in committed {
        if let Ok(flip) = &edge.flip {
            receipt.in_flight_requests += flip.in_flight.requests;
            receipt.in_flight_connections += flip.in_flight.connections;
        }
        receipt.edges.push(EdgeReceipt {
            edge: edge.prepared.edge.clone(),
            prepare_us: micros(edge.prepared.took),
            commit_us: micros(edge.took),
            checked: edge.prepared.readiness.checked,
            fenced: edge.flip.as_ref().err().cloned(),
        });
    }
}

/// Microseconds from the commit until an edge had flipped. Its own clock tells how long it took; the
/// rest of the time until its answer was the way there and back, taken as equally long.
fn flipped_after(edge: &CommittedEdge) -> Option<u64> {
    let flip = edge.flip.as_ref().ok()?;
    let answered = micros(edge.took);
    Some(answered - answered.saturating_sub(flip.took_us) / 2)
}

/// Names the edges that have joined and were not there: they serve what they had until they are back.
pub(super) async fn add_absent(inner: &Inner, receipt: &mut Receipt) {
    let here: Vec<EdgeName> = receipt.edges.iter().map(|part| part.edge.clone()).collect();
    let absent = match inner.joined_but(&here).await {
        Ok(absent) => absent,
        Err(error) => {
            tracing::error!(%error, "cannot tell which edges were away during a switch");
            return;
        }
    };
    receipt.edges.extend(absent.into_iter().map(|edge| EdgeReceipt {
        edge,
        prepare_us: 0,
        commit_us: 0,
        checked: 0,
        fenced: Some("it was not connected".to_owned()),
    }));
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
