//! The containers that are measured, and what was read of each last.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_model::measure::{ContainerSample, Usage};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::docker::residents::{Residence, Resident};

use crate::cgroup::{Cgroup, Cgroups};
use crate::counters::{Counters, grown};

/// An engine tells that memory has run out a little after the kernel has counted it: not again, when it was
/// counted within this time.
const TOLD_LATE: Duration = Duration::from_secs(1);

/// For how many samples one that has ended is remembered, for what is told of it late.
const REMEMBERED: u8 = 2;

/// How long the processes that were ended for want of memory are told of a version that has no container here
/// any more.
const OOM_KILLS_TOLD: Duration = Duration::from_secs(3600);

/// Containers, by their ids.
#[derive(Debug)]
pub(crate) struct Known {
    cgroups: Cgroups,
    /// The engine is on this machine, as far as its address tells.
    local: bool,
    tracked: HashMap<String, Tracked>,
    ended: HashMap<String, Ended>,
    oom_kills: BTreeMap<(ServiceName, VersionNumber), OomKills>,
    /// When they were read last, or begun to be.
    read_at: Timestamp,
    /// It was said already that they are not read from files.
    said: bool,
    buffer: Vec<u8>,
}

/// One that runs.
#[derive(Debug)]
struct Tracked {
    resident: Resident,
    /// None where the engine is asked instead.
    files: Option<Cgroup>,
    counters: Option<Counters>,
    told_restarts: u64,
    oom: OutOfMemory,
}

/// What is known of processes that were ended for want of memory.
#[derive(Debug, Default)]
struct OutOfMemory {
    /// The engine has told of one since the last sample.
    told: bool,
    /// When the kernel's count of them was seen to grow.
    counted: Option<Instant>,
}

/// One that does not run any more.
#[derive(Debug)]
struct Ended {
    resident: Resident,
    told_restarts: u64,
    oom: OutOfMemory,
    samples: u8,
}

#[derive(Debug)]
struct OomKills {
    count: u64,
    seen: Instant,
}

/// What a container used, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The installation that it belongs to.
    pub installation: String,
    /// What it used.
    pub sample: ContainerSample,
}

/// A container as it was read last, for whoever shows all that was counted since its start.
#[derive(Debug)]
pub(crate) struct Shown<'k> {
    pub(crate) resident: &'k Resident,
    pub(crate) counters: &'k Counters,
}

impl Known {
    /// None yet. `now` is the time from which on they are looked at.
    pub(crate) fn new(cgroups: Cgroups, local: bool, now: Timestamp) -> Self {
        Self {
            cgroups,
            local,
            tracked: HashMap::new(),
            ended: HashMap::new(),
            oom_kills: BTreeMap::new(),
            read_at: now,
            said: false,
            buffer: Vec::new(),
        }
    }

    /// Takes in what has happened.
    pub(crate) fn apply(&mut self, change: Residence) {
        match change {
            Residence::All(residents) => {
                let ids: HashSet<&str> = residents.iter().map(|one| one.id.as_str()).collect();
                let gone: Vec<String> =
                    self.tracked.keys().filter(|id| !ids.contains(id.as_str())).cloned().collect();
                gone.iter().for_each(|id| self.end(id));
                residents.into_iter().for_each(|resident| self.begin(resident, false));
            }
            Residence::Started(resident) => self.begin(resident, true),
            Residence::Ended(id) => self.end(&id),
            Residence::OutOfMemory(id) => {
                let ended = self.ended.get_mut(&id).map(|ended| &mut ended.oom);
                let oom = self.tracked.get_mut(&id).map(|tracked| &mut tracked.oom).or(ended);
                if let Some(oom) = oom {
                    oom.told |= oom.counted.is_none_or(|counted| counted.elapsed() > TOLD_LATE);
                }
            }
            Residence::Lost(why) => {
                tracing::warn!("containers that come and go are not noticed for now: {why}");
            }
        }
    }

    fn begin(&mut self, resident: Resident, just_started: bool) {
        if let Some(known) = self.tracked.get_mut(&resident.id)
            && (known.resident.pid, known.resident.started) == (resident.pid, resident.started)
        {
            known.resident = resident;
            return;
        }
        // Its end may have been missed.
        self.end(&resident.id);
        let before = self.ended.remove(&resident.id);
        let told_restarts = match &before {
            Some(before) => before.told_restarts,
            None if just_started => resident.restarts.saturating_sub(1),
            None => resident.restarts,
        };
        let oom = before.map(|before| before.oom).unwrap_or_default();
        let files = self.open(&resident);
        let id = resident.id.clone();
        let tracked = Tracked { resident, files, counters: None, told_restarts, oom };
        self.tracked.insert(id, tracked);
    }

