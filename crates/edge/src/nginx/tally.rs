//! What nginx's access log says, counted.
//!
//! The log is written for this alone. It is read when somebody asks and every few seconds, and emptied in
//! place when it has been read to its end and has grown long: nginx writes to the end of the file,
//! wherever that is. A line that is written in that very instant is not counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use launcher_model::measure::{Histogram, Traffic, TrafficSample};
use launcher_model::{ServiceName, VersionNumber};
use serde::Deserialize;

use crate::samples::Source;
use crate::stats::{Counted, VersionCounters};

/// As long as the log may be when it has been read, in bytes.
const LONGEST: u64 = 16 << 20;

/// Bytes that are read at one time.
const PART: u64 = 1 << 20;

/// The counters and the place up to which the log has been read.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    log: Option<Log>,
    versions: BTreeMap<(ServiceName, VersionNumber), Counts>,
    /// What was looked at and is to be told.
    looked: BTreeSet<(ServiceName, VersionNumber)>,
}

#[derive(Debug)]
struct Log {
    file: File,
    /// Up to here it has been read.
    at: u64,
    /// The beginning of a line whose end had not been written.
    begun: Vec<u8>,
}

#[derive(Debug, Default, Clone)]
struct Counts {
    requests: [u64; 5],
    retried: u64,
    received: u64,
    sent: u64,
    failed_live: u64,
    failed_previews: u64,
    /// Requests to the preview.
    previews: u64,
    /// As many of them have been noted.
    noted: u64,
    latency: Histogram,
    /// What has come since somebody asked for that.
    since: Traffic,
}

/// One line of the log, as `log_format launcher` has it.
#[derive(Debug, Deserialize)]
struct Line {
    service: String,
    version: String,
    live: String,
    status: String,
    upstream: String,
    head: String,
    /// Seconds, with a fraction of three digits.
    #[serde(default)]
    took: String,
    #[serde(default)]
    sent: String,
    /// Empty when the client has not said how much it sends.
    #[serde(default)]
    received: String,
    /// What has come of the request, with its head: a client may say more than it sends.
    #[serde(default)]
    length: String,
}

impl Tally {
    /// Counts what is written to the log from now on.
    pub(super) fn new(path: PathBuf) -> Self {
        let mut inner =
            Inner { path, log: None, versions: BTreeMap::new(), looked: BTreeSet::new() };
        if let Err(error) = inner.begin() {
            inner.warn(&error);
        }
        Self(Mutex::new(inner))
    }

    /// Counts for these versions and no others.
    pub(super) fn serves(&self, versions: impl Iterator<Item = (ServiceName, VersionNumber)>) {
        let mut inner = self.inner();
        let mut before = std::mem::take(&mut inner.versions);
        inner.versions = versions
            .map(|version| {
                let counted = before.remove(&version).unwrap_or_default();
                (version, counted)
            })
            .collect();
    }

    /// Reads what has been written since the last time.
    pub(super) fn catch_up(&self) {
        let mut inner = self.inner();
        if let Err(error) = inner.read() {
            inner.warn(&error);
        }
    }

    /// Requests of production traffic to these versions that have failed.
    pub(super) fn failed_live(&self, service: &ServiceName, versions: &[VersionNumber]) -> u64 {
        let inner = self.inner();
        let of = |version: &VersionNumber| inner.versions.get(&(service.clone(), *version));
        versions.iter().filter_map(of).map(|counted| counted.failed_live).sum()
    }

    /// Notes which of these were looked at since the last time; those that are busy are. Whether there is
    /// one.
    pub(super) fn note_looked(
        &self,
        watched: impl Iterator<Item = (ServiceName, VersionNumber)>,
        busy: Vec<(ServiceName, VersionNumber)>,
    ) -> bool {
        let mut inner = self.inner();
        for one in watched {
            let Some(counted) = inner.versions.get_mut(&one) else { continue };
            if std::mem::replace(&mut counted.noted, counted.previews) != counted.previews {
                inner.looked.insert(one);
            }
        }
        inner.looked.extend(busy);
        !inner.looked.is_empty()
    }

    /// What was looked at. It is told now.
    pub(super) fn take_looked(&self) -> BTreeSet<(ServiceName, VersionNumber)> {
        std::mem::take(&mut self.inner().looked)
    }

