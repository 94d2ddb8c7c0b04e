//! Hosts that take nothing new: closed ones keep what they have, drained ones lose it to others.
//!
//! That a host is closed is kept in the store. The engine is told, where it can be, and every placement
//! names the hosts to avoid. Containers on a host that is drained are replaced elsewhere by their
//! service's loop, as any that leave.

mod view;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use launcher_model::container::Host;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::host::{Closing, HostNotes, HostState};
use launcher_model::plan::environment::Checked;
use launcher_scheduler::{Error as EngineError, Scheduler};
use tokio::sync::Notify;

use crate::engine::EngineState;
use crate::{Control, Error, Inner, Result};

pub use view::{HostView, OnHost};

/// What is known of closed hosts while the server runs.
#[derive(Default)]
pub(crate) struct Hosts {
    closed: RwLock<Arc<Closed>>,
    /// Told when containers have changed, or what is wanted of hosts.
    changed: Notify,
    /// Held from looking at hosts to writing what is wanted of them.
    turn: tokio::sync::Mutex<()>,
}

/// The names of hosts that take nothing new.
#[derive(Debug, Default, PartialEq, Eq)]
struct Closed {
    closed: BTreeSet<String>,
    draining: BTreeSet<String>,
}

impl Hosts {
    fn closed(&self) -> Arc<Closed> {
        Arc::clone(&self.closed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hosts that an environment with these containers is not to use: those that are drained, those that
    /// the engine leaves, and those that are closed, unless it is there already.
    pub(crate) fn to_avoid(
        &self,
        own: &[Checked],
        engine: &dyn Scheduler,
    ) -> Arc<BTreeSet<String>> {
        let closed = self.closed();
        let its_hosts = || own.iter().map(|checked| &checked.container.host);
        let closed_to_it = closed.closed.iter().filter(|host| its_hosts().all(|its| its != *host));
        let left = its_hosts().filter(|host| engine.leaves(host));
        Arc::new(closed.draining.iter().chain(closed_to_it).chain(left).cloned().collect())
    }

    /// Containers have changed.
    pub(crate) fn have_changed(&self) {
        self.changed.notify_one();
    }
}

impl Control {
    /// Has a host take nothing new; what is on it stays. Whether that is news.
    ///
    /// # Errors
    /// When the engine has one host, or none of that name, or no other one that takes containers.
    pub async fn close_host(&self, host: &str, by: &str) -> Result<bool> {
        self.inner.close_host(host, Closing::Closed, by).await
    }

    /// Has a host take nothing new, and what is on it go elsewhere. Returns when that is written down.
    /// Whether it is news.
    ///
    /// # Errors
    /// The same.
    pub async fn drain_host(&self, host: &str, by: &str) -> Result<bool> {
        self.inner.close_host(host, Closing::Draining, by).await
    }

    /// Has a host take containers again. Whether that is news.
    ///
    /// # Errors
    /// When nobody has closed it, and the engine has one host, or none of that name.
    pub async fn open_host(&self, host: &str, by: &str) -> Result<bool> {
        let inner = &self.inner;
        let _turn = inner.hosts.turn.lock().await;
        let kept = inner.store.kept_hosts().await?.into_iter().find(|kept| kept.name == host);
        // What was closed may always be opened, also when another engine has taken over meanwhile.
        if kept.as_ref().is_none_or(|kept| kept.closure.is_none()) {
            inner.must_have_many_hosts()?;
        }
        let known = inner.scheduler.hosts().await?;
        let known = known.iter().find(|known| known.name == host);
        // One that is gone may be opened, so that it is open when it comes again.
        if known.is_none() && kept.is_none() {
            return Err(Error::NoHost(host.to_owned()));
        }
        if known.is_some_and(|known| known.closed) {
            inner.tell_engine(host, false).await?;
        }
        let text = format!("the host {host} is opened by {by}");
        let event = NewEvent::new(EventKind::HostOpened, text).by(by);
        let opened = inner.store.open_host(host, event, inner.now()).await?;
        inner.read_closed_hosts().await?;
        Ok(opened)
    }

    /// Puts what other systems say of a host in the place of what they said before. Whether it differs.
    ///
    /// # Errors
    /// When the engine has no host of that name, or it cannot be kept.
    pub async fn describe_host(&self, host: &str, notes: &HostNotes, by: &str) -> Result<bool> {
        let inner = &self.inner;
        notes.check().map_err(|error| Error::Invalid(error.to_string()))?;
        must_know(&inner.scheduler.hosts().await?, host)?;
        let text = format!("the host {host} is described anew by {by}");
        let event = NewEvent::new(EventKind::HostDescribed, text).by(by);
        Ok(inner.store.describe_host(host, notes, event, inner.now()).await?)
    }
}

impl Inner {
    async fn close_host(&self, host: &str, closing: Closing, by: &str) -> Result<bool> {
        let _turn = self.hosts.turn.lock().await;
        self.must_have_many_hosts()?;
        let known = self.scheduler.hosts().await?;
        must_know(&known, host)?;
        let closed = self.hosts.closed();
        let takes = |other: &Host| {
            let is_closed =
                closed.closed.contains(&other.name) || closed.draining.contains(&other.name);
            other.usable && !other.closed && !is_closed
        };
        if !known.iter().any(|other| other.name != host && takes(other)) {
            return Err(Error::Refused(format!(
                "no other host takes containers than {host}; open one first: `launcher hosts open HOST`"
            )));
        }
        let (kind, text) = match closing {
            Closing::Closed => (
                EventKind::HostClosed,
                format!("the host {host} is closed by {by}: it takes nothing new"),
            ),
            Closing::Draining => (
                EventKind::HostDraining,
                format!("the host {host} is drained by {by}: what is on it goes elsewhere"),
            ),
        };
        let event = NewEvent::new(kind, text).by(by);
        let news = self.store.close_host(host, closing, by, event, self.now()).await?;
        launcher_fault::point("host.closed");
        self.read_closed_hosts().await?;
        self.tell_engine(host, true).await?;
        Ok(news)
    }

    fn must_have_many_hosts(&self) -> Result<()> {
        let engine = self.scheduler.capabilities();
        if engine.many_hosts {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "the scheduler {} has one host: nothing could be placed elsewhere; `swarm` and `marathon` place containers on many",
            engine.name
        )))
    }

