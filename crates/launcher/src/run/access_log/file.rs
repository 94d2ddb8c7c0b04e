//! An access log in a file, or on the standard output.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use launcher_edge::access::Entry;

use super::lines::{Format, Lines};

/// So much is put together at most before it is written, in bytes.
const TOGETHER: usize = 256 << 10;

/// Who may read the file: its owner, and the group, which whoever collects logs is in.
const MODE: u32 = 0o640;

/// From one complaint that nothing can be written to the next.
const WARNED: Duration = Duration::from_secs(10);

/// What stands for the standard output.
const STANDARD: &str = "-";

/// Where lines go.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The file; `-` is the standard output.
    pub(crate) path: PathBuf,
    /// How they are written.
    pub(crate) format: Format,
}

/// What has become of lines.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) written: AtomicU64,
    pub(super) lost: AtomicU64,
}

/// Writes lines, many at a time.
pub(super) struct LogFile {
    to: To,
    lines: Lines,
    waiting: Vec<u8>,
    /// How many lines wait.
    count: u64,
    /// The last line was not written to its end.
    torn: bool,
    counts: Arc<Counts>,
    warned: Option<Instant>,
}

enum To {
    Standard,
    File { path: PathBuf, open: Option<File> },
}

impl LogFile {
    /// Opens the file, so that one that cannot be written is known when the edge starts.
    pub(super) fn open(options: &Options, edge: String) -> Result<Self> {
        let to = if options.path == Path::new(STANDARD) {
            To::Standard
        } else {
            let path = options.path.clone();
            let open = open(&path).with_context(|| {
                format!(
                    "cannot write the access log to {}; have its directory made for this user, or name another file",
                    path.display()
                )
            })?;
            To::File { path, open: Some(open) }
        };
        Ok(Self {
            to,
            lines: Lines::new(options.format, edge),
            waiting: Vec::new(),
            count: 0,
            torn: false,
            counts: Arc::default(),
            warned: None,
        })
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Puts a line to those that wait.
    pub(super) fn write(&mut self, entry: &Entry<'_>) {
        if std::mem::take(&mut self.torn) {
            self.waiting.push(b'\n');
        }
        self.lines.write(entry, &mut self.waiting);
        self.count += 1;
        if self.waiting.len() >= TOGETHER {
            self.flush();
        }
    }

    /// Writes all that wait. What cannot be written is lost: a disk that is full must not fill the memory.
    pub(super) fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let written = self.to.write(&self.waiting);
        let count = std::mem::take(&mut self.count);
        self.waiting.clear();
        match written {
            Ok(()) => drop(self.counts.written.fetch_add(count, Relaxed)),
            Err(error) => {
                self.torn = true;
                self.counts.lost.fetch_add(count, Relaxed);
                self.warn(&error);
            }
        }
    }

    fn warn(&mut self, error: &io::Error) {
        if self.warned.is_some_and(|warned| warned.elapsed() < WARNED) {
            return;
        }
        self.warned = Some(Instant::now());
        let lost = self.counts.lost.load(Relaxed);
        tracing::warn!(%error, lost, "the access log cannot be written; it is tried again with each line");
    }
}

impl To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Standard => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::File { path, open: file } => {
                // Whoever rotates logs moves the file away, or takes it away.
                if file.as_ref().is_none_or(|file| !is_at(file, path)) {
                    *file = None;
                    *file = Some(open(path)?);
                }
                match file {
                    Some(file) => file.write_all(bytes),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Opens a file to be written behind what it has, also by another process: an edge that takes over writes
/// while the one before still has requests.
fn open(path: &Path) -> io::Result<File> {
    let behind = || OpenOptions::new().append(true).open(path);
    match OpenOptions::new().append(true).create_new(true).open(path) {
        Ok(file) => {
            // What this process makes is for itself alone, unless it says otherwise.
            file.set_permissions(Permissions::from_mode(MODE))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => behind(),
        Err(error) => Err(error),
    }
}

/// Whether what is open still is what the path leads to.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
mod tests {
    use super::super::lines::tests::entry;
    use super::*;

    fn log(path: &Path) -> LogFile {
        let options = Options { path: path.to_owned(), format: Format::Combined };
        LogFile::open(&options, "local".into()).unwrap()
    }

    fn paths(file: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(|line| line.split(' ').nth(6).unwrap().to_owned()).collect()
    }

    #[test]
    fn lines_come_together_and_follow_a_file_that_is_moved_or_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("access.log"), dir.path().join("access.log.1"));
        let mut log = log(&path);
        log.write(&entry("/1", "a"));
        assert!(paths(&path).is_empty(), "it waits for others");
        log.write(&entry("/2", "a"));
        log.flush();
        std::fs::rename(&path, &moved).unwrap();
        log.write(&entry("/3", "a"));
        log.flush();
        std::fs::remove_file(&path).unwrap();
        log.write(&entry("/4", "a"));
        log.flush();
        assert_eq!(
            (paths(&moved), paths(&path)),
            (vec!["/1".into(), "/2".into()], vec!["/4".into()])
        );
        // logrotate's copytruncate.
        File::create(&path).unwrap();
        log.write(&entry("/5", "a"));
        log.flush();
        assert_eq!(paths(&path), ["/5"]);
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
        assert_eq!(log.counts().written.load(Relaxed), 5);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_the_next_line_tried() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log").join("access.log");
        let options = Options { path: path.clone(), format: Format::Json };
        let refused = LogFile::open(&options, "local".into()).err().unwrap();
        assert!(format!("{refused:#}").contains("have its directory made"), "{refused:#}");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let mut log = log(&path);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        for n in ["/1", "/2"] {
            log.write(&entry(n, "a"));
            log.flush();
        }
        assert_eq!(log.counts().lost.load(Relaxed), 2);
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        log.write(&entry("/3", "a"));
        log.flush();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.trim_start().starts_with("192.0.2.7 "), "{text}");
        assert_eq!((log.counts().lost.load(Relaxed), log.counts().written.load(Relaxed)), (2, 1));
    }

    #[test]
    fn what_is_much_is_written_before_it_is_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let mut log = log(&path);
        let agent = "x".repeat(1000);
        for _ in 0..300 {
            log.write(&entry("/", &agent));
            assert!(log.waiting.len() < TOGETHER);
        }
        assert!(paths(&path).len() > 200);
    }
}
