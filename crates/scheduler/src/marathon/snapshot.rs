//! All of this installation's apps at one moment, from which everything is answered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_model::container::Container;
use launcher_model::{ServiceName, VersionNumber};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Engine;
use super::client::Call;
use super::names::Identity;
use super::places::{Places, Seat};
use super::read::View;
use super::wire::app::{App, Apps, Doing};
use super::wire::queue::{Queue, Queued};
use crate::{Error, Result};

/// How old a snapshot may be that is answered from while events tell of every change.
const OLD: Duration = Duration::from_secs(20);
/// How old it may be while nobody listens to events.
const UNFOLLOWED: Duration = Duration::from_millis(100);

/// All apps at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// When Marathon was asked.
    begun: Instant,
    /// An environment's apps are beside each other, the first one first.
    pub(super) apps: Vec<Standing>,
    /// Sorted by service, version, place and attempt.
    pub(super) containers: Vec<Container>,
}

/// An app of ours.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) identity: Identity,
    pub(super) app: App,
    pub(super) seats: BTreeMap<u16, Seat>,
    /// What Marathon waits with before it starts more of it.
    pub(super) is_delayed: bool,
}

impl Snapshot {
    /// An environment's apps, the first one first.
    pub(super) fn environment(
        &self,
        service: &ServiceName,
        version: VersionNumber,
    ) -> impl Iterator<Item = &Standing> {
        self.apps.iter().filter(move |standing| {
            standing.identity.service == *service && standing.identity.version == version
        })
    }

    /// Whether something is on its way, and will be different in a moment.
    pub(super) fn is_moving(&self) -> bool {
        self.apps.iter().any(|standing| {
            !standing.app.deployments.is_empty()
                || standing
                    .app
                    .tasks
                    .iter()
                    .any(|task| matches!(task.doing(), Doing::Starting | Doing::Ending))
        })
    }
}

/// The latest snapshot, and whether it is the latest that there can be.
#[derive(Debug)]
pub(super) struct Snapshots {
    latest: Mutex<Option<Arc<Snapshot>>>,
    /// What was asked before is not current any more.
    changed: Mutex<Instant>,
    /// Somebody listens to events.
    followed: AtomicBool,
    /// Held while one is taken.
    places: tokio::sync::Mutex<Places>,
}

impl Snapshots {
    pub(super) fn new() -> Self {
        Self {
            latest: Mutex::default(),
            changed: Mutex::new(Instant::now()),
            followed: AtomicBool::new(false),
            places: tokio::sync::Mutex::default(),
        }
    }

    /// What was taken before now is not to be answered from any more.
    pub(super) fn changed(&self) {
        *lock(&self.changed) = Instant::now();
    }

    /// Whether events tell of changes.
    pub(super) fn set_followed(&self, followed: bool) {
        self.followed.store(followed, Ordering::Relaxed);
    }

