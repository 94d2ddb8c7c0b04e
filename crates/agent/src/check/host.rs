//! Whether a host has processor time, memory and room on its disks left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use launcher_model::host::HostState;
use launcher_model::measure::HostUsage;

use super::{Figure, Limits, Outcome, Status};
use crate::host::Host;
use crate::{Error, Result};

/// What is checked, in a word.
pub const SUBJECT: &str = "HOST";

/// How full a file system is.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// Where it is mounted, or any of its folders.
    pub path: PathBuf,
    /// How much of it is used, of what may be.
    pub percent: f64,
}

impl Disk {
    /// Looks at the file system that holds a path.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(path: &Path) -> Result<Self> {
        let read = |source: rustix::io::Errno| Error::Read {
            path: path.to_owned(),
            source: source.into(),
        };
        let told = rustix::fs::statvfs(path).map_err(read)?;
        // As df has it: what is kept for root is neither used nor free.
        let used = told.f_blocks.saturating_sub(told.f_bfree);
        let percent = share(used, used.saturating_add(told.f_bavail));
        Ok(Self { path: path.to_owned(), percent })
    }
}

/// What this host uses in so much time from now on.
///
/// # Errors
/// When it cannot be read.
pub async fn measure(over: Duration) -> Result<(HostUsage, Duration)> {
    let mut host = Host::of(Path::new("/proc"), Path::new("/sys"));
    host.sample()?;
    let begun = std::time::Instant::now();
    tokio::time::sleep(over).await;
    let usage = host.sample()?;
    let usage = usage.ok_or_else(|| Error::GivenUp("there was no first sample".to_owned()))?;
    Ok((usage, begun.elapsed()))
}

/// Judges what a host used, and how full its disks are.
#[must_use]
pub fn judge(usage: &HostUsage, over: Duration, disks: &[Disk], limits: Limits) -> Outcome {
    let all = f64::from(usage.cpus.max(1)) * over.as_secs_f64() * 1e6;
    let mut shares = vec![
        ("cpu".to_owned(), (100.0 * usage.cpu_us as f64 / all).min(100.0)),
        ("memory".to_owned(), share(usage.memory, usage.memory_total)),
    ];
    shares.extend(disks.iter().map(|disk| (format!("disk {}", disk.path.display()), disk.percent)));
    let status = shares.iter().map(|(_, percent)| limits.judge(*percent)).max();
    let words: Vec<String> =
        shares.iter().map(|(what, percent)| format!("{what} {percent:.0} %")).collect();
    let figures = shares
        .iter()
        .map(|(what, percent)| Figure::new(what, *percent, "%").within(limits).out_of(100.0));
    Outcome {
        subject: SUBJECT,
        status: status.unwrap_or(Status::Ok),
        text: words.join(", "),
        figures: figures.collect(),
    }
}

/// Judges another host by what the server says of it.
#[must_use]
pub fn judge_other(name: &str, state: HostState) -> Outcome {
    let (status, words) = match state {
        HostState::Ready => (Status::Ok, "takes containers"),
        HostState::Closed => (Status::Ok, "is closed: it takes nothing new"),
        HostState::Draining => (Status::Ok, "is being drained"),
        HostState::Drained => (Status::Ok, "is drained"),
        HostState::Down => (Status::Critical, "cannot be used by its engine"),
    };
    let text = format!("{name} {words}");
    Outcome { subject: SUBJECT, status, text, figures: Vec::new() }
}

pub(super) fn share(used: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * used as f64 / all as f64 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_as_well_as_what_it_has_least_of() {
        let usage = HostUsage {
            cpus: 2,
            cpu_us: 1_000_000,
            memory: 90,
            memory_total: 100,
            ..HostUsage::default()
        };
        let disk = Disk { path: "/".into(), percent: 12.345 };
        let limits = Limits { warning: 80.0, critical: 95.0 };
        let outcome = judge(&usage, Duration::from_secs(1), &[disk], limits);
        assert_eq!(
            outcome.to_string(),
            "HOST WARNING: cpu 50 %, memory 90 %, disk / 12 % | cpu=50%;80;95;0;100 \
             memory=90%;80;95;0;100 'disk /'=12.35%;80;95;0;100"
        );
        let disk = Disk { path: "/srv".into(), percent: 95.1 };
        let outcome = judge(&HostUsage::default(), Duration::from_secs(1), &[disk], limits);
        assert_eq!(outcome.status, Status::Critical);
    }

    #[test]
    fn file_systems_are_looked_at() {
        let disk = Disk::of(Path::new("/")).unwrap();
        assert!((0.0..=100.0).contains(&disk.percent), "{disk:?}");
        let error = Disk::of(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.contains("/nowhere"), "{error}");
    }

    #[test]
    fn another_host_is_critical_when_it_is_down() {
        assert_eq!(
            judge_other("web1", HostState::Ready).to_string(),
            "HOST OK: web1 takes containers"
        );
        assert_eq!(judge_other("web1", HostState::Down).status, Status::Critical);
    }
}
