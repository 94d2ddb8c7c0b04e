//! Whether our containers on this host have memory left, and whether they stay alive.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use launcher_scheduler::docker::residents::Residents;
use serde::{Deserialize, Serialize};

use super::host::share;
use super::{Figure, Limits, Outcome, Status};
use crate::sampler::{Sampler, locked};
use crate::{Error, Result};

/// What is checked, in a word.
pub const SUBJECT: &str = "CONTAINERS";

/// What the last run saw, so that only what is new since then is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When it was.
    at: Timestamp,
    /// The containers that ran, by their ids.
    containers: BTreeMap<String, Counted>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    oom_kills: u64,
    restarts: u64,
}

impl Seen {
    /// Reads what the last run left; nothing when there was none.
    ///
    /// # Errors
    /// When the file cannot be read. One that makes no sense counts as none.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Read { path: path.to_owned(), source }),
        }
    }

    /// Leaves it for the next run, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, path: &Path) -> Result<()> {
        let write = || {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut new, self)?;
            new.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|source| Error::Write { path: path.to_owned(), source })
    }
}

/// A container as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// Its id.
    pub id: String,
    /// Its service and version, in words.
    pub name: String,
    /// When it was started.
    pub started: Timestamp,
    /// Its memory, in bytes.
    pub memory: u64,
    /// How much it may have; 0 when there is no limit.
    pub memory_limit: u64,
    /// Processes of it that were ended for want of memory, since its start.
    pub oom_kills: u64,
    /// How often the engine has started it again.
    pub restarts: u64,
}

/// Looks at the containers that an engine has now: those of one installation, or all of ours; and at which of
/// them memory has run out for since the last run, though they may be gone.
///
/// # Errors
/// When the engine cannot be reached.
pub async fn look(
    residents: &Residents,
    installation: Option<String>,
    since: Option<&Seen>,
) -> Result<(Vec<Now>, Vec<String>)> {
    let out_of_memory = match since {
        Some(seen) => residents.out_of_memory(seen.at).await?,
        None => Vec::new(),
    };
    let mut sampler = Sampler::once(residents.clone(), installation).await?;
    sampler.sample().await?;
    let known = sampler.known();
    let known = locked(&known);
    let shown = known.shown().into_iter();
    let wanted = shown.map(|one| Now {
        id: one.resident.id.clone(),
        name: format!("{} {}", one.resident.service, one.resident.version),
        started: one.resident.started,
        memory: one.counters.memory,
        memory_limit: one.counters.memory_limit,
        oom_kills: one.counters.oom_kills,
        restarts: one.resident.restarts,
    });
    Ok((wanted.collect(), out_of_memory))
}

/// Judges them, and says what the next run is to know.
#[must_use]
pub fn judge(
    containers: &[Now],
    out_of_memory: &[String],
    before: Option<&Seen>,
    limits: Limits,
    at: Timestamp,
) -> (Outcome, Seen) {
    let (mut killed, mut restarted) = (0, 0);
    for one in containers {
        let then = counted_before(one, before);
        // What the kernel counts of one that runs is exact; what the engine tells of it is the same.
        killed += one.oom_kills.saturating_sub(then.oom_kills);
        restarted += one.restarts.saturating_sub(then.restarts);
    }
    let here = |id: &String| containers.iter().any(|one| one.id == *id);
    killed += out_of_memory.iter().filter(|id| !here(id)).count() as u64;
    let fullest = containers
        .iter()
        .filter(|one| one.memory_limit > 0)
        .map(|one| (share(one.memory, one.memory_limit), one))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let outcome = outcome(containers.len(), killed, restarted, fullest, limits);
    let counted = |one: &Now| Counted { oom_kills: one.oom_kills, restarts: one.restarts };
    let containers = containers.iter().map(|one| (one.id.clone(), counted(one))).collect();
    (outcome, Seen { at, containers })
}

/// What was counted of a container at the last run: of one that came later, nothing.
fn counted_before(one: &Now, before: Option<&Seen>) -> Counted {
    let all = Counted { oom_kills: one.oom_kills, restarts: one.restarts };
    let Some(before) = before else { return all };
    let came_later = one.started > before.at;
    let then = before.containers.get(&one.id).copied();
    match then {
        // Started again: its kernel's counters began anew, the engine's did not.
        Some(then) if came_later => Counted { oom_kills: 0, restarts: then.restarts },
        Some(then) => then,
        None if came_later => Counted::default(),
        None => all,
    }
}

