//! Events turned into changes of services.
//!
//! One follower serves all who listen. An event is a reason to look and no more: what is told is what
//! differs between two looks. So nothing comes of an event that is lost, repeated or made up, but a look
//! that is later or needless.

mod callback;
mod sse;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backon::ExponentialBackoff;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use launcher_model::ServiceName;
use launcher_model::container::Container;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};

pub(super) use self::callback::Callback;
use super::Engine;
use super::snapshot::Snapshot;
use super::version::Version;
use super::wire::event::Event;
use crate::changes::delays;
use crate::{Change, Error, Result};

/// So many changes wait for one who reads slowly; who misses some is told to look at everything.
const BUFFER: usize = 256;
/// How long after an event it is looked: some come together.
const TOGETHER: Duration = Duration::from_millis(50);
/// How often is looked while something is on its way.
const CLOSELY: Duration = Duration::from_millis(200);
/// How long what does not move any more is followed closely.
const RESTLESS: Duration = Duration::from_secs(10);
/// How often is looked when nothing happens: with the queue, at most eight calls in a minute.
const QUIETLY: Duration = Duration::from_secs(15);
/// A stream that lived so long was no failed attempt.
const LIVED: Duration = Duration::from_secs(5);

/// What is seen, as it comes.
struct Seen {
    event: Event,
    /// It came from Marathon itself, and not from whoever knows an address.
    is_trusted: bool,
}

type Source = BoxStream<'static, Result<Seen>>;

/// Who listens, and what one who begins to is told first.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Option<Listening>>);

#[derive(Debug)]
struct Listening {
    sender: Sender<Change>,
    /// None until the first attempt has come to something.
    state: Option<Change>,
}

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, Option<Listening>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Change) {
        if let Some(listening) = self.lock().as_mut() {
            if matches!(change, Change::Everything | Change::Lost { .. }) {
                listening.state = Some(change.clone());
            }
            // Nobody listens: then there is nobody to tell.
            let _ = listening.sender.send(change);
        }
    }

    /// Ends the listening when nobody does any more.
    fn close(&self) -> bool {
        let mut listening = self.lock();
        let nobody = listening.as_ref().is_none_or(|l| l.sender.receiver_count() == 0);
        if nobody {
            *listening = None;
        }
        nobody
    }
}

/// Changes from now on, for ever.
pub(super) fn watch(engine: Arc<Engine>) -> BoxStream<'static, Change> {
    let first = async move {
        let (state, receiver) = listen(&engine);
        stream::iter(state).chain(stream::unfold(receiver, async |mut receiver| {
            let change = match receiver.recv().await {
                Ok(change) => change,
                Err(RecvError::Lagged(_)) => Change::Everything,
                Err(RecvError::Closed) => return None,
            };
            Some((change, receiver))
        }))
    };
    stream::once(first).flatten().boxed()
}

/// Begins to listen; the follower is started with the first who does.
fn listen(engine: &Arc<Engine>) -> (Option<Change>, Receiver<Change>) {
    let mut listening = engine.listeners.lock();
    if let Some(there) = listening.as_ref() {
        return (there.state.clone(), there.sender.subscribe());
    }
    let (sender, receiver) = broadcast::channel(BUFFER);
    *listening = Some(Listening { sender: sender.clone(), state: None });
    tokio::spawn(Follower::new(Arc::clone(engine), sender).run());
    (None, receiver)
}

struct Follower {
    engine: Arc<Engine>,
    sender: Sender<Change>,
    last: Option<Arc<Snapshot>>,
    delays: ExponentialBackoff,
    told_lost: bool,
}

impl Follower {
    fn new(engine: Arc<Engine>, sender: Sender<Change>) -> Self {
        Self { engine, sender, last: None, delays: delays(), told_lost: false }
    }

    /// Until nobody listens any more.
    async fn run(mut self) {
        let sender = self.sender.clone();
        loop {
            tokio::select! {
                () = sender.closed() => {}
                () = self.follow() => {}
            }
            self.engine.snapshots.set_followed(false);
            if self.engine.listeners.close() {
                return;
            }
        }
    }

    async fn follow(&mut self) {
        loop {
            let begun = Instant::now();
            let why = match self.attach().await {
                Ok(source) => self.listen_to(source).await.to_string(),
                Err(error) => error.to_string(),
            };
            self.engine.snapshots.set_followed(false);
            if begun.elapsed() >= LIVED {
                self.delays = delays();
            }
            if !std::mem::replace(&mut self.told_lost, true) {
                tracing::warn!(%why, "Marathon's events are lost");
                self.engine.listeners.tell(Change::Lost { why });
            }
            tokio::time::sleep(self.delays.next().unwrap_or_default()).await;
        }
    }

