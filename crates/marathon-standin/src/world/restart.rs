//! Replacing an app's instances by those of another configuration, some at a time.

use std::sync::Arc;

use super::{State, Task, World};

/// How many there are, and how many there shall be.
#[derive(Debug, Clone, Copy)]
struct Count {
    wanted: usize,
    new: usize,
    new_serving: usize,
    old: usize,
    old_serving: usize,
}

impl Count {
    /// How many are launched and how many of the old ones are ended, so that neither too few serve nor too
    /// many are there.
    fn moves(self, least: f64, over: f64) -> (usize, usize) {
        let share = |share: f64, round: fn(f64) -> f64| round(share * self.wanted as f64) as usize;
        let least = share(least, f64::ceil);
        let mut most = self.wanted + share(over, f64::floor);
        if least >= self.wanted && most == self.wanted {
            // Otherwise nothing could ever move.
            most += 1;
        }
        let room = most.saturating_sub(self.new + self.old);
        let launched = self.wanted.saturating_sub(self.new).min(room);
        let spare = (self.new_serving + self.old_serving).saturating_sub(least);
        let idle = self.old - self.old_serving;
        (launched, idle + spare.min(self.old_serving))
    }
}

impl World {
    pub(super) fn restart(self: &Arc<Self>, state: &mut State, id: &str) {
        let Some(app) = state.apps.get(id) else { return };
        let changed = app.last_config_change;
        let (least, over) = app.definition.upgrade();
        let active = || state.tasks_of(id).filter(|task| task.is_active());
        let (new, old): (Vec<&Task>, Vec<&Task>) = active().partition(|t| t.version >= changed);
        let serving = |tasks: &[&Task]| tasks.iter().filter(|task| task.serves()).count();
        let count = Count {
            wanted: app.definition.instances(),
            new: new.len(),
            new_serving: serving(&new),
            old: old.len(),
            old_serving: serving(&old),
        };
        let (launched, ended) = count.moves(least, over);
        let too_many = count.new.saturating_sub(count.wanted);
        self.kill_some(state, id, ended, |task| task.version < changed);
        self.kill_some(state, id, too_many, |task| task.version >= changed);
        self.launch(state, id, launched);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_keeps_what_the_strategy_says() {
        let count = |new, new_serving, old, old_serving| Count {
            wanted: 4,
            new,
            new_serving,
            old,
            old_serving,
        };
        // All new ones beside all old ones, which then go.
        assert_eq!(count(0, 0, 4, 4).moves(1.0, 1.0), (4, 0));
        assert_eq!(count(4, 3, 4, 4).moves(1.0, 1.0), (0, 3));
        // Half may be missing, none may be too many.
        assert_eq!(count(0, 0, 4, 4).moves(0.5, 0.0), (0, 2));
        assert_eq!(count(0, 0, 2, 2).moves(0.5, 0.0), (2, 0));
        // One at a time where the strategy leaves no room.
        assert_eq!(count(0, 0, 4, 4).moves(1.0, 0.0), (1, 0));
        assert_eq!(count(1, 1, 4, 4).moves(1.0, 0.0), (0, 1));
        // Old ones that do not serve are of no use.
        assert_eq!(count(0, 0, 4, 2).moves(1.0, 1.0), (4, 2));
    }
}
