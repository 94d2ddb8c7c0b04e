//! The file of this program.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The path by which this process was started, which is where a newer release is put: what the system
/// says is running may be a file that is gone, or one that a link no longer leads to. To be asked for
/// before the working directory changes.
///
/// # Errors
/// When the system does not say.
pub(crate) fn path() -> Result<PathBuf> {
    let started_as = env::args_os().next().map(PathBuf::from);
    let found = started_as.and_then(|started| find(&started));
    found.map_or_else(|| env::current_exe().context("cannot find this program's own file"), Ok)
}

fn find(started: &Path) -> Option<PathBuf> {
    if started.components().count() > 1 {
        return std::path::absolute(started).ok().filter(|path| path.is_file());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(started)).find(|path| path.is_file())
}