    pub(super) fn read(&self) -> Vec<VersionCounters> {
        self.catch_up();
        let inner = self.inner();
        let versions = inner.versions.iter();
        let read = versions.map(|((service, version), counts)| VersionCounters {
            service: service.clone(),
            version: *version,
            counted: Counted {
                requests: counts.requests,
                failed: counts.failed_live + counts.failed_previews,
                retried: counts.retried,
                received: counts.received,
                sent: counts.sent,
                ..Counted::default()
            },
            latency: counts.latency.clone(),
        });
        read.collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn warn(&self, error: &io::Error) {
        tracing::warn!(path = %self.path.display(), %error, "cannot read nginx's access log");
    }

    /// Empties the log and begins to read it.
    fn begin(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        file.set_len(0)?;
        self.log = Some(Log { file, at: 0, begun: Vec::new() });
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let Some(mut log) = self.log.take() else { return self.begin() };
        let read = log.read(|line| self.count(line));
        // Somebody may have put another file in its place.
        let replaced = match (std::fs::metadata(&self.path), log.file.metadata()) {
            (Ok(named), Ok(open)) => (named.dev(), named.ino()) != (open.dev(), open.ino()),
            (Err(error), _) => error.kind() == io::ErrorKind::NotFound,
            (_, Err(_)) => false,
        };
        if replaced {
            let file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
            log = Log { file, at: 0, begun: Vec::new() };
            log.read(|line| self.count(line))?;
        }
        self.log = Some(log);
        read
    }

    fn count(&mut self, line: &[u8]) {
        // What cannot be read is not ours, or was cut in two as the log was emptied.
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return };
        let (Ok(service), Ok(version)) = (ServiceName::new(line.service), line.version.parse())
        else {
            return;
        };
        let Some(counted) = self.versions.get_mut(&(service, VersionNumber(version))) else {
            return;
        };
        counted.previews += u64::from(line.live.is_empty());
        let since = &mut counted.since;
        let bytes = |text: &str| text.parse::<u64>().unwrap_or(0);
        let (sent, received) = (bytes(&line.sent), bytes(&line.received).min(bytes(&line.length)));
        for (sum, more) in [
            (&mut counted.sent, sent),
            (&mut since.sent, sent),
            (&mut counted.received, received),
            (&mut since.received, received),
        ] {
            *sum = sum.saturating_add(more);
        }
        let status: usize = line.status.parse().unwrap_or(0);
        if let Some(class) = (status / 100).checked_sub(1).and_then(|n| counted.requests.get_mut(n))
        {
            *class += 1;
            since.requests[status / 100 - 1] += 1;
            if let Some(us) = microseconds(&line.took).filter(|_| status >= 200) {
                since.latency.record(us);
                counted.latency.record(us);
            }
        }
        // Addresses of several attempts stand in a row, and so do the times to their heads, which are
        // a dash for one that brought none.
        let retried = u64::from(line.upstream.contains(", "));
        counted.retried += retried;
        since.retried += retried;
        let brought_none = line.head.rsplit(", ").next() == Some("-");
        if matches!(status, 502 | 504) && brought_none && line.upstream.len() > 1 {
            let failed = if line.live.is_empty() {
                &mut counted.failed_previews
            } else {
                &mut counted.failed_live
            };
            *failed += 1;
            since.failed += 1;
        }
    }
}

/// Of a number of seconds.
fn microseconds(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.parse().ok()?;
    let took = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(took.as_micros()).ok()
}

impl Source for Tally {
    fn take(&self) -> Vec<TrafficSample> {
        self.catch_up();
        let mut inner = self.inner();
        let versions = inner.versions.iter_mut();
        let carried = versions.filter(|(_, counts)| !counts.since.is_nothing());
        let samples = carried.map(|((service, version), counts)| TrafficSample {
            service: service.clone(),
            version: *version,
            traffic: std::mem::take(&mut counts.since),
        });
        samples.collect()
    }
}

