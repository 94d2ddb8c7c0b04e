//! Leaders that go.

use std::sync::Arc;

use super::{Event, State, World};

impl World {
    /// There is no leader, until another instance, or the only one, takes over.
    pub(crate) fn lose_leader(self: &Arc<Self>, state: &mut State) {
        let Some(old) = state.leader.take() else { return };
        state.bus.close();
        let world = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(world.options.election).await;
            let mut state = world.state();
            let instances = state.alive.len();
            let mut after = (1..=instances).map(|step| (old + step) % instances);
            let new = after.find(|instance| state.alive[*instance]);
            if let Some(new) = new {
                world.take_over(&mut state, new);
            }
        });
    }

    /// An instance that is back takes over when nobody leads.
    pub(crate) fn take_over(&self, state: &mut State, instance: usize) {
        if state.leader.is_some() {
            return;
        }
        state.leader = Some(instance);
        self.forget_health(state);
        for app in state.apps.values_mut() {
            app.reset_backoff();
        }
        if !self.version().has_instances() {
            // Deployments start over.
            for deployment in &mut state.deployments {
                deployment.current = 0;
            }
        }
        let master = self.options.listen.to_string();
        state.publish(Event::registered(&self.framework(), &master));
        self.wake();
    }

    /// Marathon's id as a framework of Mesos.
    pub(crate) fn framework(&self) -> String {
        format!("{}-0000", self.mark)
    }
}
