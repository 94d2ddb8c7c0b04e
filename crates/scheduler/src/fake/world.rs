//! What the fake engine holds: images, containers, and who is told of changes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use launcher_model::container::{Container, ContainerPhase, Promised};
use launcher_model::image::{Digest, ImageRef};
use launcher_model::{ServiceName, VersionNumber};
use tokio::sync::{broadcast, watch};

use super::builds::Builds;
use super::hosts::Hosts;
use super::{Script, Verb};
use crate::{Change, Error, LogLine, LogStream, Result, labels};

pub(super) type Addresses =
    Box<dyn Fn(&ServiceName, VersionNumber, u16) -> SocketAddr + Send + Sync>;

pub(super) struct World {
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
    /// Told of everything, so that whoever follows a log or waits for an end looks again.
    ticks: watch::Sender<()>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) images: HashMap<String, Digest>,
    pub(super) scripts: HashMap<Digest, Script>,
    pub(super) fetched: HashSet<Digest>,
    pub(super) containers: BTreeMap<String, Held>,
    pub(super) builds: Builds,
    pub(super) away: Option<String>,
    pub(super) calls: HashMap<Verb, usize>,
    pub(super) addresses: Option<Addresses>,
    pub(super) hosts: Hosts,
    made: u64,
}

/// A container of the fake engine.
#[derive(Clone)]
pub(super) struct Held {
    /// What is told of it; one-off containers have it too, for their own use.
    pub(super) container: Container,
    /// The content of its image.
    pub(super) digest: Digest,
    pub(super) labels: HashMap<String, String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) script: Script,
    pub(super) log: Vec<LogLine>,
    /// Counts its starts, so that an end that was planned for an earlier one is not taken for this one's.
    pub(super) starts: u32,
    /// What its host has promised it.
    pub(super) promised: Promised,
}

impl World {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changes: broadcast::channel(1024).0,
            ticks: watch::channel(()).0,
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and refuses it while the engine is away.
    pub(super) fn reach(&self, verb: Verb, doing: &'static str) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        *state.calls.entry(verb).or_default() += 1;
        self.check(state, doing)
    }

    /// The same, in the middle of a call.
    pub(super) fn still(&self, doing: &'static str) -> Result<MutexGuard<'_, State>> {
        self.check(self.state(), doing)
    }

    fn check<'a>(
        &self,
        state: MutexGuard<'a, State>,
        doing: &'static str,
    ) -> Result<MutexGuard<'a, State>> {
        match &state.away {
            None => Ok(state),
            Some(why) => {
                let engine = "the fake engine".to_owned();
                Err(Error::Unreachable { engine, doing, why: why.clone() })
            }
        }
    }

    /// The first thing to tell a new listener, and where it hears the rest.
    pub(super) fn listen(&self) -> (Change, broadcast::Receiver<Change>) {
        let state = self.state();
        let first = match &state.away {
            None => Change::Everything,
            Some(why) => Change::Lost { why: why.clone() },
        };
        (first, self.changes.subscribe())
    }

    pub(super) fn ticks(&self) -> watch::Receiver<()> {
        self.ticks.subscribe()
    }

    /// Tells that a container changed.
    pub(super) fn tell(&self, state: &State, held: &Held) {
        let serves =
            held.labels.get(labels::ROLE).is_some_and(|role| role == crate::identity::SERVE);
        if serves && state.away.is_none() {
            let Container { service, id, phase, .. } = &held.container;
            let service = service.clone();
            let _ = self.changes.send(match phase {
                ContainerPhase::Exited { .. } => Change::Ended { service, container: id.clone() },
                _ => Change::Service(service),
            });
        }
        self.ticks.send_replace(());
    }

    /// Tells that the engine went, or came back.
    pub(super) fn announce(&self, change: Change) {
        let _ = self.changes.send(change);
        self.ticks.send_replace(());
    }

    /// Starts a container; one that runs is left alone. Whether the engine could.
    pub(super) fn start(self: &Arc<Self>, state: &mut State, id: &str) -> bool {
        let Some(held) = state.containers.get(id) else { return true };
        let waits = matches!(held.container.phase, ContainerPhase::Waiting { .. });
        if held.container.is_running() || waits {
            return true;
        }
        let address = held.address(state);
        let Some(held) = state.containers.get_mut(id) else { return true };
        if let Some(why) = held.script.unstartable.clone() {
            held.container.phase = ContainerPhase::Unstartable { why };
            return false;
        }
        held.starts += 1;
        held.container.address = address;
        let exec_check = held.script.check.clone();
        held.container.phase = ContainerPhase::Running { since: Timestamp::now(), exec_check };
        for line in held.script.prints.clone() {
            held.print(line);
        }
        if let Some((after, code)) = held.script.exits {
            self.end_later(id.to_owned(), held.starts, after, code);
        }
        let held = held.clone();
        self.tell(state, &held);
        true
    }

    fn end_later(self: &Arc<Self>, id: String, starts: u32, after: Duration, code: i64) {
        let world = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let mut state = world.state();
            if state.containers.get(&id).is_some_and(|held| held.starts == starts) {
                world.end(&mut state, &id, code);
            }
        });
    }

    /// Ends a container, if it runs.
    pub(super) fn end(&self, state: &mut State, id: &str, code: i64) {
        let Some(held) = state.containers.get_mut(id) else { return };
        let ContainerPhase::Running { since, .. } = held.container.phase else { return };
        held.container.address = None;
        held.container.phase = ContainerPhase::Exited {
            code,
            out_of_memory: false,
            started: since,
            finished: Timestamp::now(),
        };
        let held = held.clone();
        self.tell(state, &held);
    }

    pub(super) fn remove(&self, state: &mut State, id: &str) {
        self.end(state, id, 137);
        if let Some(held) = state.containers.remove(id) {
            self.tell(state, &held);
        }
    }
}

