//! One sample after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use launcher_model::measure::{ContainerSample, HostReport, HostUsage, Merge, Usage};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::docker::residents::{Machine, Residence, Residents};
use tokio_util::task::AbortOnDropHandle;

use crate::cgroup::Cgroups;
use crate::counters::Counters;
use crate::host::Host;
use crate::known::{Known, Measured};
use crate::{Error, Result};

/// How many containers an engine is asked for at once, where it is asked.
const ASKED_AT_ONCE: usize = 8;

/// Follows the containers of an engine, and measures them and the host whenever it is asked to.
#[derive(Debug)]
pub struct Sampler {
    known: Arc<Mutex<Known>>,
    host: Option<Host>,
    residents: Residents,
    machine_memory: u64,
    /// None when what runs was looked at once.
    _following: Option<AbortOnDropHandle<()>>,
}

/// What was used on a host in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The host.
    pub usage: HostUsage,
    /// Our containers, of every installation.
    pub containers: Vec<Measured>,
}

impl Sample {
    /// What the containers of each version used together.
    #[must_use]
    pub fn by_version(&self) -> BTreeMap<(&ServiceName, VersionNumber), Usage> {
        let mut versions: BTreeMap<_, Usage> = BTreeMap::new();
        for one in &self.containers {
            let key = (&one.sample.service, one.sample.version);
            versions.entry(key).or_default().beside(&one.sample.usage);
        }
        versions
    }

    /// What is said of it to the server of one installation.
    #[must_use]
    pub fn report(&self, host: &str, at: i64, installation: &str) -> HostReport {
        let own = self.containers.iter().filter(|one| one.installation == installation);
        let mut containers: Vec<ContainerSample> = own.map(|one| one.sample.clone()).collect();
        containers.sort_by(|a, b| {
            (&a.service, a.version, &a.container).cmp(&(&b.service, b.version, &b.container))
        });
        HostReport { host: host.to_owned(), at, containers, usage: self.usage.clone() }
    }
}

impl Sampler {
    /// Begins to follow the containers of an engine, which is on a machine like this: those of one installation,
    /// or all of ours.
    #[must_use]
    pub fn start(residents: Residents, machine: &Machine, only: Option<String>) -> Self {
        let mut sampler = Self::new(residents, machine, only);
        let following = follow(sampler.residents.clone(), Arc::clone(&sampler.known));
        sampler._following = Some(AbortOnDropHandle::new(tokio::spawn(following)));
        sampler
    }

    /// Looks once at what containers an engine has, for a few samples.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn once(residents: Residents, only: Option<String>) -> Result<Self> {
        let machine = residents.machine().await?;
        let now = residents.now().await?;
        let sampler = Self::new(residents, &machine, only);
        locked(&sampler.known).apply(Residence::All(now), Timestamp::now());
        Ok(sampler)
    }

    fn new(residents: Residents, machine: &Machine, only: Option<String>) -> Self {
        let cgroups = Cgroups::of(Path::new("/proc"));
        let known = Known::new(cgroups, residents.are_local(), only, Timestamp::now());
        Self {
            known: Arc::new(Mutex::new(known)),
            host: Some(Host::of(Path::new("/proc"), Path::new("/sys"))),
            residents,
            machine_memory: machine.memory,
            _following: None,
        }
    }

    /// What was used in so much time from now on.
    ///
    /// # Errors
    /// When the host cannot be read.
    pub async fn sample_over(&mut self, over: Duration) -> Result<(Sample, Duration)> {
        let begun = std::time::Instant::now();
        self.sample().await?;
        tokio::time::sleep(over).await;
        let sample = self.sample().await?;
        let sample =
            sample.ok_or_else(|| Error::GivenUp("there was no first sample".to_owned()))?;
        Ok((sample, begun.elapsed()))
    }

    /// What is known of containers, to be shown.
    pub(crate) fn known(&self) -> Arc<Mutex<Known>> {
        Arc::clone(&self.known)
    }

    /// What was used since the last sample; nothing the first time, as there is nothing to compare with.
    ///
    /// # Errors
    /// When the host cannot be read.
    pub async fn sample(&mut self) -> Result<Option<Sample>> {
        let given_up = || Error::GivenUp("the one before did not end".to_owned());
        let mut host = self.host.take().ok_or_else(given_up)?;
        let known = Arc::clone(&self.known);
        // Files of the kernel are read at once, but there may be many.
        let read = move || {
            let usage = host.sample();
            let mut known = locked(&known);
            let read = match usage {
                Ok(None) => (Vec::new(), known.read_before()),
                _ => known.read(),
            };
            drop(known);
            (host, usage, read)
        };
        let read = tokio::task::spawn_blocking(read).await;
        let (host, usage, (mut containers, to_ask)) =
            read.map_err(|error| Error::GivenUp(error.to_string()))?;
        self.host = Some(host);
        containers.extend(self.ask(to_ask).await);
        Ok(usage?.map(|usage| Sample { usage, containers }))
    }

    /// Asks the engine for those that cannot be read.
    async fn ask(&self, containers: Vec<String>) -> Vec<Measured> {
        let asked = stream::iter(containers)
            .map(async |id| {
                let told = self.residents.figures(&id).await;
                (id, told)
            })
            .buffer_unordered(ASKED_AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let mut known = locked(&self.known);
        let counted = asked.into_iter().filter_map(|(id, told)| match told {
            Ok(told) => Some((id, Counters::of_engine(&told?, self.machine_memory))),
            Err(error) => {
                tracing::debug!(%error, "a container was not measured");
                None
            }
        });
        counted.filter_map(|(id, counters)| known.take(&id, counters)).collect()
    }
}

