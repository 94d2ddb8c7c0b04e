//! The parts that predecessors have in the drains of their owner.

use std::collections::BTreeMap;

use launcher_model::DeploymentId;

use super::message::Left;
use crate::protocol::DrainOutcome;

/// All of them, by deployment.
#[derive(Debug, Default)]
pub(super) struct Parts(BTreeMap<DeploymentId, Part>);

/// The predecessors' part of one drain.
#[derive(Debug, Default)]
struct Part {
    /// What was in flight at each predecessor that has not told how it ended.
    waiting: BTreeMap<u64, u64>,
    ended: DrainOutcome,
}

impl Parts {
    /// A predecessor has a part in a drain, of what is in flight there.
    pub(super) fn expect(&mut self, predecessor: u64, left: Left) {
        self.0.entry(left.deployment).or_default().waiting.insert(predecessor, left.in_flight);
    }

    /// How much is in flight at a predecessor that has a part already.
    pub(super) fn found(&mut self, predecessor: u64, left: Left) {
        let part = self.0.get_mut(&left.deployment);
        if let Some(waiting) = part.and_then(|part| part.waiting.get_mut(&predecessor)) {
            *waiting = left.in_flight;
        }
    }

    /// A predecessor's part has ended.
    pub(super) fn ended(
        &mut self,
        predecessor: u64,
        deployment: DeploymentId,
        outcome: DrainOutcome,
    ) {
        let Some(part) = self.0.get_mut(&deployment) else { return };
        if part.waiting.remove(&predecessor).is_some() {
            part.ended = merge(std::mem::take(&mut part.ended), outcome);
        }
    }

    /// A predecessor is gone, and what was in flight there with it.
    pub(super) fn lost(&mut self, predecessor: u64) {
        for part in self.0.values_mut() {
            if let Some(in_flight) = part.waiting.remove(&predecessor) {
                part.ended.cut += in_flight;
            }
        }
    }

    /// The drain is of no interest any more.
    pub(super) fn forget(&mut self, deployment: DeploymentId) {
        self.0.remove(&deployment);
    }

    /// The deployments.
    pub(super) fn all(&self) -> impl Iterator<Item = Left> {
        self.0.iter().map(|(deployment, part)| Left {
            deployment: *deployment,
            in_flight: part.waiting.values().sum(),
        })
    }

    /// Makes whole what ended at the owner itself. What still waits for a predecessor is left out; what
    /// the owner had no part in is put in.
    pub(super) fn complete(
        &self,
        own: Vec<(DeploymentId, DrainOutcome)>,
        still_own: &[DeploymentId],
    ) -> Vec<(DeploymentId, DrainOutcome)> {
        let mut whole: BTreeMap<DeploymentId, DrainOutcome> = own.into_iter().collect();
        for (deployment, part) in &self.0 {
            let own = whole.remove(deployment);
            if !part.waiting.is_empty() || own.is_none() && still_own.contains(deployment) {
                continue;
            }
            let ended = part.ended.clone();
            whole.insert(*deployment, own.map_or(ended.clone(), |own| merge(own, ended)));
        }
        whole.into_iter().collect()
    }
}

fn merge(one: DrainOutcome, other: DrainOutcome) -> DrainOutcome {
    let mut versions = one.versions;
    versions.extend(other.versions);
    versions.sort_unstable();
    versions.dedup();
    DrainOutcome {
        versions,
        drained: one.drained + other.drained,
        failed: one.failed + other.failed,
        cut: one.cut + other.cut,
        moved: one.moved + other.moved,
        superseded: one.superseded || other.superseded,
        took_ms: one.took_ms.max(other.took_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: DeploymentId = DeploymentId(7);

    fn outcome(drained: u64) -> DrainOutcome {
        DrainOutcome { drained, took_ms: drained, ..DrainOutcome::default() }
    }

    #[test]
    fn a_drain_is_whole_when_everybody_has_told() {
        let mut parts = Parts::default();
        for predecessor in [1, 2] {
            parts.expect(predecessor, Left { deployment: ID, in_flight: 0 });
        }
        parts.found(2, Left { deployment: ID, in_flight: 5 });
        let own = vec![(ID, outcome(1))];
        assert_eq!(parts.complete(own.clone(), &[]), []);
        parts.ended(1, ID, outcome(10));
        parts.ended(1, ID, outcome(10));
        assert_eq!(parts.complete(own.clone(), &[]), []);
        // The second dies, and takes its five with it.
        parts.lost(2);
        assert_eq!(parts.complete(Vec::new(), &[ID]), [], "the owner itself has not told");
        let whole = DrainOutcome { drained: 11, cut: 5, took_ms: 10, ..DrainOutcome::default() };
        assert_eq!(parts.complete(own, &[]), [(ID, whole)]);
        parts.forget(ID);
        assert_eq!(parts.all().count(), 0);
    }

    #[test]
    fn what_the_owner_has_no_part_in_is_told_too() {
        let mut parts = Parts::default();
        parts.expect(1, Left { deployment: ID, in_flight: 3 });
        parts.ended(1, ID, outcome(3));
        assert_eq!(parts.complete(Vec::new(), &[]), [(ID, outcome(3))]);
        assert_eq!(parts.complete(vec![(DeploymentId(8), outcome(1))], &[]).len(), 2);
    }
}
