//! What was seen of containers, for as long as the engine's events vouch for it: whoever asks again costs
//! the engine nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::models::ContainerSummary;
use launcher_model::ServiceName;
use launcher_model::container::{Container, ContainerPhase};

use super::Engine;

/// What was seen, and what has happened since.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// So many streams of events stand. Without one nothing vouches for anything.
    streams: usize,
    /// Grows with each change.
    count: u64,
    /// The last change that may concern any service.
    of_all: u64,
    /// The last change of a service's containers.
    of_one: HashMap<ServiceName, u64>,
    seen: HashMap<ServiceName, Seen>,
    /// When all containers were listed: a service of which none was seen had none.
    listed: Option<Mark>,
}

#[derive(Debug)]
struct Seen {
    containers: Vec<Container>,
    prints: BTreeSet<Print>,
    /// Nothing of it changes without an event: what a check of the engine's own prints does, as long as it
    /// has not passed.
    lasting: bool,
    mark: Mark,
}

/// A moment between two changes, from before the engine is asked: what happens while it answers makes the
/// answer old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(u64);

/// What a list tells of a container: when it is the same, looking closer would tell the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Print {
    id: String,
    state: String,
    health: String,
    addresses: BTreeSet<String>,
}

impl Print {
    pub(super) fn of(listed: &ContainerSummary) -> Self {
        let state = listed.state.map(|state| state.to_string());
        // "Up 3 hours (healthy)": the time goes on.
        let status = listed.status.as_deref().unwrap_or_default();
        let health = status.rsplit_once('(').filter(|_| status.starts_with("Up"));
        Self {
            id: listed.id.clone().unwrap_or_default(),
            state: state.unwrap_or_default(),
            health: health.map(|(_, health)| health.to_owned()).unwrap_or_default(),
            addresses: addresses(listed),
        }
    }
}

/// Where it is on its networks: no event of a container tells that it was moved to another one.
fn addresses(listed: &ContainerSummary) -> BTreeSet<String> {
    let networks = listed.network_settings.as_ref().and_then(|all| all.networks.as_ref());
    let networks = networks.into_iter().flatten();
    networks.filter_map(|(_, network)| network.ip_address.clone()).collect()
}

fn is_lasting(container: &Container) -> bool {
    let ContainerPhase::Running { exec_check: Some(check), .. } = &container.phase else {
        return true;
    };
    check.healthy
}

/// As long as it is there, a stream of events stands.
#[derive(Debug)]
pub(super) struct Vouching(Arc<Engine>);

impl Vouching {
    pub(super) fn begin(engine: Arc<Engine>) -> Self {
        engine.known.lock().streams += 1;
        // What happened while nobody listened is not known.
        engine.known.changed_all();
        Self(engine)
    }
}

impl Drop for Vouching {
    fn drop(&mut self) {
        self.0.known.lock().streams -= 1;
        self.0.known.changed_all();
    }
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.lock().count)
    }

    /// Containers of a service may have changed.
    pub(super) fn changed(&self, service: &ServiceName) {
        let mut inner = self.lock();
        inner.count += 1;
        let count = inner.count;
        inner.of_one.insert(service.clone(), count);
    }

    fn changed_all(&self) {
        let mut inner = self.lock();
        inner.count += 1;
        inner.of_all = inner.count;
    }

    /// A service's containers, when nothing has happened since they were looked at.
    pub(super) fn containers(&self, service: &ServiceName) -> Option<Vec<Container>> {
        let inner = self.lock();
        match inner.seen.get(service) {
            Some(seen) => {
                let holds = seen.lasting && inner.holds(service, seen.mark);
                holds.then(|| seen.containers.clone())
            }
            None => inner.listed.filter(|mark| inner.holds(service, *mark)).map(|_| Vec::new()),
        }
    }

    /// The same, when a list also shows what it showed then.
    pub(super) fn confirmed(
        &self,
        service: &ServiceName,
        prints: &BTreeSet<Print>,
    ) -> Option<Vec<Container>> {
        let inner = self.lock();
        let seen = inner.seen.get(service)?;
        let same = seen.lasting && inner.holds(service, seen.mark) && seen.prints == *prints;
        same.then(|| seen.containers.clone())
    }

    /// Keeps what was looked at since `mark`.
    pub(super) fn keep(
        &self,
        service: &ServiceName,
        containers: &[Container],
        prints: BTreeSet<Print>,
        mark: Mark,
    ) {
        let mut inner = self.lock();
        // Somebody who began to look later may have been faster.
        if inner.seen.get(service).is_none_or(|seen| seen.mark <= mark) {
            let lasting = containers.iter().all(is_lasting);
            let seen = Seen { containers: containers.to_vec(), prints, lasting, mark };
            inner.seen.insert(service.clone(), seen);
        }
    }

    /// All containers were listed since `mark`, and these services have some.
    pub(super) fn listed(&self, services: &BTreeSet<ServiceName>, mark: Mark) {
        let mut inner = self.lock();
        inner.seen.retain(|service, _| services.contains(service));
        inner.listed = Some(mark);
    }
}

impl Inner {
    /// Whether what was seen of a service then is still so.
    fn holds(&self, service: &ServiceName, mark: Mark) -> bool {
        let changed = self.of_one.get(service).copied().unwrap_or(0).max(self.of_all);
        self.streams > 0 && changed <= mark.0
    }
}

impl Engine {
    /// Does something that changes a service's containers: whoever asks after it sees what it did, though
    /// no event has come yet, and also when it was ended in the middle.
    pub(super) async fn changing<T>(
        &self,
        service: &ServiceName,
        doing: impl Future<Output = T>,
    ) -> T {
        let _changed = Changed { engine: self, service };
        doing.await
    }
}

struct Changed<'a> {
    engine: &'a Engine,
    service: &'a ServiceName,
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        self.engine.known.changed(self.service);
    }
}
