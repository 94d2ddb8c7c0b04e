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
    /// Whose containers count; those of every installation when none is named.
    only: Option<String>,
    tracked: HashMap<String, Tracked>,
    ended: HashMap<String, Ended>,
    oom_kills: BTreeMap<(ServiceName, VersionNumber), OomKills>,
    /// The time up to which all that were started are known.
    heard_until: Timestamp,
    /// The engine is away, and does not tell of those that are started.
    deaf: bool,
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
    /// All that it has used since its start is still to be told.
    fresh: bool,
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
    pub(crate) fn new(cgroups: Cgroups, local: bool, only: Option<String>, now: Timestamp) -> Self {
        Self {
            cgroups,
            local,
            only,
            tracked: HashMap::new(),
            ended: HashMap::new(),
            oom_kills: BTreeMap::new(),
            heard_until: now,
            deaf: false,
            said: false,
            buffer: Vec::new(),
        }
    }

    /// Takes in what has happened. `now` is when that is known.
    pub(crate) fn apply(&mut self, change: Residence, now: Timestamp) {
        match change {
            Residence::All(residents) => {
                let ids: HashSet<&str> = residents.iter().map(|one| one.id.as_str()).collect();
                let gone: Vec<String> =
                    self.tracked.keys().filter(|id| !ids.contains(id.as_str())).cloned().collect();
                gone.iter().for_each(|id| self.end(id));
                for resident in residents {
                    let missed = resident.started >= self.heard_until;
                    self.begin(resident, missed, false);
                }
                self.deaf = false;
            }
            Residence::Started(resident) => self.begin(resident, true, true),
            Residence::Ended(id) => self.end(&id),
            Residence::OutOfMemory(id) => {
                let ended = self.ended.get_mut(&id).map(|ended| &mut ended.oom);
                let oom = self.tracked.get_mut(&id).map(|tracked| &mut tracked.oom).or(ended);
                if let Some(oom) = oom {
                    oom.told |= oom.counted.is_none_or(|counted| counted.elapsed() > TOLD_LATE);
                }
            }
            Residence::Lost(why) => {
                if !std::mem::replace(&mut self.deaf, true) {
                    self.heard_until = now;
                }
                tracing::warn!("containers that come and go are not noticed for now: {why}");
            }
        }
    }

    /// `fresh`: it was started since all were known; `told`: the engine has told of just that.
    fn begin(&mut self, resident: Resident, fresh: bool, told: bool) {
        if self.only.as_ref().is_some_and(|only| *only != resident.installation) {
            return;
        }
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
            None if told => resident.restarts.saturating_sub(1),
            None => resident.restarts,
        };
        let oom = before.map(|before| before.oom).unwrap_or_default();
        let files = self.open(&resident);
        let id = resident.id.clone();
        let tracked = Tracked { resident, files, counters: None, fresh, told_restarts, oom };
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
    pub(crate) fn read(&mut self) -> (Vec<Measured>, Vec<String>) {
        let (mut measured, to_ask) = self.read_those(|_| true);
        measured.extend(self.late());
        self.note_oom_kills(&measured);
        (measured, to_ask)
    }

    /// The same before there is a sample: only what the first one is compared with. Nothing is read of those
    /// of which all that they have used since their start is to be told in that.
    pub(crate) fn read_before(&mut self) -> Vec<String> {
        self.read_those(|tracked| !tracked.fresh).1
    }

    fn read_those(&mut self, choose: impl Fn(&Tracked) -> bool) -> (Vec<Measured>, Vec<String>) {
        let (mut measured, mut to_ask) = (Vec::with_capacity(self.tracked.len()), Vec::new());
        let mut buffer = std::mem::take(&mut self.buffer);
        for (id, tracked) in self.tracked.iter_mut().filter(|(_, tracked)| choose(tracked)) {
            let Some(files) = &tracked.files else {
                to_ask.push(id.clone());
                continue;
            };
            // One that has ended cannot be read, and its end will be told.
            let Ok(counters) = files.read(&mut buffer) else { continue };
            let counts = files.counts_oom_kills();
            measured.push(tracked.take(counters, counts));
        }
        self.buffer = buffer;
        (measured, to_ask)
    }

    /// Takes in what the engine has counted of one that it was asked for.
    pub(crate) fn take(&mut self, id: &str, counters: Counters) -> Option<Measured> {
        let measured = self.tracked.get_mut(id)?.take(counters, false);
        self.note_oom_kills(std::slice::from_ref(&measured));
        Some(measured)
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
    /// What was used since the counters were read last.
    fn take(&mut self, counters: Counters, counts_oom_kills: bool) -> Measured {
        let first = if self.fresh { Counters::default() } else { counters };
        let before = self.counters.replace(counters).unwrap_or(first);
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
mod tests;
