//! Images that somebody pushes become versions: one task for each service that follows its repository.

mod look;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use launcher_control::Pushed;
use launcher_model::ServiceName;
use launcher_model::event::{Event, EventKind};
use launcher_model::image::{Digest, ImageRepository};
use launcher_model::service::{ServiceSpec, matches_pattern};
use launcher_registry::Place;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{AbortHandle, JoinSet};

use crate::{Inner, Result, backoff};

/// A registry that fails is asked again after that at the latest.
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// A registry may tell of a push before the tag means what was pushed: it is asked again after that, and
/// then after twice as long, so many times.
const FIRST_SETTLING: Duration = Duration::from_millis(50);
const MOST_SETTLING: u32 = 8;

/// What a service follows.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    service: ServiceName,
    repository: ImageRepository,
    pattern: String,
    every: Duration,
}

impl Rule {
    fn of(spec: &ServiceSpec) -> Option<Self> {
        let pattern = spec.follow.tag.clone()?;
        let repository = ImageRepository::new(spec.service.image.as_deref()?).ok()?;
        let every = spec.follow.every.duration();
        Some(Self { service: spec.service.name.clone(), repository, pattern, every })
    }

    fn fits(&self, pushed: &Pushed) -> bool {
        Place::of(&self.repository).path() == pushed.path
            && matches_pattern(&self.pattern, &pushed.tag)
    }
}

/// What a task is to look at next.
#[derive(Default)]
struct Wake {
    notify: Notify,
    asked: Mutex<Asked>,
}

/// What is to be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    /// Everything that fits.
    all: bool,
    /// These tags, until they mean what was pushed under them, as far as that was told.
    tags: BTreeMap<String, Option<Digest>>,
}

/// What a look has left.
#[derive(Debug, Default)]
struct Left {
    /// What must be looked at again.
    asked: Asked,
    /// It will change by itself in a moment; otherwise an event tells when.
    settles: bool,
}

impl Wake {
    fn all(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).all = true;
        self.notify.notify_one();
    }

    fn tag(&self, tag: String, digest: Option<Digest>) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).tags.insert(tag, digest);
        self.notify.notify_one();
    }

    fn take(&self) -> Asked {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Task {
    rule: Rule,
    wake: Arc<Wake>,
    running: AbortHandle,
}

/// Runs until it is dropped.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut events = inner.store.watch();
    let mut pushes = inner.control.pushes();
    let mut tasks = Tasks::default();
    loop {
        if let Err(error) = tasks.refresh(&inner).await {
            tracing::warn!(%error, "what services follow could not be read");
            tokio::time::sleep(backoff::jittered(Duration::from_secs(1))).await;
            continue;
        }
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) if changes_rules(event.kind) => break,
                    Ok(event) => tasks.hear(&event),
                    Err(RecvError::Lagged(_)) => {
                        tasks.wake_all();
                        break;
                    }
                    Err(RecvError::Closed) => return,
                },
                pushed = pushes.recv() => match pushed {
                    Ok(pushed) => tasks.pushed(&pushed),
                    Err(RecvError::Lagged(_)) => tasks.wake_all(),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

fn changes_rules(kind: EventKind) -> bool {
    use EventKind as K;
    matches!(kind, K::ServiceCreated | K::ServiceChanged | K::ServiceDeleting | K::ServiceDeleted)
}

#[derive(Default)]
struct Tasks {
    by_service: HashMap<ServiceName, Task>,
    running: JoinSet<()>,
}

impl Tasks {
    /// Begins and ends tasks, so that there is one for each service that follows.
    async fn refresh(&mut self, inner: &Arc<Inner>) -> Result<()> {
        let mut rules = HashMap::new();
        for service in inner.store.services().await? {
            let name = service.spec.service.name.clone();
            match Rule::of(&service.spec).filter(|_| service.deletion.is_none()) {
                Some(rule) => drop(rules.insert(name, rule)),
                None => inner.store.end_following(&name).await?,
            }
        }
        self.by_service.retain(|name, task| {
            let stays = rules.get(name) == Some(&task.rule);
            if !stays {
                task.running.abort();
            }
            stays
        });
        while self.running.try_join_next().is_some() {}
        for (name, rule) in rules {
            if self.by_service.contains_key(&name) {
                continue;
            }
            let wake = Arc::<Wake>::default();
            let working = follow(Arc::clone(inner), rule.clone(), Arc::clone(&wake));
            let running = self.running.spawn(working);
            self.by_service.insert(name, Task { rule, wake, running });
        }
        Ok(())
    }

    /// What a build was pushing is known when it is over, or has its version.
    fn hear(&self, event: &Event) {
        use EventKind as K;
        let over = matches!(
            event.kind,
            K::BuildPassed | K::BuildFailed | K::BuildCancelled | K::VersionLaunched
        );
        let task = event.service.as_ref().and_then(|service| self.by_service.get(service));
        if let Some(task) = task.filter(|_| over) {
            // Only what it waits for: an empty question is answered without asking the registry.
            task.wake.notify.notify_one();
        }
    }

    fn pushed(&self, pushed: &Pushed) {
        for task in self.by_service.values().filter(|task| task.rule.fits(pushed)) {
            task.wake.tag(pushed.tag.clone(), pushed.digest.clone());
        }
    }

    fn wake_all(&self) {
        for task in self.by_service.values() {
            task.wake.all();
        }
    }
}

/// Follows for one service.
async fn follow(inner: Arc<Inner>, rule: Rule, wake: Arc<Wake>) {
    let trouble = format!("follow {}", rule.service);
    let mut asked = Asked { all: true, ..Asked::default() };
    let (mut failures, mut settling) = (0, 0);
    let mut next_look = tokio::time::Instant::now() + backoff::jittered(rule.every);
    loop {
        let whole = asked.all;
        let retry_at = match look::look(&inner, &rule, &asked).await {
            Ok(left) => {
                inner.is_well(&trouble);
                failures = 0;
                settling = if left.settles { settling + 1 } else { 0 };
                let goes_on = left.settles && settling <= MOST_SETTLING;
                asked = if goes_on || !left.settles { left.asked } else { Asked::default() };
                let wait =
                    FIRST_SETTLING * 2_u32.pow(settling.saturating_sub(1).min(MOST_SETTLING));
                goes_on.then(|| tokio::time::Instant::now() + wait)
            }
            Err(error) => {
                let service = Some(&rule.service);
                inner.is_troubled(&trouble, service, error.to_string()).await;
                failures += 1;
                asked = Asked { all: true, ..Asked::default() };
                let wait = backoff::after(failures, LONGEST_RETRY.min(rule.every));
                Some(tokio::time::Instant::now() + wait)
            }
        };
        if whole && retry_at.is_none() {
            next_look = tokio::time::Instant::now() + backoff::jittered(rule.every);
        }
        tokio::select! {
            () = wake.notify.notified() => {}
            () = tokio::time::sleep_until(retry_at.unwrap_or(next_look)) => {
                asked.all |= retry_at.is_none();
            }
        }
        let more = wake.take();
        if !more.tags.is_empty() {
            settling = 0;
        }
        asked.all |= more.all;
        asked.tags.extend(more.tags);
    }
}
