//! All targets, and what is known of each.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use launcher_store::{EventFilter, Store, Told};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::deliver::{Common, Delivery, Tally, Target};
use crate::email::{Email, Mailer};
use crate::irc::{self, IrcServer};
use crate::line::Line;
use crate::links::Links;
use crate::rule::Rule;
use crate::sensu::{Agent, Sensu};
use crate::sink::{Parcel, Sink};
use crate::webhook::{Hook, Webhook, WebhookKind};
use crate::{Answers, Clock, Error, Refusal, Result};

/// A test has come to something after so long a time.
const TESTED: Duration = Duration::from_secs(60);
/// So many events that wait are counted, and no more.
const COUNTED: u32 = 1_000;
/// What is said goodbye to has heard it after so long a time.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is worked with.
pub struct Parts {
    /// What happened.
    pub store: Arc<dyn Store>,
    /// What people are answered who ask.
    pub answers: Arc<dyn Answers>,
    /// Where people can see more.
    pub links: Links,
    /// The time.
    pub clock: Clock,
}

/// Who is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Servers of IRC, each channel of which is a target.
    pub irc: Vec<IrcServer>,
    /// The others.
    pub places: Vec<Place>,
    /// An event that could not be told for so long is not told any more.
    pub give_up_after: SignedDuration,
}

impl Default for Config {
    fn default() -> Self {
        let give_up_after = SignedDuration::from_hours(24);
        Self { irc: Vec::new(), places: Vec::new(), give_up_after }
    }
}

/// One target that has a connection for itself.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// What it is told.
    pub rule: Rule,
    /// What it is.
    pub to: To,
}

/// What a target is.
#[derive(Debug, Clone)]
pub enum To {
    /// A webhook.
    Webhook(Webhook),
    /// People with mailboxes.
    Email(Email),
    /// An agent of Sensu.
    Sensu(Sensu),
}

/// What is known of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetState {
    /// Its name.
    pub name: String,
    /// What it is: `irc`, `slack`, `email` and so on.
    pub kind: &'static str,
    /// The services that it is told of, as names and globs.
    pub services: Vec<String>,
    /// What it is told.
    pub events: Vec<String>,
    /// It was told everything up to this event.
    pub told_up_to: i64,
    /// So many events wait; a thousand where there are more.
    pub waiting: u64,
    /// Events that it was told since this server has started.
    pub told: u64,
    /// Attempts that failed since then, and what was heard that made no sense.
    pub errors: u64,
    /// Events that it was never told.
    pub given_up: u64,
    /// Since when it cannot be told.
    pub failing_since: Option<Timestamp>,
    /// Why not.
    pub last_error: Option<String>,
    /// When it is tried again.
    pub next_try: Option<Timestamp>,
}

/// Tells everybody, until it is told to stop. Clones are the same one.
#[derive(Clone)]
pub struct Notifier {
    inner: Arc<Inner>,
}

struct Inner {
    targets: Vec<Arc<Target>>,
    common: Common,
    stop: CancellationToken,
    running: Mutex<JoinSet<()>>,
}

impl Notifier {
    /// Begins to tell. A target that is new begins with what happens from now on.
    ///
    /// # Errors
    /// When a target makes no sense, or the store fails.
    pub async fn start(parts: Parts, config: &Config) -> Result<Self> {
        let Parts { store, answers, links, clock } = parts;
        let installation = store.installation().await?;
        let (mut targets, mut connections) = (Vec::new(), Vec::new());
        for server in &config.irc {
            let (connection, sinks) = irc::begin(server, Arc::clone(&answers))?;
            connections.push(connection);
            for (channel, sink) in server.channels.iter().zip(sinks) {
                let name = format!("{}{}", server.name, channel.name);
                targets.push(target(name, "irc", channel.rule.clone(), sink));
            }
        }
        for place in &config.places {
            let (kind, sink) = set_up(place, &links, &installation)?;
            targets.push(target(place.name.clone(), kind, place.rule.clone(), sink));
        }
        let names = names(&targets)?;
        let give_up_after = config.give_up_after;
        let common = Common { store, links, clock, give_up_after };
        let begun = common.store.begin_telling(&names).await?;
        let (stop, mut running) = (CancellationToken::new(), JoinSet::new());
        for connection in connections {
            running.spawn(connection.run(stop.clone()));
        }
        for (target, told) in targets.iter().zip(&begun) {
            let delivery = Delivery::new(Arc::clone(target), common.clone(), told);
            let stop = stop.clone();
            running.spawn(async move {
                stop.run_until_cancelled(delivery.run()).await;
            });
        }
        let running = Mutex::new(running);
        Ok(Self { inner: Arc::new(Inner { targets, common, stop, running }) })
    }