    fn open(&mut self, resident: &Resident) -> Option<Cgroup> {
        let Resident { id, pid, own_network, .. } = resident;
        let why = if self.local {
            match self.cgroups.open(id, *pid, *own_network) {
                Ok(files) => return Some(files),
                Err(why) => why.to_string(),
            }
        } else {
            "the engine is on another machine".to_owned()
        };
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                "containers are measured by asking the engine, which costs much more than reading their \
                 control groups: {why}"
            );
        }
        None
    }

    fn end(&mut self, id: &str) {
        if let Some(Tracked { resident, told_restarts, oom, .. }) = self.tracked.remove(id) {
            let ended = Ended { resident, told_restarts, oom, samples: REMEMBERED };
            self.ended.insert(id.to_owned(), ended);
        }
    }

    /// Reads what can be read here. Also says which containers the engine is to be asked for.
    pub(crate) fn read(&mut self, now: Timestamp) -> (Vec<Measured>, Vec<String>) {
        let (mut measured, mut to_ask) = (Vec::with_capacity(self.tracked.len()), Vec::new());
        let mut buffer = std::mem::take(&mut self.buffer);
        let since = self.read_at;
        for (id, tracked) in &mut self.tracked {
            let Some(files) = &tracked.files else {
                to_ask.push(id.clone());
                continue;
            };
            // One that has ended cannot be read, and its end will be told.
            let Ok(counters) = files.read(&mut buffer) else { continue };
            let counts = files.counts_oom_kills();
            measured.push(tracked.take(counters, since, counts));
        }
        self.buffer = buffer;
        measured.extend(self.late());
        self.note_oom_kills(&measured);
        self.read_at = now;
        (measured, to_ask)
    }

    /// Takes in what the engine has counted of one that it was asked for, since the reading at `since`.
    pub(crate) fn take(
        &mut self,
        id: &str,
        counters: Counters,
        since: Timestamp,
    ) -> Option<Measured> {
        let measured = self.tracked.get_mut(id)?.take(counters, since, false);
        self.note_oom_kills(std::slice::from_ref(&measured));
        Some(measured)
    }

    /// When they were read last.
    pub(crate) fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// What is still to be said of those that have ended.
    fn late(&mut self) -> Vec<Measured> {
        let mut measured = Vec::new();
        self.ended.retain(|_, ended| {
            if std::mem::take(&mut ended.oom.told) {
                // It is none of those that are there.
                let usage = Usage { oom_kills: 1, ..Usage::default() };
                measured.push(measured_of(&ended.resident, usage));
            }
            ended.samples -= 1;
            ended.samples > 0
        });
        measured
    }

    fn note_oom_kills(&mut self, measured: &[Measured]) {
        let now = Instant::now();
        for one in measured {
            let key = || (one.sample.service.clone(), one.sample.version);
            let killed = one.sample.usage.oom_kills;
            let none = || OomKills { count: 0, seen: now };
            let kills = self.oom_kills.entry(key()).or_insert_with(none);
            kills.count += killed;
            kills.seen = now;
        }
        self.oom_kills.retain(|_, kills| kills.seen.elapsed() < OOM_KILLS_TOLD);
    }

    /// Those that run, as they were read last, in the order of services, versions and ids.
    pub(crate) fn shown(&self) -> Vec<Shown<'_>> {
        let read = self.tracked.values().filter_map(|one| {
            Some(Shown { resident: &one.resident, counters: one.counters.as_ref()? })
        });
        let mut shown: Vec<_> = read.collect();
        shown.sort_by(|a, b| {
            let key = |one: &Shown<'_>| (one.resident.service.clone(), one.resident.version);
            key(a).cmp(&key(b)).then_with(|| a.resident.id.cmp(&b.resident.id))
        });
        shown
    }

    /// How many processes of each version were ended for want of memory, since this began.
    pub(crate) fn oom_kills(&self) -> impl Iterator<Item = (&ServiceName, VersionNumber, u64)> {
        self.oom_kills.iter().map(|((service, version), kills)| (service, *version, kills.count))
    }
}

impl Tracked {
    /// What was used since the counters were read last, which was at `since` at the latest.
    fn take(&mut self, counters: Counters, since: Timestamp, counts_oom_kills: bool) -> Measured {
        let before = match self.counters.replace(counters) {
            Some(before) => before,
            // All that it has used since its start was used since then.
            None if self.resident.started >= since => Counters::default(),
            None => counters,
        };
        let mut usage = counters.since(&before);
        usage.restarts = grown(self.told_restarts, self.resident.restarts);
        self.told_restarts = self.resident.restarts;
        let told = std::mem::take(&mut self.oom.told);
        if usage.oom_kills > 0 {
            self.oom.counted = Some(Instant::now());
        } else if told && !counts_oom_kills {
            usage.oom_kills = 1;
        }
        measured_of(&self.resident, usage)
    }
}

