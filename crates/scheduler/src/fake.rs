//! An engine in memory that does as it is told, for tests.
//!
//! Its containers have the same names, labels and phases as those on a Docker Engine, and the same
//! conformance tests run against both. What happens to them is said by a [`Script`] per image, and by the
//! calls of [`Fake`] that stand for what happens on a real host: a container dies, somebody removes one,
//! the engine goes away.

mod builds;
mod hosts;
mod interact;
mod one_off;
mod scheduler;
mod script;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;

use launcher_model::container::{Container, ContainerPhase, ExecCheck};
use launcher_model::image::ImageRef;
use launcher_model::{ServiceName, VersionNumber};

pub use self::builds::{BuildScript, BuiltImage, StepScript};
use self::hosts::Hosts;
pub use self::script::{Command, Script};
use self::world::{Held, World};
use crate::identity::{Installation, SERVE};
use crate::{Change, Result, labels};

/// The calls of a [`Scheduler`](crate::Scheduler) and of a [`Builder`](crate::Builder), for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `hosts`
    Hosts,
    /// `set_closed`
    SetClosed,
    /// `resolve`
    Resolve,
    /// `fetch`
    Fetch,
    /// `ensure`
    Ensure,
    /// `observe`
    Observe,
    /// `stop`
    Stop,
    /// `remove`
    Remove,
    /// `logs`
    Logs,
    /// `exec`
    Exec,
    /// `run_once`
    RunOnce,
    /// `build`
    Build,
    /// `test`
    Test,
    /// `push`
    Push,
    /// `sweep_builds`
    SweepBuilds,
    /// `forget_image`
    ForgetImage,
}

/// An engine in memory. A clone is the same engine.
#[derive(Clone)]
pub struct Fake {
    world: Arc<World>,
    installation: Installation,
}

impl Fake {
    /// An engine without containers, as the installation `name` sees it.
    ///
    /// # Errors
    /// When a container's name cannot hold the installation's.
    pub fn new(name: &str) -> Result<Self> {
        Ok(Self { world: World::new(), installation: Installation::new(name)? })
    }

    /// The same engine, as another installation sees it.
    ///
    /// # Errors
    /// When a container's name cannot hold the installation's.
    pub fn seen_by(&self, name: &str) -> Result<Self> {
        Ok(Self { world: Arc::clone(&self.world), installation: Installation::new(name)? })
    }

    /// Says where a container that is started from now on serves. Without this it is a loopback address
    /// at which nobody listens.
    pub fn set_addresses(
        &self,
        addresses: impl Fn(&ServiceName, VersionNumber, u16) -> SocketAddr + Send + Sync + 'static,
    ) {
        self.world.state().addresses = Some(Box::new(addresses));
    }

    /// Gives an image a new content, which behaves as the script says. Containers of the content that it
    /// had before go on as they are. An image that was never given a script behaves well.
    pub fn script(&self, image: &ImageRef, script: Script) {
        self.world.state().publish(image, script);
    }

    /// The containers that take requests, whether the engine can be reached or not.
    #[must_use]
    pub fn containers(&self) -> Vec<Container> {
        let state = self.world.state();
        let mut containers: Vec<_> = state
            .containers
            .values()
            .filter(|held| self.owns(held) && held.labels[labels::ROLE] == SERVE)
            .map(|held| held.container.clone())
            .collect();
        containers.sort_by(|a, b| {
            let order = |c: &Container| (c.version, c.slot, c.attempt);
            a.service.cmp(&b.service).then_with(|| order(a).cmp(&order(b)))
        });
        containers
    }

    /// The names of the one-off containers.
    #[must_use]
    pub fn one_offs(&self) -> Vec<String> {
        let state = self.world.state();
        let one_off = |held: &&Held| self.owns(held) && held.labels[labels::ROLE] != SERVE;
        state.containers.values().filter(one_off).map(|held| held.container.name.clone()).collect()
    }

    /// The engine has these hosts from now on, and not only one.
    pub fn set_hosts<const N: usize>(&self, names: [&str; N]) {
        self.world.state().hosts = Hosts::named(names);
        self.world.announce(Change::Everything);
    }

    /// A host gets a label.
    pub fn label_host(&self, host: &str, label: &str, value: &str) {
        self.world.state().hosts.label(host, label, value);
    }

    /// A host cannot be reached any more, nor what is on it.
    pub fn lose_host(&self, host: &str) {
        self.world.state().lose_host(host);
        self.world.announce(Change::Everything);
    }

    /// A container dies.
    pub fn kill(&self, id: &str, code: i64) {
        self.world.end(&mut self.world.state(), id, code);
    }

    /// Somebody removes a container behind our back.
    pub fn remove_by_hand(&self, id: &str) {
        self.world.remove(&mut self.world.state(), id);
    }

    /// A container gets another address, as it would when it is started again.
    pub fn set_address(&self, id: &str, address: SocketAddr) {
        self.change(id, |held| held.container.address = Some(address));
    }

    /// The engine's own check of a running container has a new outcome.
    pub fn set_check(&self, id: &str, healthy: bool, output: &str) {
        self.change(id, |held| {
            if let ContainerPhase::Running { exec_check, .. } = &mut held.container.phase {
                *exec_check = Some(ExecCheck { healthy, output: output.to_owned() });
            }
        });
    }

    /// A container prints a line.
    pub fn print(&self, id: &str, line: &str) {
        self.change(id, |held| held.print(line.to_owned()));
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Held)) {
        let mut state = self.world.state();
        let Some(held) = state.containers.get_mut(id) else { return };
        change(held);
        let held = held.clone();
        self.world.tell(&state, &held);
    }

    /// The environment variables that a container was created with.
    #[must_use]
    pub fn variables(&self, id: &str) -> Vec<(String, String)> {
        let state = self.world.state();
        state.containers.get(id).map(|held| held.variables.clone()).unwrap_or_default()
    }

    /// The engine cannot be reached from now on; containers run on.
    pub fn go_away(&self, why: &str) {
        let mut state = self.world.state();
        state.away = Some(why.to_owned());
        self.world.announce(Change::Lost { why: why.to_owned() });
    }

    /// The engine can be reached again.
    pub fn come_back(&self) {
        let mut state = self.world.state();
        state.away = None;
        self.world.announce(Change::Everything);
    }

    /// The engine is restarted: it is away for a moment, and all containers have died.
    pub fn restart(&self) {
        self.go_away("it is being restarted");
        let mut state = self.world.state();
        let ids: Vec<_> = state.containers.keys().cloned().collect();
        for id in ids {
            self.world.end(&mut state, &id, 137);
        }
        drop(state);
        self.come_back();
    }

    /// How often a verb was called, successfully or not.
    #[must_use]
    pub fn calls(&self, verb: Verb) -> usize {
        self.world.state().calls.get(&verb).copied().unwrap_or(0)
    }

    fn owns(&self, held: &Held) -> bool {
        held.labels.get(labels::INSTALLATION).map(String::as_str)
            == Some(self.installation.as_str())
    }
}