    /// Opens the stream first, and looks then: what happens in between is in one of the two.
    async fn attach(&mut self) -> Result<Source> {
        let dialect = self.engine.renew_info().await?;
        let source = self.open(dialect).await?;
        let snapshot = self.engine.look_again().await?;
        self.last = Some(snapshot);
        self.told_lost = false;
        self.engine.snapshots.set_followed(true);
        self.engine.listeners.tell(Change::Everything);
        Ok(source)
    }

    /// The stream, where there is one; something between here and Marathon may not let it through.
    async fn open(&self, dialect: Version) -> Result<Source> {
        let may_be_called = dialect.has_callbacks() && self.engine.callback.is_some();
        if !dialect.has_event_stream() {
            return callback::subscribe(&self.engine).await;
        }
        match sse::open(&self.engine, dialect).await {
            Err(Error::Refused { why, .. }) if may_be_called => {
                tracing::info!(%why, "there is no stream of events; Marathon is asked to send them");
                callback::subscribe(&self.engine).await
            }
            source => source,
        }
    }

    /// Until the source ends, or Marathon cannot be asked.
    async fn listen_to(&mut self, mut source: Source) -> Error {
        let mut restless_until = Instant::now() + RESTLESS;
        let mut next = Instant::now() + self.pause(restless_until);
        let engine = Arc::clone(&self.engine);
        loop {
            tokio::select! {
                seen = source.next() => match seen {
                    Some(Ok(seen)) => {
                        if self.notice(&seen) {
                            engine.snapshots.changed();
                            restless_until = Instant::now() + RESTLESS;
                            next = next.min(Instant::now() + TOGETHER);
                        }
                    }
                    Some(Err(error)) => return error,
                    None => {
                        let why = "its stream of events ended".to_owned();
                        return engine.client.unreachable("listening to events", why);
                    }
                },
                () = engine.touched.notified() => {
                    restless_until = Instant::now() + RESTLESS;
                    next = next.min(Instant::now() + TOGETHER);
                }
                () = tokio::time::sleep_until(next.into()) => {
                    match self.compare().await {
                        Ok(true) => restless_until = Instant::now() + RESTLESS,
                        Ok(false) => {}
                        Err(error) => return error,
                    }
                    next = Instant::now() + self.pause(restless_until);
                }
            }
        }
    }

    fn pause(&self, restless_until: Instant) -> Duration {
        let moves = self.last.as_ref().is_some_and(|last| last.is_moving());
        if moves && Instant::now() < restless_until { CLOSELY } else { QUIETLY }
    }

    /// Whether an event is a reason to look. The end of a container is told at once.
    fn notice(&self, seen: &Seen) -> bool {
        let event = &seen.event;
        if event.event_type == "event_stream_attached" {
            return true;
        }
        if seen.is_trusted
            && let Some((service, container)) = self.ended(event)
        {
            self.engine.listeners.tell(Change::Ended { service, container });
        }
        event.concerns(self.engine.names.prefix())
    }

    fn ended(&self, event: &Event) -> Option<(ServiceName, String)> {
        let (app, task) = (event.app()?, event.ended()?);
        let standing = self.last.as_ref()?.apps.iter().find(|known| known.app.id == app)?;
        Some((standing.identity.service.clone(), task.to_owned()))
    }

    /// Looks, and tells what differs. Whether anything does.
    async fn compare(&mut self) -> Result<bool> {
        let now = self.engine.look_again().await?;
        let before = self.last.replace(Arc::clone(&now));
        let before = by_service(before.as_ref().map_or(&[], |before| before.containers.as_slice()));
        let after = by_service(&now.containers);
        let services = before.keys().chain(after.keys());
        let mut different: Vec<_> =
            services.filter(|service| before.get(*service) != after.get(*service)).collect();
        different.sort();
        different.dedup();
        for service in &different {
            self.engine.listeners.tell(Change::Service((**service).clone()));
        }
        Ok(!different.is_empty())
    }
}

fn by_service(containers: &[Container]) -> BTreeMap<&ServiceName, Vec<&Container>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for container in containers {
        all.entry(&container.service).or_default().push(container);
    }
    all
}
