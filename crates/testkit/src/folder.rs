//! A temporary folder that is really gone afterwards.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than what is still being written takes.
const WITHIN: Duration = Duration::from_secs(10);

/// A temporary folder. A file that comes while it is being removed, from a thread that the test did not
/// wait for, fails the removal; [`tempfile::TempDir`] leaves the folder behind then, this one goes on.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new, empty one.
    ///
    /// # Panics
    /// When there is no place for it.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes something on the disk")]
    pub fn new() -> Self {
        Self::named("")
    }

    /// One whose name begins so.
    ///
    /// # Panics
    /// When there is no place for it.
    #[must_use]
    pub fn named(prefix: &str) -> Self {
        Self(tempfile::Builder::new().prefix(prefix).tempdir().unwrap())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    #[expect(clippy::print_stderr, reason = "a test that ends has nobody else to tell")]
    fn drop(&mut self) {
        let deadline = Instant::now() + WITHIN;
        loop {
            match fs::remove_dir_all(self.path()) {
                Ok(()) => return,
                Err(error) if error.kind() == ErrorKind::NotFound => return,
                Err(error) if Instant::now() < deadline => {
                    drop(error);
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => {
                    eprintln!("cannot remove {}: {error}", self.path().display());
                    return;
                }
            }
        }
    }
}