    /// One that knows no closed hosts places nothing there all the same, as it is told so each time.
    async fn tell_engine(&self, host: &str, closed: bool) -> Result<()> {
        match self.scheduler.set_closed(host, closed).await {
            Err(EngineError::Unsupported { .. }) => Ok(()),
            told => Ok(told?),
        }
    }

    /// Takes in which hosts are closed, and has all that is on them looked at.
    pub(crate) async fn read_closed_hosts(&self) -> Result<()> {
        let mut closed = Closed::default();
        for kept in self.store.kept_hosts().await? {
            match kept.closure.map(|closure| closure.closing) {
                Some(Closing::Closed) => closed.closed.insert(kept.name),
                Some(Closing::Draining) => closed.draining.insert(kept.name),
                None => false,
            };
        }
        *self.hosts.closed.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(closed);
        for slot in self.slots() {
            slot.wake();
        }
        self.hosts.have_changed();
        Ok(())
    }

    /// Tells the engine of closed hosts that it has not closed: it was away, or somebody opened them there.
    pub(crate) async fn keep_closed(&self, hosts: &[Host]) {
        let closed = self.hosts.closed();
        let all = closed.closed.iter().chain(&closed.draining);
        for host in all.filter(|name| hosts.iter().any(|host| host.name == **name && !host.closed))
        {
            if let Err(error) = self.tell_engine(host, true).await {
                tracing::warn!(%host, %error, "the engine cannot be told that a host is closed");
            }
        }
    }

    /// How many containers of ours run on a host; none while that is not known of every service.
    fn count_on(&self, host: &str) -> Option<usize> {
        let mut count = 0;
        for slot in self.slots() {
            let observed = slot.observed()?;
            let on_it = |checked: &&Checked| {
                checked.container.is_running() && checked.container.host == host
            };
            count += observed.iter().filter(on_it).count();
        }
        Some(count)
    }

    async fn tell_what_is_drained(&self) -> Result<()> {
        if !matches!(self.engine_state(), EngineState::Up) {
            return Ok(());
        }
        let closed = self.hosts.closed();
        for host in closed.draining.iter().filter(|host| self.count_on(host) == Some(0)) {
            let text = format!("the host {host} is drained: no container of ours runs on it");
            let event = NewEvent::new(EventKind::HostDrained, text);
            self.store.host_drained(host, event, self.now()).await?;
        }
        Ok(())
    }
}

/// Notes which hosts are drained, until the control plane is shut down.
pub(crate) async fn follow(inner: Arc<Inner>) {
    let mut again = tokio::time::interval(inner.config.full_look);
    loop {
        tokio::select! {
            () = inner.stopping().cancelled() => return,
            () = inner.hosts.changed.notified() => {}
            // What could not be written down is tried again.
            _ = again.tick() => {}
        }
        if let Err(error) = inner.tell_what_is_drained().await {
            tracing::warn!(%error, "it cannot be written down that a host is drained");
        }
    }
}

fn must_know(hosts: &[Host], host: &str) -> Result<()> {
    if hosts.iter().any(|known| known.name == host) {
        return Ok(());
    }
    Err(Error::NoHost(host.to_owned()))
}

/// How a host is, with what is kept of it.
fn state(host: &Host, closing: Option<Closing>, running: usize) -> HostState {
    match closing {
        _ if !host.usable => HostState::Down,
        Some(Closing::Draining) if running > 0 => HostState::Draining,
        Some(Closing::Draining) => HostState::Drained,
        Some(Closing::Closed) => HostState::Closed,
        None if host.closed => HostState::Closed,
        None => HostState::Ready,
    }
}
