//! What the whole host uses, whoever uses it: `/proc` (proc(5)).

mod text;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use launcher_model::measure::HostUsage;

use crate::counters::grown;
use crate::{Error, Result, network};

/// Reads the host's counters again and again.
#[derive(Debug)]
pub(crate) struct Host {
    proc: PathBuf,
    blocks: PathBuf,
    ticks: u64,
    disks: HashMap<String, bool>,
    before: Option<HostUsage>,
}

impl Host {
    /// The host whose process system is at `proc`, and whose devices are at `sys`.
    pub(crate) fn of(proc: &Path, sys: &Path) -> Self {
        Self {
            proc: proc.to_owned(),
            blocks: sys.join("block"),
            ticks: rustix::param::clock_ticks_per_second().max(1),
            disks: HashMap::new(),
            before: None,
        }
    }

    /// What was used since the last time; nothing the first time.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn sample(&mut self) -> Result<Option<HostUsage>> {
        let now = self.counted()?;
        let before = self.before.replace(now.clone());
        Ok(before.map(|before| HostUsage {
            cpu_us: grown(before.cpu_us, now.cpu_us),
            received: grown(before.received, now.received),
            sent: grown(before.sent, now.sent),
            read: grown(before.read, now.read),
            written: grown(before.written, now.written),
            ..now
        }))
    }

    /// The counters since the host was started.
    fn counted(&mut self) -> Result<HostUsage> {
        let (cpus, busy) = text::cpu(&self.read("stat")?);
        let (memory, memory_total) = text::memory(&self.read("meminfo")?);
        let (received, sent) = network::total(&self.read("net/dev")?, network::is_of_host);
        let disks = self.read("diskstats")?;
        let (blocks, known) = (&self.blocks, &mut self.disks);
        let (read, written) = text::disks(&disks, |name| is_whole_disk(blocks, known, name));
        let cpu_us = busy.saturating_mul(1_000_000) / self.ticks;
        Ok(HostUsage { cpus, cpu_us, memory, memory_total, received, sent, read, written })
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.proc.join(name);
        std::fs::read_to_string(&path).map_err(|source| Error::Read { path, source })
    }
}

/// Whether a block device is a disk, and neither a part of one nor something that lies on top of others.
fn is_whole_disk(blocks: &Path, known: &mut HashMap<String, bool>, name: &str) -> bool {
    if text::is_stacked(name) {
        return false;
    }
    if let Some(is) = known.get(name) {
        return *is;
    }
    let is = blocks.join(name.replace('/', "!")).exists();
    known.insert(name.to_owned(), is);
    is
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn this_host_is_measured() {
        let mut host = Host::of(Path::new("/proc"), Path::new("/sys"));
        assert!(host.sample().unwrap().is_none(), "there is nothing to compare with yet");
        let cpus = std::thread::available_parallelism().unwrap().get();
        let busy_until = std::time::Instant::now() + std::time::Duration::from_millis(200);
        while std::time::Instant::now() < busy_until {}
        let usage = host.sample().unwrap().unwrap();
        assert!(usage.cpus as usize >= cpus, "{usage:?}");
        assert!(usage.cpu_us >= 100_000, "{usage:?}");
        assert!(usage.memory > 0 && usage.memory < usage.memory_total, "{usage:?}");
    }

    #[test]
    fn a_host_that_cannot_be_read_says_what_is_missing() {
        let error = Host::of(Path::new("/nowhere"), Path::new("/sys")).sample().unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/stat: "), "{error}");
    }
}