fn outcome(
    count: usize,
    killed: u64,
    restarted: u64,
    fullest: Option<(f64, &Now)>,
    limits: Limits,
) -> Outcome {
    let mut found = vec![(Status::Ok, format!("{count} run"))];
    if let Some((percent, one)) = fullest {
        let words = format!("{} uses {percent:.0} % of its memory", one.name);
        found.push((limits.judge(percent), words));
    }
    if killed > 0 {
        let words = format!("memory ran out {}", times(killed));
        found.push((Status::Critical, words));
    }
    if restarted > 0 {
        found.push((Status::Warning, format!("started again {}", times(restarted))));
    }
    let status = found.iter().map(|(status, _)| *status).max().unwrap_or(Status::Ok);
    let words: Vec<String> = found.into_iter().map(|(_, words)| words).collect();
    let mut figures = vec![Figure::new("containers", count as f64, "")];
    if let Some((percent, _)) = fullest {
        figures.push(Figure::new("memory", percent, "%").within(limits).out_of(100.0));
    }
    figures.push(Figure::new("oom_kills", killed as f64, ""));
    figures.push(Figure::new("restarts", restarted as f64, ""));
    Outcome { subject: SUBJECT, status, text: words.join(", "), figures }
}

fn times(count: u64) -> String {
    match count {
        1 => "once since the last check".to_owned(),
        more => format!("{more} times since the last check"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { warning: 80.0, critical: 95.0 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn now(id: &str, started: i64, oom_kills: u64, restarts: u64) -> Now {
        Now {
            id: id.to_owned(),
            name: "shop v3".to_owned(),
            started: at(started),
            memory: 30,
            memory_limit: 100,
            oom_kills,
            restarts,
        }
    }

    #[test]
    fn what_happened_before_the_first_run_is_not_told() {
        let (outcome, seen) = judge(&[now("a", 10, 4, 5)], &[], None, LIMITS, at(100));
        assert_eq!(
            outcome.to_string(),
            "CONTAINERS OK: 1 run, shop v3 uses 30 % of its memory | containers=1;;;0 \
             memory=30%;80;95;0;100 oom_kills=0;;;0 restarts=0;;;0"
        );
        let (outcome, _) = judge(&[now("a", 10, 4, 5)], &[], Some(&seen), LIMITS, at(200));
        assert_eq!(outcome.status, Status::Ok);
    }

    #[test]
    fn what_happened_since_is() {
        let (_, seen) =
            judge(&[now("a", 10, 4, 5), now("b", 10, 0, 0)], &[], None, LIMITS, at(100));
        let judged = |containers: &[Now], told: &[&str]| {
            let told: Vec<String> = told.iter().map(|id| (*id).to_owned()).collect();
            let (outcome, _) = judge(containers, &told, Some(&seen), LIMITS, at(200));
            let figure =
                |label: &str| outcome.figures.iter().find(|one| one.label == label).unwrap().value;
            (outcome.status, figure("oom_kills"), figure("restarts"))
        };
        // In one that goes on, told of by the engine too.
        assert_eq!(judged(&[now("a", 10, 6, 5)], &["a"]), (Status::Critical, 2.0, 0.0));
        // In one that is gone.
        assert_eq!(judged(&[now("a", 10, 4, 5)], &["b"]), (Status::Critical, 1.0, 0.0));
        // Started again.
        assert_eq!(judged(&[now("a", 150, 0, 6)], &[]), (Status::Warning, 0.0, 1.0));
        // New, and in trouble already.
        assert_eq!(judged(&[now("c", 150, 1, 2)], &[]), (Status::Critical, 1.0, 2.0));
        // It was there, though the last run did not see it.
        assert_eq!(judged(&[now("d", 50, 1, 2)], &[]), (Status::Ok, 0.0, 0.0));
    }

    #[test]
    fn the_one_with_the_least_memory_left_is_told() {
        let mut full = now("b", 10, 0, 0);
        (full.name, full.memory) = ("shop v4".to_owned(), 96);
        let mut free = now("c", 10, 0, 0);
        (free.memory, free.memory_limit) = (1000, 0);
        let (outcome, _) = judge(&[now("a", 10, 0, 0), full, free], &[], None, LIMITS, at(100));
        assert_eq!(outcome.status, Status::Critical);
        assert!(outcome.text.contains("3 run, shop v4 uses 96 %"), "{}", outcome.text);
        let (outcome, _) = judge(&[], &[], None, LIMITS, at(100));
        assert_eq!(outcome.text, "0 run");
    }

    #[test]
    fn what_is_left_for_the_next_run_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/seen.json");
        assert_eq!(Seen::read(&path).unwrap(), None);
        let (_, seen) = judge(&[now("a", 10, 4, 5)], &[], None, LIMITS, at(100));
        seen.keep(&path).unwrap();
        assert_eq!(Seen::read(&path).unwrap(), Some(seen));
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(Seen::read(&path).unwrap(), None);
        assert!(Seen::read(folder.path()).is_err());
    }
}