impl State {
    /// A number that was not given out before.
    pub(super) fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Gives an image a content of its own, and says how that behaves.
    pub(super) fn publish(&mut self, image: &ImageRef, script: Script) -> Digest {
        let digest = match image {
            ImageRef::Id(digest) | ImageRef::Digest(_, digest) => digest.clone(),
            ImageRef::Tag(..) => digest_of(&image.to_string(), self.next()),
        };
        self.images.insert(image.to_string(), digest.clone());
        self.scripts.insert(digest.clone(), script);
        digest
    }

    /// Makes an image of a service, which the engine has then. Gives its id.
    pub(super) fn build(&mut self, service: &ServiceName, script: Script) -> Digest {
        let image = digest_of(service.as_str(), self.next());
        self.publish(&ImageRef::Id(image.clone()), script);
        self.fetched.insert(image.clone());
        image
    }

    /// The content of an image; one that nothing was said of behaves well.
    pub(super) fn content(&mut self, image: &ImageRef) -> Digest {
        match self.images.get(&image.to_string()) {
            Some(digest) => digest.clone(),
            None => self.publish(image, Script::new()),
        }
    }

    pub(super) fn script(&self, digest: &Digest) -> Script {
        self.scripts.get(digest).cloned().unwrap_or_default()
    }
}

fn digest_of(name: &str, number: u64) -> Digest {
    let word = |nth: u64| {
        let mut hasher = DefaultHasher::new();
        (name, number, nth).hash(&mut hasher);
        hasher.finish()
    };
    let text = format!("sha256:{:016x}{:016x}{:016x}{:016x}", word(0), word(1), word(2), word(3));
    Digest::new(text).unwrap_or_else(|never| unreachable!("{never}"))
}

impl Held {
    pub(super) fn print(&mut self, text: String) {
        self.log.push(LogLine { at: Some(Timestamp::now()), stream: LogStream::Stdout, text });
    }

    fn address(&self, state: &State) -> Option<SocketAddr> {
        let Container { service, version, slot, .. } = &self.container;
        let port = self.labels.get(labels::PORT)?.parse().ok()?;
        Some(match &state.addresses {
            Some(addresses) => addresses(service, *version, *slot),
            None => {
                let [.., version] = version.0.to_be_bytes();
                let [high, low] = slot.to_be_bytes();
                ([127, version, high, low], port).into()
            }
        })
    }
}
