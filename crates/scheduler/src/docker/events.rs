//! The engine's event stream, turned into changes of services.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::ExponentialBackoff;
use bollard::models::{EventMessage, SystemInfo};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use launcher_model::ServiceName;

use super::Engine;
use super::connection::Call;
use super::known::Vouching;
use crate::changes::{delays, taken_in};
use crate::identity::SERVE;
use crate::{Change, Result, labels};

/// So many events are looked at together at most; those of one service become one change.
const TOGETHER: usize = 256;
/// A stream that lived so long was no failed attempt.
const LIVED: Duration = Duration::from_secs(5);

/// What changes a container as [`observe`](Engine::observe) tells it. The commands of health checks are not
/// among them: each would be three events.
const ACTIONS: [&str; 10] = [
    "create",
    "start",
    "die",
    "destroy",
    "oom",
    "health_status",
    "rename",
    "pause",
    "unpause",
    "restart",
];

/// Changes from now on, for ever. The engine's events are taken in as they come, whether or not somebody
/// asks for the next change: what is [known](super::known) of containers depends on them.
pub(super) fn watch(engine: Arc<Engine>) -> BoxStream<'static, Change> {
    listen_for_ever(engine, true)
}

/// The same of an engine that another driver places containers on. Nothing is removed from it.
pub(crate) fn watch_only(engine: Arc<Engine>) -> BoxStream<'static, Change> {
    listen_for_ever(engine, false)
}

fn listen_for_ever(engine: Arc<Engine>, sweeps: bool) -> BoxStream<'static, Change> {
    let watcher = Watcher {
        engine,
        sweeps,
        events: None,
        attached: Instant::now(),
        told_lost: false,
        delays: delays(),
        changes: VecDeque::new(),
    };
    let next = async |mut watcher: Watcher| Some((watcher.next().await, watcher));
    taken_in(stream::unfold(watcher, next).boxed())
}

struct Watcher {
    engine: Arc<Engine>,
    /// Whether the commands of people that a killed process has left are removed.
    sweeps: bool,
    /// None while the engine is away.
    events: Option<Attached>,
    attached: Instant,
    told_lost: bool,
    delays: ExponentialBackoff,
    changes: VecDeque<Change>,
}

/// The engine's events, and what may be relied on while they come.
struct Attached {
    events: BoxStream<'static, Vec<Result<EventMessage>>>,
    _vouching: Vouching,
}

impl Watcher {
    async fn next(&mut self) -> Change {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return change;
            }
            match &mut self.events {
                None => self.attach().await,
                Some(attached) => match attached.events.next().await {
                    Some(events) => self.take(events),
                    None => self.detach("its event stream ended".to_owned()),
                },
            }
        }
    }

    async fn attach(&mut self) {
        match self.engine.connection.open("listening to events").await {
            Ok((call, info)) => {
                if self.sweeps {
                    self.engine.sweep_runs(&call).await;
                }
                let events = listen(&self.engine, call, &info);
                let _vouching = Vouching::begin(Arc::clone(&self.engine));
                self.events = Some(Attached { events, _vouching });
                self.attached = Instant::now();
                self.told_lost = false;
                self.changes.push_back(Change::Everything);
            }
            Err(error) => {
                self.lose(error.to_string());
                tokio::time::sleep(self.delays.next().unwrap_or_default()).await;
            }
        }
    }

    fn take(&mut self, events: Vec<Result<EventMessage>>) {
        for event in events {
            match event {
                Ok(event) => {
                    let Some(change) = change(event) else { continue };
                    if let Change::Service(service) | Change::Ended { service, .. } = &change {
                        self.engine.known.changed(service);
                    }
                    if !self.changes.contains(&change) {
                        self.changes.push_back(change);
                    }
                }
                Err(error) => return self.detach(error.to_string()),
            }
        }
    }

    fn detach(&mut self, why: String) {
        self.events = None;
        if self.attached.elapsed() >= LIVED {
            self.delays = delays();
        }
        self.lose(why);
    }

    fn lose(&mut self, why: String) {
        if !std::mem::replace(&mut self.told_lost, true) {
            let place = self.engine.connection.authority();
            tracing::warn!(%place, %why, "the engine's events are lost");
            self.changes.push_back(Change::Lost { why });
        }
    }
}

/// Events since the moment at which the engine said `info` of itself: nothing that happens before the
/// stream stands is missed.
fn listen(
    engine: &Engine,
    call: Call,
    info: &SystemInfo,
) -> BoxStream<'static, Vec<Result<EventMessage>>> {
    let since = time_of(info);
    let since = format!("{}.{:09}", since.as_second(), since.subsec_nanosecond());
    let ours = format!("{}={}", labels::INSTALLATION, engine.installation.as_str());
    let filters = HashMap::from([
        ("type", vec!["container".to_owned()]),
        ("label", vec![ours, format!("{}={SERVE}", labels::ROLE)]),
        ("event", ACTIONS.map(str::to_owned).to_vec()),
    ]);
    let options = EventsOptionsBuilder::new().since(&since).filters(&filters).build();
    call.api
        .events(Some(options))
        .map(move |event| event.map_err(|error| call.fail(error)))
        .ready_chunks(TOGETHER)
        .boxed()
}

/// The moment at which the engine said this of itself, by its own clock.
pub(super) fn time_of(info: &SystemInfo) -> Timestamp {
    let told = info.system_time.as_deref().and_then(|time| time.parse().ok());
    told.unwrap_or_else(Timestamp::now)
}

fn change(event: EventMessage) -> Option<Change> {
    let actor = event.actor?;
    let service = ServiceName::new(actor.attributes?.remove(labels::SERVICE)?).ok()?;
    Some(match (event.action.as_deref(), actor.id) {
        (Some("die"), Some(container)) => Change::Ended { service, container },
        _ => Change::Service(service),
    })
}
