//! The directories of labs, one for each.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Where the directories of all labs are. It has to be a file system that engines keep their layers on.
const ROOT: &str = "/var/lib/launcher-lab";

/// What names of labs begin with.
const PREFIX: &str = "lab-";

/// The directory of a lab that runs. It is locked for as long as this is there; once it can be locked by
/// another process, the lab is one that was killed.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    mark: String,
    _lock: File,
}

impl Folder {
    /// A new one, under a name that no other lab has.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make() -> Result<Self> {
        loop {
            // With a host's number behind it this is the name of an interface: 15 characters at most.
            let mark = format!("{PREFIX}{:06x}", rand::random_range(0..=0x00ff_ffff));
            let path = Path::new(ROOT).join(&mark);
            match fs::create_dir(&path) {
                Ok(()) => {
                    let lock = open_lock(&path)?;
                    lock.lock().map_err(failed("locking", &path))?;
                    return Ok(Self { path, mark, _lock: lock });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("making", &path)(error)),
            }
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The lab's name, by which all is known that it makes: its bridge, its processes, its control groups.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }
}

/// The right to look after the labs of this machine, which one process has at a time.
///
/// # Errors
/// When there is no place for labs.
pub(crate) fn take_turn() -> Result<File> {
    let root = Path::new(ROOT);
    fs::create_dir_all(root).map_err(failed("making", root))?;
    let lock = open_lock(root)?;
    lock.lock().map_err(failed("locking", root))?;
    Ok(lock)
}

/// The directories of labs whose process is gone and who are still there.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn abandoned() -> Result<Vec<PathBuf>> {
    list(true)
}

/// The directories of labs that run.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn running() -> Result<Vec<PathBuf>> {
    list(false)
}

fn list(abandoned: bool) -> Result<Vec<PathBuf>> {
    let root = Path::new(ROOT);
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("reading", root)(error)),
    };
    let mut labs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("reading", root))?;
        let is_lab = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_lab && is_abandoned(&entry.path())?.is_some_and(|state| state == abandoned) {
            labs.push(entry.path());
        }
    }
    Ok(labs)
}

/// Nothing when it went away meanwhile.
fn is_abandoned(path: &Path) -> Result<Option<bool>> {
    let lock = match open_lock(path) {
        Ok(lock) => lock,
        Err(Error::File { why, .. }) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => Ok(Some(true)),
        Err(TryLockError::WouldBlock) => Ok(Some(false)),
        Err(TryLockError::Error(error)) => Err(failed("locking", path)(error)),
    }
}

fn open_lock(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    opened.map_err(failed("opening", &path))
}

/// What becomes of a failure to do something with a file.
pub(crate) fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |why| Error::File { doing, path: path.clone(), why }
}

/// Makes a directory, and those above it.
///
/// # Errors
/// When it cannot.
pub(crate) fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(failed("making", path))
}

/// Writes a file.
///
/// # Errors
/// When it cannot.
pub(crate) fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).map_err(failed("writing", path))
}

/// The last lines of a log, if it has any.
pub(crate) fn end_of(log: &Path) -> String {
    let content = fs::read(log).unwrap_or_default();
    let content = String::from_utf8_lossy(&content);
    let lines: Vec<&str> = content.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
