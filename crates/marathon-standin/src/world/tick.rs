//! Going on: what is wanted and what is come together, a little at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deployment::Action;
use super::task::Killed;
use super::{Event, State, Task, World};

/// An app for which no agent has had room is offered all of them again after that time.
const OFFERS: Duration = Duration::from_secs(1);

impl World {
    /// Does what can be done now. Without a leader, nothing.
    pub(super) fn tick(self: &Arc<Self>) {
        let mut state = self.state();
        let state = &mut *state;
        if state.leader.is_none() {
            return;
        }
        self.forget_unreachable(state);
        self.advance(state);
        self.close_gaps(state);
    }

    fn advance(&self, state: &mut State) {
        let ids: Vec<String> = state.deployments.iter().map(|d| d.id.clone()).collect();
        for id in ids {
            while let Some(index) = state.deployments.iter().position(|d| d.id == id) {
                if !self.step_on(state, index) {
                    break;
                }
            }
        }
    }

    /// Goes on to a deployment's next step, or to its end, if its current one is done.
    fn step_on(&self, state: &mut State, index: usize) -> bool {
        let Some(mut deployment) = state.deployments.get(index).cloned() else { return false };
        if !deployment.current_step().iter().all(|(action, app)| is_done(state, *action, app)) {
            return false;
        }
        let dialect = self.version();
        if deployment.current > 0 && deployment.current <= deployment.steps.len() {
            self.end_step(state, &deployment);
        }
        if deployment.current >= deployment.steps.len() {
            state.deployments.remove(index);
            state.publish(Event::deployed(&deployment, dialect));
            return true;
        }
        deployment.current += 1;
        state.publish(Event::step("deployment_info", &deployment, dialect));
        for (action, app) in deployment.current_step() {
            announce_checks(state, *action, app);
        }
        if let Some(there) = state.deployments.get_mut(index) {
            *there = deployment;
        }
        true
    }

    fn end_step(&self, state: &mut State, deployment: &super::Deployment) {
        for (action, app) in deployment.current_step() {
            if *action == Action::Stop {
                state.publish(Event::app_terminated(app));
            }
        }
        state.publish(Event::step("deployment_step_success", deployment, self.version()));
    }

    /// Launches what is missing and ends what is too much, of each app whose turn it is.
    fn close_gaps(self: &Arc<Self>, state: &mut State) {
        let orphans: Vec<String> = state
            .tasks
            .iter()
            .filter(|task| task.killed.is_none() && !state.apps.contains_key(&task.app))
            .map(|task| task.id.clone())
            .collect();
        for id in orphans {
            self.kill(state, &id, Killed::Gone);
        }
        let ids: Vec<String> = state.apps.keys().cloned().collect();
        for id in ids {
            let mut deployed = state.deployments_of(&id).map(|d| d.turn(&id)).peekable();
            let is_deployed = deployed.peek().is_some();
            match deployed.flatten().last() {
                Some(Action::Restart) => self.restart(state, &id),
                None if is_deployed => {}
                _ => self.scale(state, &id),
            }
        }
    }

    fn scale(self: &Arc<Self>, state: &mut State, id: &str) {
        let Some(app) = state.apps.get(id) else { return };
        let wanted = app.definition.instances();
        let active = state.tasks_of(id).filter(|task| task.is_active()).count();
        self.launch(state, id, wanted.saturating_sub(active));
        self.kill_some(state, id, active.saturating_sub(wanted), |_| true);
    }

    /// Ends so many of an app's tasks: those first that do not run, then as the app says.
    pub(super) fn kill_some(
        self: &Arc<Self>,
        state: &mut State,
        id: &str,
        count: usize,
        which: impl Fn(&Task) -> bool,
    ) {
        let Some(app) = state.apps.get(id) else { return };
        let oldest_first = app.definition.kills_oldest_first();
        let mut tasks: Vec<&Task> =
            state.tasks_of(id).filter(|task| task.is_active() && which(task)).collect();
        if !oldest_first {
            tasks.reverse();
        }
        tasks.sort_by_key(|task| task.is_running());
        let ids: Vec<String> = tasks.into_iter().take(count).map(|task| task.id.clone()).collect();
        for id in ids {
            self.kill(state, &id, Killed::Gone);
        }
    }

    /// Launches up to so many more of an app's instances, and notes that the rest waits.
    pub(super) fn launch(self: &Arc<Self>, state: &mut State, id: &str, missing: usize) {
        let Some(app) = state.apps.get_mut(id) else { return };
        if missing == 0 {
            app.queue.since = None;
            return;
        }
        if app.queue.since.is_none() {
            app.queue.since = Some(crate::time::now());
            app.queue.offers = super::Offers::default();
        }
        let now = Instant::now();
        let early = |at: Option<Instant>| at.is_some_and(|at| now < at);
        if early(app.queue.until) || early(app.queue.next_offers) {
            return;
        }
        for _ in 0..missing {
            if !self.launch_one(state, id) {
                if let Some(app) = state.apps.get_mut(id) {
                    app.queue.next_offers = now.checked_add(OFFERS);
                }
                return;
            }
        }
        if let Some(app) = state.apps.get_mut(id) {
            app.queue.since = None;
        }
    }
}

fn announce_checks(state: &mut State, action: Action, id: &str) {
    if action == Action::Stop {
        state.publish(Event::health_check_removed(id));
        return;
    }
    let Some(app) = state.apps.get(id).filter(|_| action != Action::Scale) else { return };
    let version = app.version;
    let added: Vec<Event> = app
        .definition
        .health_checks()
        .iter()
        .map(|check| Event::health_check_added(id, check, version))
        .collect();
    for event in added {
        state.publish(event);
    }
}

/// Whether nothing is left to do for an action.
fn is_done(state: &State, action: Action, id: &str) -> bool {
    let there = || state.tasks_of(id).filter(|task| !task.inactive);
    let Some(app) = state.apps.get(id) else { return there().next().is_none() };
    let wanted = app.definition.instances();
    match action {
        Action::Start => true,
        Action::Stop => there().next().is_none(),
        Action::Scale => there().count() == wanted && there().all(Task::serves),
        Action::Restart => {
            let new = |task: &Task| task.version >= app.last_config_change;
            there().count() == wanted && there().all(|task| new(task) && task.serves())
        }
    }
}
