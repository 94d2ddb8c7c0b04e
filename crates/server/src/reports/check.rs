//! Whether a report can be true.

use std::collections::HashSet;

use jiff::Timestamp;
use launcher_model::measure::{ContainerSample, HostReport, HostUsage, Usage};

/// How old a report may be, in seconds: agents keep them for less than that.
const OLDEST: i64 = 24 * 3600;
/// How far it may be ahead, in seconds.
const AHEAD: i64 = 120;
/// How many containers a host may have.
const CONTAINERS: usize = 5000;
/// How long a container's id may be.
const ID: usize = 128;
/// The largest figure that is believed: 2^53 is some 285 years in microseconds, and 8 PiB, and many of them can be
/// added up.
const LARGEST: u64 = 1 << 53;

/// Says what is wrong with a report of this host.
pub(super) fn check(report: &HostReport, host: &str, now: Timestamp) -> Result<(), String> {
    if report.host != host {
        return Err(format!("a report of the host {} came as one of {host}", report.host));
    }
    let age = now.as_second().saturating_sub(report.at);
    if age > OLDEST {
        return Err(format!("a report is {age} s old; reports of the last {OLDEST} s are taken"));
    }
    if age < -AHEAD {
        return Err(format!("a report is of a time that is {} s ahead", age.unsigned_abs()));
    }
    check_host(&report.usage)?;
    if report.containers.len() > CONTAINERS {
        let count = report.containers.len();
        return Err(format!("{count} containers on one host are not believed"));
    }
    let mut ids = HashSet::new();
    for one in &report.containers {
        check_container(one)?;
        // Of one that has ended only a last word may come, beside the figures of the one that it was.
        if one.usage.containers > 0 && !ids.insert(&one.container) {
            return Err(format!("the container {} is in a report twice", one.container));
        }
    }
    Ok(())
}

fn check_host(usage: &HostUsage) -> Result<(), String> {
    let HostUsage { cpus, cpu_us, memory, memory_total, received, sent, read, written } = usage;
    if *cpus == 0 || *cpus > 1 << 16 {
        return Err(format!("a host with {cpus} processors is not believed"));
    }
    if memory > memory_total {
        return Err(format!("{memory} of {memory_total} bytes of memory cannot be in use"));
    }
    believed("host", &[*cpu_us, *memory_total, *received, *sent, *read, *written])
}

fn check_container(one: &ContainerSample) -> Result<(), String> {
    let id = &one.container;
    if id.is_empty() || id.len() > ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("a container's id has 1 to {ID} letters, digits and signs"));
    }
    let Usage { containers, cpu_us, throttled_us, memory, memory_limit, .. } = &one.usage;
    let Usage { received, sent, read, written, oom_kills, restarts, .. } = &one.usage;
    if *containers > 1 {
        return Err(format!("the container {id} is not {containers} containers"));
    }
    let figures = [cpu_us, throttled_us, memory, memory_limit, received, sent, read, written];
    believed("container", &figures.map(|figure| *figure))?;
    believed("container", &[*oom_kills, *restarts])
}

fn believed(what: &str, figures: &[u64]) -> Result<(), String> {
    match figures.iter().find(|figure| **figure > LARGEST) {
        Some(figure) => Err(format!("a {what}'s figure of {figure} is not believed")),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use launcher_model::{ServiceName, VersionNumber};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    fn report() -> HostReport {
        let container = ContainerSample {
            container: "4f2a".to_owned(),
            service: ServiceName::new("shop").unwrap(),
            version: VersionNumber(3),
            usage: Usage { containers: 1, cpu_us: 5, ..Usage::default() },
        };
        let usage = HostUsage { cpus: 2, memory: 1, memory_total: 2, ..HostUsage::default() };
        HostReport { host: "a".to_owned(), at: 999_990, containers: vec![container], usage }
    }

    fn refused(change: impl FnOnce(&mut HostReport)) -> String {
        let mut report = report();
        change(&mut report);
        check(&report, "a", now()).unwrap_err()
    }

    #[test]
    fn a_report_that_can_be_true_is_taken() {
        check(&report(), "a", now()).unwrap();
        let mut with_last_word = report();
        let mut word = with_last_word.containers[0].clone();
        word.usage = Usage { oom_kills: 1, ..Usage::default() };
        with_last_word.containers.push(word);
        check(&with_last_word, "a", now()).unwrap();
    }

    #[test]
    fn what_cannot_be_true_is_refused_and_named() {
        assert!(refused(|report| report.host = "b".to_owned()).contains("host b"));
        assert!(refused(|report| report.at = 0).contains("old"));
        assert!(refused(|report| report.at = i64::MIN).contains("old"));
        assert!(refused(|report| report.at = 1_000_121).contains("ahead"));
        assert!(refused(|report| report.at = i64::MAX).contains("ahead"));
        assert!(refused(|report| report.usage.cpus = 0).contains("processors"));
        assert!(refused(|report| report.usage.memory = 3).contains("memory"));
        assert!(refused(|report| report.usage.sent = u64::MAX).contains("not believed"));
        let one =
            |change: fn(&mut ContainerSample)| refused(|report| change(&mut report.containers[0]));
        assert!(one(|one| one.usage.cpu_us = u64::MAX).contains("not believed"));
        assert!(one(|one| one.usage.restarts = u64::MAX).contains("not believed"));
        assert!(one(|one| one.usage.containers = 2).contains("2 containers"));
        assert!(one(|one| one.container = "x".repeat(129)).contains("id"));
        assert!(one(|one| one.container = "a b".to_owned()).contains("id"));
        let twice = |report: &mut HostReport| report.containers.push(report.containers[0].clone());
        assert!(refused(twice).contains("twice"));
        let many = |report: &mut HostReport| {
            report.containers = vec![report.containers[0].clone(); CONTAINERS + 1];
        };
        assert!(refused(many).contains("5001"));
    }
}
