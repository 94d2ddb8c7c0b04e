//! Copies of the database, made while it is in use.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions as _, Connection as _};

use super::SqliteStore;
use super::connection::options;
use super::fault::explain;
use crate::{Error, Result};

impl SqliteStore {
    /// Copies the whole database into this file, as it is at one instant, without holding up those who
    /// read and write. The copy appears under its name when it is complete and on the disk; a file
    /// that was there is replaced. It may be read by its owner alone.
    ///
    /// The key of the vault is not in it, and without that the secrets in it are of no use.
    ///
    /// # Errors
    /// [`Error::File`], or [`Error::Full`].
    pub async fn backup_to(&self, path: &Path) -> Result<()> {
        let fault = |error: io::Error| Error::File {
            what: "copied to the backup",
            file: path.to_owned(),
            why: error.to_string(),
        };
        let folder = folder_of(path);
        let copy = tempfile::NamedTempFile::new_in(&folder).map_err(fault)?;
        self.vacuum_into(copy.path()).await?;
        let path = path.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            copy.as_file().sync_all()?;
            copy.persist(&path)?;
            File::open(&folder)?.sync_all()
        });
        written.await.map_err(io::Error::other).and_then(|written| written).map_err(fault)
    }

    async fn vacuum_into(&self, copy: &Path) -> Result<()> {
        let copy = copy.to_str().ok_or_else(|| Error::File {
            what: "copied to the backup",
            file: copy.to_owned(),
            why: "its name is not UTF-8".into(),
        })?;
        let run = async {
            let mut connection = options(&self.file).connect().await?;
            sqlx::query("VACUUM INTO ?").bind(copy).execute(&mut connection).await?;
            connection.close().await
        };
        run.await.map_err(|error| explain(error, &self.file, "copying it to a backup"))
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
