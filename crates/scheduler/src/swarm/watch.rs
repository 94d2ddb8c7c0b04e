//! Changes of services, from pictures that are taken when something may have changed.
//!
//! Managers tell of services and hosts, but not of tasks. So events only wake: those of the managers, and of
//! the engines that can be reached themselves, which tell of their own containers. What has changed is what
//! differs from the last picture. While something is under way pictures follow close on each other, and at
//! other times a few in a minute are enough.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBackoff;
use bollard::models::{EventMessage, EventMessageTypeEnum, Task, TaskState};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, SelectAll};
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::container::Container;
use tokio::sync::watch;
use tokio::time::Instant;

use super::keeper::Watching;
use super::task::{self, ended, state};
use super::{Picture, Swarm};
use crate::changes::{delays, taken_in};
use crate::docker::connection::Call;
use crate::docker::events::watch_only;
use crate::{Change, Result};

/// The time between two pictures while something is under way.
const CLOSE: Duration = Duration::from_millis(200);
/// The time between two pictures while nothing is.
const IDLE: Duration = Duration::from_secs(12);
/// What comes so soon after an event is looked at together.
const TOGETHER: Duration = Duration::from_millis(20);
/// So long after the last sign of it something may still be under way.
const LIVELY: Duration = Duration::from_secs(2);
/// What is not done so long after the last sign of it is not waited for so closely any more.
const STUCK: Duration = Duration::from_secs(30);

/// Changes from now on, for ever.
pub(super) fn watch(swarm: &Swarm) -> BoxStream<'static, Change> {
    let watcher = Watcher {
        swarm: swarm.clone(),
        touches: swarm.0.keeper.touches(),
        engines: SelectAll::new(),
        attached: None,
        told_lost: false,
        delays: delays(),
        changes: VecDeque::new(),
    };
    let next = async |mut watcher: Watcher| Some((watcher.next().await, watcher));
    taken_in(stream::unfold(watcher, next).boxed())
}

struct Watcher {
    swarm: Swarm,
    touches: watch::Receiver<std::time::Instant>,
    /// The containers of engines that can be reached themselves.
    engines: SelectAll<BoxStream<'static, Change>>,
    /// None while no manager answers.
    attached: Option<Attached>,
    told_lost: bool,
    delays: ExponentialBackoff,
    changes: VecDeque<Change>,
}

struct Attached {
    events: BoxStream<'static, Result<EventMessage>>,
    /// Which manager they are of.
    manager: usize,
    last: Arc<Picture>,
    /// When the last sign of a change was.
    sign: Instant,
    look_at: Instant,
    _watching: Watching,
}

enum Woken {
    Event(Option<Result<EventMessage>>),
    Engine(Change),
    Touch,
    Time,
}

impl Watcher {
    async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return change;
            }
            match self.woken().await {
                None => self.attach().await,
                Some(Woken::Event(Some(Ok(event)))) => self.take(&event),
                Some(Woken::Touch) => self.look_soon(),
                Some(Woken::Event(Some(Err(error)))) => self.move_on(&error.to_string()).await,
                Some(Woken::Event(None)) => self.move_on("its event stream ended").await,
                Some(Woken::Engine(change)) => self.hear(change),
                Some(Woken::Time) => self.look().await,
            }
        }
    }

    async fn woken(&mut self) -> Option<Woken> {
        let attached = self.attached.as_mut()?;
        Some(tokio::select! {
            event = attached.events.next() => Woken::Event(event),
            Some(change) = self.engines.next() => Woken::Engine(change),
            Ok(()) = self.touches.changed() => Woken::Touch,
            () = tokio::time::sleep_until(attached.look_at) => Woken::Time,
        })
    }

    /// Begins to listen, with a picture to compare later ones with.
    async fn attach(&mut self) {
        match attach(&self.swarm).await {
            Ok(attached) => {
                self.attached = Some(attached);
                self.told_lost = false;
                self.delays = delays();
                if self.engines.is_empty() {
                    self.engines = engines(&self.swarm);
                }
                self.changes.push_back(Change::Everything);
            }
            Err(error) => {
                self.lose(error.to_string());
                tokio::time::sleep(self.delays.next().unwrap_or_default()).await;
            }
        }
    }

    /// Goes on with another manager. What happened meanwhile is seen in the next picture.
    async fn move_on(&mut self, why: &str) {
        match listen(&self.swarm).await {
            Ok((events, manager)) => {
                tracing::info!(%why, "another manager is listened to");
                if let Some(attached) = &mut self.attached {
                    (attached.events, attached.manager) = (events, manager);
                }
                self.swarm.0.keeper.touch();
            }
            Err(error) => self.lose(error.to_string()),
        }
    }

    /// What a service's or a host's event tells of is not in the picture yet, whatever its age. Other
    /// people's services are theirs.
    fn take(&mut self, event: &EventMessage) {
        let of_service = event.typ == Some(EventMessageTypeEnum::SERVICE);
        let attributes = event.actor.as_ref().and_then(|actor| actor.attributes.as_ref());
        let name = attributes.and_then(|attributes| attributes.get("name"));
        let ours = format!("launcher-{}-", self.swarm.0.installation.short());
        if of_service && name.is_some_and(|name| !name.starts_with(&ours)) {
            return;
        }
        self.swarm.0.keeper.touch();
        self.touches.mark_unchanged();
        self.look_soon();
    }

    fn look_soon(&mut self) {
        if let Some(attached) = &mut self.attached {
            let now = Instant::now();
            attached.sign = now;
            attached.look_at = attached.look_at.min(now + TOGETHER);
        }
    }

    /// An engine's own container ended or changed; that it cannot be reached itself says nothing.
    fn hear(&mut self, change: Change) {
        match change {
            Change::Ended { .. } => {
                if !self.changes.contains(&change) {
                    self.changes.push_back(change);
                }
                self.look_soon();
            }
            Change::Service(_) | Change::Everything => self.look_soon(),
            Change::Lost { .. } => {}
        }
    }

    async fn look(&mut self) {
        let Some(attached) = &mut self.attached else { return };
        let now = Instant::now();
        match self.swarm.picture_since(std::time::Instant::now()).await {
            Ok(picture) => {
                let changes = differences(&attached.last.containers, &picture.containers);
                if !changes.is_empty() || picture.services != attached.last.services {
                    attached.sign = now;
                }
                attached.look_at = Instant::now() + pause(&picture, now - attached.sign);
                attached.last = picture;
                let moved = attached.manager != self.swarm.0.managers.current();
                self.changes.extend(changes);
                if moved {
                    self.move_on("it did not answer").await;
                }
            }
            Err(error) => self.lose(error.to_string()),
        }
    }

    fn lose(&mut self, why: String) {
        self.attached = None;
        // Nobody is answered any more out of a picture that was taken before.
        self.swarm.0.keeper.touch();
        if !std::mem::replace(&mut self.told_lost, true) {
            tracing::warn!(%why, "the Swarm is lost");
            self.changes.push_back(Change::Lost { why });
        }
    }
}