impl Log {
    fn read(&mut self, mut count: impl FnMut(&[u8])) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length < self.at {
            // Somebody else has emptied it.
            self.at = 0;
            self.begun.clear();
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        loop {
            let read = (&mut self.file).take(PART).read_to_end(&mut self.begun)?;
            if read == 0 {
                break;
            }
            self.at += read as u64;
            let whole = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.begun[..whole].split(|byte| *byte == b'\n').for_each(&mut count);
            self.begun.drain(..whole);
        }
        if self.at > LONGEST && self.begun.is_empty() && self.file.metadata()?.len() == self.at {
            self.file.set_len(0)?;
            self.at = 0;
        }
        Ok(())
    }
}

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn line(version: u32, live: &str, status: &str, upstream: &str, head: &str) -> String {
        format!(
            "{{\"service\":\"shop\",\"version\":\"{version}\",\"live\":\"{live}\",\"status\":\"{status}\",\
             \"upstream\":\"{upstream}\",\"head\":\"{head}\"}}\n"
        )
    }

    fn append(path: &std::path::Path, text: &str) {
        let mut log = OpenOptions::new().append(true).create(true).open(path).unwrap();
        log.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn requests_failures_and_second_attempts_are_counted() {
        let dir = launcher_testkit::Folder::new();
        let path = dir.path().join("log");
        append(&path, &line(1, "1", "200", "a:1", "0.001"));
        let tally = Tally::new(path.clone());
        let shop = ServiceName::new("shop").unwrap();
        tally.serves([1, 2].map(|n| (shop.clone(), VersionNumber(n))).into_iter());
        for text in [
            line(1, "1", "200", "a:1", "0.001"),
            line(1, "1", "200", "a:1, b:1", "-, 0.001"),
            line(1, "1", "502", "a:1, b:1", "-, -"),
            line(1, "", "504", "a:1", "-"),
            // The container's own answer.
            line(1, "1", "502", "a:1", "0.002"),
            line(1, "1", "503", "", ""),
            line(3, "1", "200", "a:1", "0.001"),
            line(2, "1", "000", "", ""),
            "not of ours\n".to_owned(),
        ] {
            append(&path, &text);
        }
        let whole = line(2, "", "101", "a:1", "0.001");
        append(&path, &whole[..20]);
        let read = tally.read();
        assert_eq!(read[0].counted.requests, [0, 2, 0, 0, 4]);
        assert_eq!((read[0].counted.failed, read[0].counted.retried), (2, 2));
        assert_eq!(tally.failed_live(&shop, &[VersionNumber(1), VersionNumber(9)]), 1);
        assert_eq!(read[1].counted.requests, [0; 5]);
        append(&path, &whole[20..]);
        assert_eq!(tally.read()[1].counted.requests, [1, 0, 0, 0, 0]);
        // Versions that are gone are forgotten, and those that stay are not.
        tally.serves([(shop, VersionNumber(1))].into_iter());
        assert_eq!(tally.read().len(), 1);
        assert_eq!(tally.read()[0].counted.requests, [0, 2, 0, 0, 4]);
    }

    #[test]
    fn what_a_client_says_it_sends_counts_as_far_as_it_has_come() {
        let dir = launcher_testkit::Folder::new();
        let path = dir.path().join("log");
        let tally = Tally::new(path.clone());
        let shop = ServiceName::new("shop").unwrap();
        tally.serves([(shop, VersionNumber(1))].into_iter());
        let most = u64::MAX.to_string();
        for (received, length) in [("500", "620"), (&*most, "120"), (&*most, "120"), ("", "90")] {
            let more = format!("\"received\":\"{received}\",\"length\":\"{length}\"}}");
            append(&path, &line(1, "1", "413", "", "").replace('}', &format!(",{more}")));
        }
        assert_eq!(tally.read()[0].counted.received, 500 + 120 + 120);
    }

    #[test]
    fn a_long_log_is_emptied_and_one_that_was_moved_is_left() {
        let dir = launcher_testkit::Folder::new();
        let path = dir.path().join("log");
        let tally = Tally::new(path.clone());
        let shop = ServiceName::new("shop").unwrap();
        tally.serves([(shop, VersionNumber(1))].into_iter());
        let one = line(1, "1", "200", "a:1", "0.001");
        let many = LONGEST as usize / one.len() + 1;
        append(&path, &one.repeat(many));
        assert_eq!(tally.read()[0].counted.requests[1], many as u64);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        append(&path, &one);
        assert_eq!(tally.read()[0].counted.requests[1], many as u64 + 1);
        std::fs::rename(&path, dir.path().join("log.1")).unwrap();
        append(&dir.path().join("log.1"), &one);
        append(&path, &one.repeat(2));
        assert_eq!(tally.read()[0].counted.requests[1], many as u64 + 4);
    }
}
