//! What the loop of a service does for the environments of its branches.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use launcher_edge::protocol::LOOKS_EVERY;
use launcher_edge::table::RestKind;
use launcher_model::VersionNumber;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::plan::branches::{View, decide};
use launcher_store::EnvironmentChange;

use super::{Reconciler, Wish};
use crate::slot::Routing;
use crate::{Result, away};

/// What an edge tells has come after so long.
const TOLD_WITHIN: Duration = LOOKS_EVERY.saturating_add(Duration::from_secs(1));

impl Reconciler {
    /// Has names lead to newer versions, replaced ones go, and those that nobody looks at sleep. True when
    /// something was written; and how long later to decide again.
    pub(super) async fn tend_branches(&mut self, wish: &Wish) -> Result<(bool, Option<Duration>)> {
        let resting = wish.environments.iter().filter(|one| is_falling_asleep(one));
        let mut resting: BTreeSet<_> = resting.map(|one| one.version).collect();
        if wish.branches.is_empty() {
            self.rests.retain(&resting);
            return Ok((false, None));
        }
        let (inner, slot) = (Arc::clone(&self.inner), Arc::clone(&self.slot));
        // While a switch is under way, which versions must stay is not decided yet.
        let Some(turn) = slot.try_turn() else { return Ok((false, None)) };
        if slot.active().is_some() {
            return Ok((false, None));
        }
        let route = inner.store.route(&slot.name).await?;
        if route != wish.route {
            return Ok((true, None));
        }
        let mut untouchable: BTreeSet<VersionNumber> = route.live().collect();
        for deployment in &wish.unfinished {
            untouchable.extend(deployment.from.keys().chain(deployment.to.keys()));
        }
        untouchable.extend(away::still_served(&inner, &slot.name).await?.keys());
        slot.looks.retain(&wish.environments.iter().map(|one| one.version).collect());
        let looked = slot.looks.all();
        let decision = decide(View {
            settings: &wish.spec.branches,
            branches: &wish.branches,
            environments: &wish.environments,
            untouchable: &untouchable,
            looked: &looked,
            watched_since: inner.watched_since().await?,
            told_within: TOLD_WITHIN,
            now: inner.now(),
        });
        resting.extend(&decision.replaced);
        self.rests.retain(&resting);
        let mut changed = false;
        for (branch, to) in &decision.moves {
            let text = format!("branch {branch} is at {to}");
            let event = self.event(EventKind::BranchMoved, text).version(*to);
            launcher_fault::point("branch.before_move");
            changed |=
                inner.store.move_branch(&slot.name, branch, *to, &[event], inner.now()).await?;
            launcher_fault::point("branch.moved");
        }
        for version in &decision.replaced {
            changed |= self.replace(wish, *version, &turn).await?;
        }
        for version in &decision.asleep {
            let text = format!("{version} is put to sleep, as nobody looks at it");
            let event = self.event(EventKind::EnvironmentAsleep, text).version(*version);
            let asleep = EnvironmentChange {
                wanted: Some(Wanted::Stopped),
                asleep: Some(true),
                ..EnvironmentChange::default()
            };
            self.change(*version, asleep, &[event]).await?;
            launcher_fault::point("branch.asleep");
            changed = true;
        }
        for branch in &decision.over {
            let idle = wish.spec.branches.idle;
            let text = format!(
                "branch {branch} has no environment any more: nobody has pushed to it or looked at it for {idle}"
            );
            let event = self.event(EventKind::BranchGone, text);
            let gone = of_branch(wish, branch);
            changed |=
                inner.store.forget_branch(&slot.name, branch, &gone, &[event], inner.now()).await?;
        }
        Ok((changed, decision.again))
    }

    /// Has a version go that a newer one has replaced, once the edges have nothing to do with it.
    async fn replace(
        &mut self,
        wish: &Wish,
        version: VersionNumber,
        routing: &Routing,
    ) -> Result<bool> {
        let unnamed = routing
            .published
            .as_ref()
            .filter(|table| table.branches.aliases.values().all(|named| *named != version));
        if !self.is_at_rest(wish, version, unnamed.map(|table| table.revision)) {
            return Ok(false);
        }
        launcher_fault::point("branch.before_replaced");
        let gone = EnvironmentChange { wanted: Some(Wanted::Gone), ..Default::default() };
        self.change(version, gone, &[]).await?;
        launcher_fault::point("branch.replaced");
        Ok(true)
    }

    /// Whether the containers of one that is put to sleep may be stopped: edges know that it is, and have
    /// nothing under way there.
    pub(super) fn may_stop(&mut self, wish: &Wish, version: VersionNumber) -> bool {
        let slot = Arc::clone(&self.slot);
        let Some(turn) = slot.try_turn() else { return false };
        let told = turn.published.as_ref().filter(|table| {
            let rest = table.branches.resting.get(&version);
            rest.is_some_and(|rest| rest.kind == RestKind::Asleep)
        });
        self.is_at_rest(wish, version, told.map(|table| table.revision))
    }

    /// Whether a version that requests are not led to any more, as of the table of this revision, has
    /// nothing under way. Where edges have no such table yet it has not.
    fn is_at_rest(&mut self, wish: &Wish, version: VersionNumber, revision: Option<u64>) -> bool {
        let Some(revision) = revision else { return false };
        let within = wish.spec.traffic.drain.duration();
        self.rests.is_over(&self.inner, &self.slot, version, revision, within)
    }

    fn event(&self, kind: EventKind, text: String) -> NewEvent {
        NewEvent::new(kind, text).service(&self.slot.name)
    }
}

/// Whether its containers are to be stopped because nobody looks at it.
pub(super) fn is_falling_asleep(environment: &Environment) -> bool {
    environment.asleep
        && environment.wanted == Wanted::Stopped
        && environment.state == EnvironmentState::Ready
}

fn of_branch(wish: &Wish, branch: &str) -> Vec<VersionNumber> {
    let own = |one: &&Environment| one.branch.as_deref() == Some(branch);
    wish.environments.iter().filter(own).map(|one| one.version).collect()
}
