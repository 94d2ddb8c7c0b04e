//! Requests that wait for an environment that is asleep: how many they are, and what the control plane has
//! to be told of them.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use launcher_model::{ServiceName, VersionNumber};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::table::RestKind;

/// How many requests may wait for one environment.
const MOST_FOR_ONE: usize = 256;

/// How many may wait in all.
const MOST: usize = 2048;

/// How long a request waits for a control plane that is away: one that is restarted is back soon.
const CONTROL_WITHIN: Duration = Duration::from_secs(5);

/// A person who waits before an empty page is shown so soon that it is on its way. The page asks again.
pub(crate) const PAGE_AFTER: Duration = Duration::from_secs(5);

/// Seconds after which whoever was turned away is to ask again.
pub(crate) const AGAIN_AFTER: &str = "2";

type Which = (ServiceName, VersionNumber);

/// The requests that wait.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    waiting: Mutex<HashMap<Which, Waiting>>,
    news: Notify,
    /// The control plane is there.
    heard: watch::Sender<bool>,
    /// Another table is in force.
    changed: Notify,
    untold: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: usize,
    told: bool,
}

/// A request's place among those that wait; dropped when it goes on, or when its client gives up.
#[derive(Debug)]
pub(crate) struct Place {
    wakes: Arc<Wakes>,
    which: Which,
}

impl Wakes {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Which, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has one more request wait; none when too many do.
    pub(crate) fn wait(
        self: &Arc<Self>,
        service: &ServiceName,
        version: VersionNumber,
    ) -> Option<Place> {
        let which = (service.clone(), version);
        let mut waiting = self.waiting();
        let all: usize = waiting.values().map(|one| one.requests).sum();
        let own = waiting.get(&which).map_or(0, |one| one.requests);
        if own >= MOST_FOR_ONE || all >= MOST {
            return None;
        }
        let entry = waiting.entry(which.clone()).or_default();
        entry.requests += 1;
        if !entry.told {
            self.untold.store(true, Ordering::Release);
            self.news.notify_one();
        }
        Some(Place { wakes: self.clone(), which })
    }

    /// Waits until there is something that the control plane has not been told.
    pub(crate) async fn wanted(&self) {
        while !self.untold.load(Ordering::Acquire) {
            self.news.notified().await;
        }
    }

    /// What requests wait for that the control plane has not been told. It is told now.
    pub(crate) fn take(&self) -> Vec<Which> {
        self.untold.store(false, Ordering::Release);
        let mut waiting = self.waiting();
        let untold = waiting.iter_mut().filter(|(_, one)| !one.told);
        let told = untold.map(|(which, one)| {
            one.told = true;
            which.clone()
        });
        told.collect()
    }

    /// The control plane is there, or away. One that comes has been told nothing.
    pub(crate) fn hears(&self, heard: bool) {
        self.heard.send_replace(heard);
        if heard {
            let mut waiting = self.waiting();
            waiting.values_mut().for_each(|one| one.told = false);
            self.untold.store(!waiting.is_empty(), Ordering::Release);
            self.news.notify_one();
        }
    }

    /// Waits until the control plane is there, or away.
    async fn is_heard_or_not(&self, heard: bool) {
        let _ = self.heard.subscribe().wait_for(|now| *now == heard).await;
    }

    /// Has a request wait until an environment serves, for at most so long. `rest` says why it does not, as
    /// far as what is in force goes; whoever puts something else in force says so
    /// [here](Self::table_changed).
    pub(crate) async fn until_it_serves(
        self: &Arc<Self>,
        service: &ServiceName,
        version: VersionNumber,
        within: Duration,
        rest: impl Fn() -> Option<RestKind>,
    ) -> Result<(), Unserved> {
        let until = Instant::now() + within;
        let _place = self.wait(service, version).ok_or(Unserved::TooMany)?;
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let heard = *self.heard.borrow();
            match rest() {
                None => return Ok(()),
                Some(RestKind::Failed) => return Err(Unserved::Failed),
                Some(RestKind::Asleep | RestKind::Starting) => {}
            }
            let patience = if heard { until } else { until.min(Instant::now() + CONTROL_WITHIN) };
            tokio::select! {
                () = changed => {}
                () = self.is_heard_or_not(!heard) => {}
                () = tokio::time::sleep_until(patience) => {
                    return Err(if heard { Unserved::Starting } else { Unserved::Unheard });
                }
            }
        }
    }

    /// Another table is in force.
    pub(crate) fn table_changed(&self) {
        self.changed.notify_waiters();
    }
}

/// Why a request has waited in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// It takes longer.
    Starting,
    /// The control plane is away.
    Unheard,
    /// Too many wait.
    TooMany,
    /// It could not be started.
    Failed,
}

impl Unserved {
    /// Whether it is worth asking again.
    pub(crate) fn may_serve_soon(self) -> bool {
        self != Self::Failed
    }

    /// The same in words.
    pub(crate) fn text(self, service: &ServiceName, version: VersionNumber) -> String {
        let what = format!("Environment {version} of service {service}");
        let again = "This page asks again by itself.";
        match self {
            Self::Starting => format!(
                "{what} was stopped because nobody looked at it, and is being started. {again}"
            ),
            Self::Unheard => format!(
                "{what} is stopped, and cannot be started now: the control plane is away. {again}"
            ),
            Self::TooMany => {
                format!("{what} is being started, and too many requests wait for it. {again}")
            }
            Self::Failed => format!(
                "{what} has failed: it could not be started. `launcher status {service}` says why; the \
                 next push to its branch replaces it."
            ),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.wakes.waiting();
        if let Some(one) = waiting.get_mut(&self.which) {
            one.requests -= 1;
            if one.requests == 0 {
                waiting.remove(&self.which);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> ServiceName {
        ServiceName::new("shop").unwrap()
    }

    #[tokio::test]
    async fn each_environment_is_told_once_while_requests_wait() {
        let wakes = Arc::new(Wakes::default());
        let first = wakes.wait(&shop(), VersionNumber(1)).unwrap();
        wakes.wanted().await;
        assert_eq!(wakes.take(), [(shop(), VersionNumber(1))]);
        let second = wakes.wait(&shop(), VersionNumber(1)).unwrap();
        assert_eq!(wakes.take(), []);
        drop(first);
        wakes.hears(true);
        wakes.wanted().await;
        assert_eq!(wakes.take(), [(shop(), VersionNumber(1))]);
        drop(second);
        let _again = wakes.wait(&shop(), VersionNumber(1)).unwrap();
        wakes.wanted().await;
        assert_eq!(wakes.take(), [(shop(), VersionNumber(1))]);
    }

    #[test]
    fn places_are_as_many_as_they_are() {
        let wakes = Arc::new(Wakes::default());
        let mut places = Vec::new();
        let many = u32::try_from(MOST / MOST_FOR_ONE).unwrap();
        for version in (1..=many).map(VersionNumber) {
            for _ in 0..MOST_FOR_ONE {
                places.push(wakes.wait(&shop(), version).unwrap());
            }
            assert!(wakes.wait(&shop(), version).is_none());
        }
        assert!(wakes.wait(&shop(), VersionNumber(many + 1)).is_none());
        places.pop();
        assert!(wakes.wait(&shop(), VersionNumber(many + 1)).is_some());
    }
}