    fn since(&self, moment: Instant) -> Option<Arc<Snapshot>> {
        lock(&self.latest).as_ref().filter(|latest| latest.begun >= moment).map(Arc::clone)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// How things are, as far as is known.
    pub(super) async fn look(&self) -> Result<Arc<Snapshot>> {
        let age = if self.snapshots.followed.load(Ordering::Relaxed) { OLD } else { UNFOLLOWED };
        let changed = *lock(&self.snapshots.changed);
        let oldest = Instant::now().checked_sub(age).unwrap_or(changed);
        self.look_since(oldest.max(changed)).await
    }

    /// How things are now.
    pub(super) async fn look_again(&self) -> Result<Arc<Snapshot>> {
        self.look_since(Instant::now()).await
    }

    /// A snapshot that was begun at `moment` or later. Those who ask at the same time share one.
    async fn look_since(&self, moment: Instant) -> Result<Arc<Snapshot>> {
        if let Some(latest) = self.snapshots.since(moment) {
            return Ok(latest);
        }
        let mut places = self.snapshots.places.lock().await;
        if let Some(latest) = self.snapshots.since(moment) {
            return Ok(latest);
        }
        let taken = Arc::new(self.take(&mut places).await?);
        *lock(&self.snapshots.latest) = Some(Arc::clone(&taken));
        Ok(taken)
    }

    async fn take(&self, places: &mut Places) -> Result<Snapshot> {
        let begun = Instant::now();
        let mut apps = self.apps().await?;
        let queue = if apps.iter().any(|(_, app)| is_short(app)) {
            self.queue().await?
        } else {
            HashMap::new()
        };
        let addresses = self.addresses_of(&apps).await;
        let now = Timestamp::now();
        places.keep(&apps.iter().map(|(_, app)| app.id.as_str()).collect());
        apps.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
        // From the last to the first, so that of each environment the newest app comes first.
        let mut after: Option<(ServiceName, VersionNumber)> = None;
        let mut standing = Vec::new();
        for (identity, app) in apps.into_iter().rev() {
            let environment = (identity.service.clone(), identity.version);
            let is_followed = after.as_ref() == Some(&environment);
            let seats = if is_followed {
                places.assign_followed(&app, now)
            } else {
                places.assign(&app, now)
            };
            let is_delayed = queue.get(&app.id).is_some_and(|queued| !queued.delay.overdue);
            standing.push(Standing { identity, app, seats, is_delayed });
            after = Some(environment);
        }
        standing.reverse();
        let containers = containers(&standing, &queue, &addresses, now);
        Ok(Snapshot { begun, apps: standing, containers })
    }

    async fn apps(&self) -> Result<Vec<(Identity, App)>> {
        const DOING: &str = "looking at containers";
        let dialect = self.dialect().await?;
        let selector = self.names.selector();
        let selector = utf8_percent_encode(&selector, NON_ALPHANUMERIC);
        // Before 0.11 only one thing can be embedded, and tasks matter most.
        let embed = if dialect.has_many_embeds() {
            "embed=apps.tasks&embed=apps.counts&embed=apps.deployments&embed=apps.lastTaskFailure"
        } else {
            "embed=apps.tasks"
        };
        let call = Call::get(format!("/v2/apps?label={selector}&{embed}"), DOING);
        let answer = self.client.send(&call).await?;
        if !answer.status.is_success() {
            return Err(Error::Refused { doing: DOING, why: answer.words() });
        }
        let told: Apps = answer.json(DOING)?;
        Ok(told.apps.into_iter().filter_map(|app| Some((self.names.read(&app)?, app))).collect())
    }

    async fn queue(&self) -> Result<HashMap<String, Queued>> {
        const DOING: &str = "asking why containers wait";
        let answer = self.client.send(&Call::get("/v2/queue", DOING)).await?;
        let told: Queue =
            if answer.status.is_success() { answer.json(DOING)? } else { Queue::default() };
        let named = told.queue.into_iter().filter(|queued| queued.count > 0);
        Ok(named.filter_map(|queued| Some((queued.app.as_ref()?.id.clone(), queued))).collect())
    }

    /// The addresses of the hosts that run something.
    async fn addresses_of(&self, apps: &[(Identity, App)]) -> HashMap<String, IpAddr> {
        let hosts: HashSet<&str> = apps
            .iter()
            .flat_map(|(_, app)| &app.tasks)
            .filter(|task| task.doing() == Doing::Running)
            .map(|task| task.host.as_str())
            .collect();
        self.addresses.of(hosts).await
    }
}

/// Whether something of it is missing.
fn is_short(app: &App) -> bool {
    let running = app.tasks.iter().filter(|task| task.doing() == Doing::Running).count();
    u32::try_from(running).is_ok_and(|running| running < app.instances)
}

fn order(identity: &Identity) -> (&ServiceName, VersionNumber, u32) {
    (&identity.service, identity.version, identity.attempt)
}

fn containers(
    apps: &[Standing],
    queue: &HashMap<String, Queued>,
    addresses: &HashMap<String, IpAddr>,
    now: Timestamp,
) -> Vec<Container> {
    let mut all = Vec::new();
    for (index, standing) in apps.iter().enumerate() {
        let Standing { identity, app, seats, .. } = standing;
        let view = View { identity, app, queued: queue.get(&app.id), addresses, now };
        // What is missing of an app that another one follows is that one's business.
        let is_last = apps.get(index + 1).is_none_or(|next| {
            (&next.identity.service, next.identity.version) != (&identity.service, identity.version)
        });
        let told = seats.iter().filter(|(_, seat)| is_last || seat.task.is_some());
        all.extend(told.filter_map(|(slot, seat)| view.container(*slot, seat)));
    }
    all.sort_by(|a, b| {
        let order = |c: &Container| (c.version, c.slot, c.attempt);
        a.service.cmp(&b.service).then_with(|| order(a).cmp(&order(b)))
    });
    all
}