    /// Stops. What is not told yet is told by the next one.
    pub async fn shut_down(&self) {
        self.inner.stop.cancel();
        let running = self.inner.running.lock().map(|mut running| std::mem::take(&mut *running));
        let mut running =
            running.unwrap_or_else(|poisoned| std::mem::take(&mut *poisoned.into_inner()));
        let ended = async { while running.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, ended).await;
    }

    /// All targets, and how each is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn targets(&self) -> Result<Vec<TargetState>> {
        let told = self.inner.common.store.told().await?;
        let mut told: BTreeMap<_, _> =
            told.into_iter().map(|told| (told.target.clone(), told)).collect();
        let mut states = Vec::with_capacity(self.inner.targets.len());
        for target in &self.inner.targets {
            let told = told.remove(&target.name).unwrap_or_default();
            let waiting = self.waiting(target, &told).await?;
            states.push(state(target, told, waiting));
        }
        Ok(states)
    }

    /// Sends a target a message that says who asked for it, now. None when there is no such target, else
    /// how long it took, or why it was not told.
    pub async fn test(
        &self,
        name: &str,
        by: &str,
    ) -> Option<std::result::Result<Duration, Refusal>> {
        let target = self.inner.targets.iter().find(|target| target.name == name)?;
        let text = format!("a test of the notifications to {name}, asked for by {by}: all is well");
        let common = &self.inner.common;
        let line = Line::new(&text, common.links.home(), false);
        let parcel = Parcel { news: Vec::new(), lines: vec![line], now: (common.clock)() };
        let began = Instant::now();
        let sent = tokio::time::timeout(TESTED, target.sink.send(&parcel)).await;
        let outcome = sent.unwrap_or_else(|_| Err(Refusal::later("it does not answer in time")));
        Some(outcome.map(|()| began.elapsed()))
    }

    async fn waiting(&self, target: &Target, told: &Told) -> Result<u64> {
        let after = Some(told.up_to.max(target.tally.up_to.load(Ordering::Relaxed)));
        let filter = EventFilter { after, limit: COUNTED, ..EventFilter::default() };
        let events = self.inner.common.store.events(&filter).await?;
        let waiting = events.iter().filter(|event| target.rule.tells(event)).count();
        Ok(u64::try_from(waiting).unwrap_or(u64::MAX))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

fn target(name: String, kind: &'static str, rule: Rule, sink: Arc<dyn Sink>) -> Arc<Target> {
    Arc::new(Target { name, kind, rule, sink, tally: Tally::default() })
}

fn set_up(
    place: &Place,
    links: &Links,
    installation: &str,
) -> Result<(&'static str, Arc<dyn Sink>)> {
    let name = &place.name;
    Ok(match &place.to {
        To::Webhook(webhook) => {
            let kind = match webhook.kind {
                WebhookKind::Slack => "slack",
                WebhookKind::Mattermost => "mattermost",
                WebhookKind::Discord => "discord",
                WebhookKind::Signed => "signed",
            };
            (kind, Arc::new(Hook::new(name, webhook, links.clone(), installation)?))
        }
        To::Email(email) => ("email", Arc::new(Mailer::new(name, email, installation)?)),
        To::Sensu(sensu) => ("sensu", Arc::new(Agent::new(name, sensu)?)),
    })
}

/// The targets' names, of which each is there once.
fn names(targets: &[Arc<Target>]) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(targets.len());
    for target in targets {
        if names.contains(&target.name) {
            return Err(Error::Twice(target.name.clone()));
        }
        names.push(target.name.clone());
    }
    Ok(names)
}

fn state(target: &Target, told: Told, waiting: u64) -> TargetState {
    let tally = &target.tally;
    TargetState {
        name: target.name.clone(),
        kind: target.kind,
        services: target.rule.services().map(str::to_owned).collect(),
        events: target.rule.events().collect(),
        told_up_to: told.up_to.max(tally.up_to.load(Ordering::Relaxed)),
        waiting,
        told: tally.told.load(Ordering::Relaxed),
        errors: tally.errors.load(Ordering::Relaxed) + target.sink.strange(),
        given_up: told.given_up,
        failing_since: told.failing_since,
        last_error: told.last_error,
        next_try: tally.next_try(),
    }
}
