//! Pushes that are being taken in, written down beside the repository.
//!
//! Between the change of a branch, which is git's, and the record of its build, which is the store's, a
//! server may be killed. What was pushed then would never be built: the next push finds everything up to
//! date.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use crate::git::{Push, Repository};
use crate::{Error, Result};

const PREFIX: &str = "launcher-push-";

/// A push whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Who pushes.
    pub(crate) by: String,
    /// Branches, and the commits that they shall be at; none for those that shall go.
    pub(crate) branches: Vec<(String, Option<String>)>,
}

impl Entry {
    pub(crate) fn of(push: &Push, by: &str) -> Self {
        let branch = |update: &crate::git::RefUpdate| {
            let new = (!update.deletes()).then(|| update.new.clone());
            Some((update.branch()?.to_owned(), new))
        };
        Self { by: by.to_owned(), branches: push.updates.iter().filter_map(branch).collect() }
    }
}

/// Writes a push down, durably.
pub(crate) async fn write(repository: &Repository, entry: &Entry) -> Result<PathBuf> {
    let path = repository.directory().join(format!("{PREFIX}{}", nonce()));
    let text = serde_json::to_vec(entry).unwrap_or_default();
    let written = async {
        let mut file = tokio::fs::File::create_new(&path).await?;
        file.write_all(&text).await?;
        file.sync_all().await
    };
    written.await.map_err(Error::file("cannot write", &path))?;
    Ok(path)
}

/// The pushes of which it is not known what became of them, and where each is written down.
pub(crate) async fn read(repository: &Repository) -> Result<Vec<(PathBuf, Entry)>> {
    let directory = repository.directory();
    let mut found = Vec::new();
    let mut files = match tokio::fs::read_dir(directory).await {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(Error::file("cannot read", directory)(error)),
    };
    while let Some(file) =
        files.next_entry().await.map_err(Error::file("cannot read", directory))?
    {
        if !file.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = file.path();
        let text = tokio::fs::read(&path).await.map_err(Error::file("cannot read", &path))?;
        match serde_json::from_slice(&text) {
            Ok(entry) => found.push((path, entry)),
            // Written half: git was not run yet.
            Err(_) => forget(&path).await?,
        }
    }
    Ok(found)
}

/// What was to follow from a push has been done, or written down elsewhere.
pub(crate) async fn forget(path: &Path) -> Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}