fn measured_of(resident: &Resident, usage: Usage) -> Measured {
    Measured {
        installation: resident.installation.clone(),
        sample: ContainerSample {
            container: resident.id.clone(),
            service: resident.service.clone(),
            version: resident.version,
            usage,
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Those of an engine that is asked: no files are needed.
    fn known() -> Known {
        Known::new(Cgroups::of(Path::new("/nowhere")), false, at(100))
    }

    fn resident(started: i64, restarts: u64) -> Resident {
        Resident {
            id: "4f2a".to_owned(),
            installation: "ours".to_owned(),
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(42),
            pid: u32::try_from(started).unwrap(),
            started: at(started),
            restarts,
            own_network: true,
        }
    }

    fn cpu(cpu_us: u64) -> Counters {
        Counters { cpu_us, ..Counters::default() }
    }

    /// What is said of the container after the engine was asked.
    fn take(known: &mut Known, counters: Counters) -> Usage {
        let since = known.read_at();
        let (_, to_ask) = known.read(at(since.as_second() + 5));
        assert_eq!(to_ask, ["4f2a"]);
        known.take("4f2a", counters, since).unwrap().sample.usage
    }

    fn late(known: &mut Known) -> Vec<u64> {
        let (late, _) = known.read(known.read_at());
        late.iter().map(|one| one.sample.usage.oom_kills).collect()
    }

    #[test]
    fn what_was_used_before_the_agent_came_is_not_counted() {
        let mut known = known();
        known.apply(Residence::All(vec![resident(50, 3)]));
        let first = take(&mut known, cpu(1000));
        assert_eq!((first.containers, first.cpu_us, first.restarts), (1, 0, 0));
        assert_eq!(take(&mut known, cpu(1700)).cpu_us, 700);
    }

    #[test]
    fn what_a_new_one_has_used_is_counted_from_its_start() {
        let mut known = known();
        known.apply(Residence::Started(resident(103, 0)));
        assert_eq!(take(&mut known, cpu(1000)).cpu_us, 1000);
        // The same may be told twice.
        known.apply(Residence::Started(resident(103, 0)));
        assert_eq!(take(&mut known, cpu(1001)).cpu_us, 1);
        // The engine was away: what is there stays, and its counters go on.
        known.apply(Residence::Lost("gone".to_owned()));
        known.apply(Residence::All(vec![resident(103, 0)]));
        assert_eq!(take(&mut known, cpu(1003)).cpu_us, 2);
        known.apply(Residence::All(vec![]));
        assert!(known.shown().is_empty());
    }

    #[test]
    fn one_that_the_engine_starts_again_counts_from_0() {
        let mut known = known();
        known.apply(Residence::Started(resident(103, 0)));
        take(&mut known, cpu(5000));
        known.apply(Residence::Ended("4f2a".to_owned()));
        known.apply(Residence::Started(resident(107, 1)));
        let usage = take(&mut known, cpu(6000));
        assert_eq!((usage.cpu_us, usage.restarts), (6000, 1));
        // Also when its end was not noticed, or it took long to come back.
        known.apply(Residence::All(vec![resident(112, 2)]));
        assert_eq!(take(&mut known, cpu(10)).restarts, 1);
        known.apply(Residence::Ended("4f2a".to_owned()));
        late(&mut known);
        late(&mut known);
        known.apply(Residence::Started(resident(150, 3)));
        assert_eq!(take(&mut known, cpu(10)).restarts, 1);
    }

    #[test]
    fn one_that_memory_ran_out_for_is_counted_though_it_is_gone() {
        let mut known = known();
        known.apply(Residence::Started(resident(103, 0)));
        take(&mut known, cpu(1));
        known.apply(Residence::OutOfMemory("4f2a".to_owned()));
        known.apply(Residence::Ended("4f2a".to_owned()));
        assert_eq!(late(&mut known), [1]);
        // Told late, and then of nobody that is known.
        known.apply(Residence::OutOfMemory("4f2a".to_owned()));
        assert_eq!(late(&mut known), [1]);
        known.apply(Residence::OutOfMemory("4f2a".to_owned()));
        assert_eq!(late(&mut known), [0; 0]);
        let kills: Vec<_> = known.oom_kills().map(|(_, _, kills)| kills).collect();
        assert_eq!(kills, [2]);
    }

    #[test]
    fn what_the_kernel_has_counted_is_not_counted_again() {
        let mut known = known();
        known.apply(Residence::Started(resident(103, 0)));
        take(&mut known, cpu(1));
        known.apply(Residence::OutOfMemory("4f2a".to_owned()));
        let usage = take(&mut known, Counters { oom_kills: 2, ..cpu(1) });
        assert_eq!(usage.oom_kills, 2);
        known.apply(Residence::OutOfMemory("4f2a".to_owned()));
        known.apply(Residence::Ended("4f2a".to_owned()));
        assert_eq!(late(&mut known), [0; 0]);
    }

    #[test]
    fn what_only_the_engine_tells_is_counted_once() {
        let mut known = known();
        known.apply(Residence::Started(resident(103, 0)));
        known.apply(Residence::OutOfMemory("4f2a".to_owned()));
        assert_eq!(take(&mut known, cpu(1)).oom_kills, 1);
        assert_eq!(take(&mut known, cpu(1)).oom_kills, 0);
    }
}