async fn follow(residents: Residents, known: Arc<Mutex<Known>>) {
    let mut changes = residents.watch();
    let mut lost: Option<String> = None;
    while let Some(change) = changes.next().await {
        match &change {
            // It is tried again and again, and said once.
            Residence::Lost(why) if lost.as_ref() == Some(why) => continue,
            Residence::Lost(why) => lost = Some(why.clone()),
            Residence::All(_) if lost.take().is_some() => tracing::info!("the engine is back"),
            _ => {}
        }
        locked(&known).apply(change, Timestamp::now());
    }
}

pub(crate) fn locked(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often it is measured: a whole number of seconds that divides ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(Duration);

impl Every {
    /// What is taken when nobody says.
    pub const DEFAULT: Self = Self(Duration::from_secs(5));

    /// Checks it.
    ///
    /// # Errors
    /// [`Error::Every`] when it does not divide ten seconds.
    pub fn new(every: Duration) -> Result<Self> {
        match (every.as_secs(), every.subsec_nanos()) {
            (1 | 2 | 5 | 10, 0) => Ok(Self(every)),
            _ => Err(Error::Every(every)),
        }
    }

    /// The length of the span.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }

    /// How long it is until the next span begins, and when that is, in seconds since 1970: spans begin at whole
    /// multiples of their length, so that those of all hosts are the same ones.
    #[must_use]
    pub fn next(self, now: Timestamp) -> (Duration, i64) {
        let every = i64::try_from(self.0.as_secs()).unwrap_or(1).max(1);
        let at = (now.as_second().div_euclid(every) + 1) * every;
        let wait = jiff::Timestamp::from_second(at).unwrap_or(now).duration_since(now);
        (wait.unsigned_abs(), at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_divide_ten_seconds() {
        for good in [1, 2, 5, 10] {
            assert!(Every::new(Duration::from_secs(good)).is_ok(), "{good}");
        }
        for bad in [0, 500, 1500, 3000, 20_000] {
            let refused = Every::new(Duration::from_millis(bad)).unwrap_err().to_string();
            assert!(refused.contains("1s, 2s, 5s or 10s"), "{refused}");
        }
    }

    #[test]
    fn spans_begin_at_the_same_moments_everywhere() {
        let now: Timestamp = "2026-01-01T00:00:03.25Z".parse().unwrap();
        let (wait, at) = Every::DEFAULT.next(now);
        assert_eq!((wait, at % 5), (Duration::from_millis(1750), 0));
        let on_time = Timestamp::from_second(at).unwrap();
        assert_eq!(Every::DEFAULT.next(on_time), (Duration::from_secs(5), at + 5));
    }
}
