//! Turns of load, one candidate after the other.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use crate::load::{Asked, load};
use crate::process::{Running, cpu_time};
use crate::statistics::{median, ratio_of_pairs};
use crate::wire::Wire;

/// Somebody whose turn it can be.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) process: &'a Running,
}

/// What is asked for, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) wire: Wire,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) rounds: usize,
    pub(crate) turn: Duration,
}

impl<'a> Plan<'a> {
    fn asks(self, candidate: Candidate<'_>) -> Asked<'a> {
        let Self { wire, host, path, .. } = self;
        Asked { address: candidate.address, wire, host, path }
    }
}

/// What one candidate has shown, a value for each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// Requests in a second.
    pub(crate) rate: Vec<f64>,
    /// Milliseconds.
    pub(crate) p99_ms: Vec<f64>,
    /// Microseconds of processor time for each request.
    pub(crate) cpu_us: Vec<f64>,
}

/// Everybody has a turn in each round. Who begins changes: the first finds another machine than the last.
/// A round that is not counted warms all up.
///
/// # Errors
/// When a request fails.
pub(crate) async fn alternate<const N: usize>(
    candidates: [Candidate<'_>; N],
    plan: Plan<'_>,
) -> Result<[Shown; N]> {
    let mut shown = std::array::from_fn(|_| Shown::default());
    for candidate in &candidates {
        load(plan.asks(*candidate), Duration::from_secs(1)).await?;
    }
    for round in 0..plan.rounds {
        for turn in 0..N {
            let whose = (round + turn) % N;
            have_turn(candidates[whose], plan, &mut shown[whose]).await?;
        }
        let rates = candidates.iter().zip(&shown).map(|(candidate, shown)| {
            let last = shown.rate.last().copied().unwrap_or_default();
            format!("{} {last:.0}", candidate.name)
        });
        let rates: Vec<String> = rates.collect();
        eprintln!("  round {} of {}, requests/s: {}", round + 1, plan.rounds, rates.join(", "));
    }
    Ok(shown)
}

async fn have_turn(candidate: Candidate<'_>, plan: Plan<'_>, shown: &mut Shown) -> Result<()> {
    let ids = candidate.process.ids()?;
    let before = cpu_time(&ids)?;
    let outcome = load(plan.asks(candidate), plan.turn).await?;
    let cpu = cpu_time(&ids)?.saturating_sub(before);
    shown.rate.push(outcome.rate);
    shown.p99_ms.push(outcome.p99_ms);
    shown.cpu_us.push(cpu.as_secs_f64() * 1e6 / outcome.requests);
    Ok(())
}

/// The medians of ours and of theirs, and the median of the ratios.
pub(crate) fn compare(ours: &[f64], theirs: &[f64]) -> (f64, f64, f64) {
    (median(ours), median(theirs), ratio_of_pairs(ours, theirs))
}