/// The manager's events, and the first picture.
async fn attach(swarm: &Swarm) -> Result<Attached> {
    let (events, manager) = listen(swarm).await?;
    swarm.sweep_runs().await;
    let last = swarm.picture_since(std::time::Instant::now()).await?;
    let now = Instant::now();
    Ok(Attached {
        events,
        manager,
        last,
        sign: now,
        look_at: now + CLOSE,
        _watching: Watching::begin(swarm),
    })
}

/// The time until the next picture, when the last sign of a change was so long ago.
fn pause(picture: &Picture, quiet: Duration) -> Duration {
    let under_way = quiet < STUCK && picture.tasks.iter().any(is_under_way);
    if quiet < LIVELY || under_way { CLOSE } else { IDLE }
}

/// Whether a task is on its way to where the Swarm wants it.
fn is_under_way(task: &Task) -> bool {
    !ended(task) && (!task::wanted(task) || state(task) != TaskState::RUNNING)
}

/// The events of services and hosts, from the manager that answers, since the moment at which it did.
async fn listen(swarm: &Swarm) -> Result<(BoxStream<'static, Result<EventMessage>>, usize)> {
    let ask = async |call: Call| {
        let info = call.api.info().await.map_err(|error| call.fail(error))?;
        let now = info.system_time.as_deref().and_then(|time| time.parse().ok());
        let now: Timestamp = now.unwrap_or_else(Timestamp::now);
        let since = format!("{}.{:09}", now.as_second(), now.subsec_nanosecond());
        let filters = HashMap::from([("type", vec!["service".to_owned(), "node".to_owned()])]);
        let options = EventsOptionsBuilder::new().since(&since).filters(&filters).build();
        let events = call.api.events(Some(options));
        let failing = call.clone();
        Ok(events.map(move |event| event.map_err(|error| failing.fail(error))).boxed())
    };
    let events = swarm.0.managers.ask("listening to events", ask).await?;
    Ok((events, swarm.0.managers.current()))
}

/// What the engines tell that can be reached themselves: those of the managers, and those whose address the
/// configuration says.
fn engines(swarm: &Swarm) -> SelectAll<BoxStream<'static, Change>> {
    let managers = swarm.0.managers.all().iter().map(|manager| manager.host().to_owned());
    let all: BTreeSet<String> = managers.chain(swarm.0.engines.values().cloned()).collect();
    let engines = all.into_iter().filter_map(|host| swarm.engine_at(&host).ok());
    engines.map(|engine| watch_only(engine.0)).collect()
}

/// What has become different from one picture to the next.
fn differences(before: &[Container], after: &[Container]) -> Vec<Change> {
    let old: HashMap<&str, &Container> = before.iter().map(|c| (c.id.as_str(), c)).collect();
    let new: HashMap<&str, &Container> = after.iter().map(|c| (c.id.as_str(), c)).collect();
    let ended = before.iter().filter(|container| {
        let now = new.get(container.id.as_str());
        container.is_running() && !now.is_some_and(|now| now.is_running())
    });
    let ends = ended.map(|container| Change::Ended {
        service: container.service.clone(),
        container: container.id.clone(),
    });
    let fresh = after.iter().filter(|c| old.get(c.id.as_str()).is_none_or(|old| old != c));
    let gone = before.iter().filter(|container| !new.contains_key(container.id.as_str()));
    let services: BTreeSet<&ServiceName> = fresh.chain(gone).map(|c| &c.service).collect();
    ends.chain(services.into_iter().cloned().map(Change::Service)).collect()
}
