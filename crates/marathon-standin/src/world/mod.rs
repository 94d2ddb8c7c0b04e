//! What all instances of Marathon share, as if in ZooKeeper and Mesos: apps, tasks, deployments, agents.

mod agent;
mod app;
mod bus;
mod callback;
mod change;
mod check;
mod container;
mod deployment;
mod end;
mod environment;
mod events;
mod faults;
mod groups;
mod kill;
mod loss;
mod offer;
mod parameters;
mod restart;
mod state;
mod task;
mod tick;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub(crate) use agent::{Agent, connect};
pub(crate) use app::{App, Offers, told_at};
pub(crate) use bus::{Frame, Subscription};
pub(crate) use change::{Started, Wanted};
pub(crate) use container::MARK;
pub(crate) use deployment::Deployment;
pub(crate) use events::Event;
pub(crate) use groups::{group, is_group, is_within, parent};
pub(crate) use offer::{REASONS, Used, used};
pub(crate) use state::State;
pub(crate) use task::{Killed, Task, TaskState};

use crate::options::Options;
use crate::version::Version;

/// Things with a time are looked at so often.
const PACE: Duration = Duration::from_millis(50);

/// Everything that goes on.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) agents: Vec<Agent>,
    /// The id of this cluster, which marks its containers on their engines.
    pub(crate) mark: String,
    /// For health checks, callbacks and proxied calls.
    pub(crate) client: reqwest::Client,
    state: Mutex<State>,
    changed: Notify,
    background: Mutex<Vec<JoinHandle<()>>>,
}

impl World {
    pub(crate) fn new(
        options: Options,
        mark: String,
        agents: Vec<Agent>,
        client: reqwest::Client,
    ) -> Arc<Self> {
        let state = State::new(&options, agents.len());
        Arc::new(Self {
            options,
            agents,
            mark,
            client,
            state: Mutex::new(state),
            changed: Notify::new(),
            background: Mutex::default(),
        })
    }

    pub(crate) fn version(&self) -> Version {
        self.options.version
    }

    /// Everything that changes, for as long as the guard is held.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is to be done.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Does what is to be done, until it is aborted.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.tick();
            let _ = tokio::time::timeout(PACE, self.changed.notified()).await;
        }
    }

    /// Work that ends with the world.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        background.retain(|task| !task.is_finished());
        background.push(tokio::spawn(work));
    }

    /// Ends all work; containers stay as they are.
    pub(crate) fn abort(&self) {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        background.drain(..).for_each(|task| task.abort());
    }
}
