//! The lock of the data directory.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::Error;

/// Held by the owner of a directory; let go when it is dropped, also by the death of the process.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held")] File);

impl Lock {
    /// Takes the lock, or says by `None` that another process has it.
    ///
    /// # Errors
    /// When the directory is not usable.
    pub(crate) fn take(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join("edge.lock");
        let failed = |cause| Error::Keep { path: path.clone(), cause };
        fs::create_dir_all(dir).map_err(failed)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// Why nothing can be done while another process has the lock.
    pub(crate) fn is_taken(dir: &Path) -> Error {
        let why = "it was told not to; stop that one, or use another --data".to_owned();
        Error::InUse { path: dir.to_owned(), why }
    }
}
