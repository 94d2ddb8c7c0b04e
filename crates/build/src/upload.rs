//! Source that is sent in: a working copy, without git.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use launcher_model::branch::is_git_branch;
use launcher_model::build::Origin;
use launcher_model::{BuildId, ServiceName};
use launcher_store::{NewBuild, Queued};
use tokio::io::AsyncWriteExt;

use crate::place::Files;
use crate::source::{CONTEXT, SETTINGS};
use crate::{Builds, Error, Result};

/// The largest archive that is taken, in bytes.
pub const MOST_SENT: u64 = 4 << 30;
/// The longest settings that are taken, in bytes.
pub const LONGEST_SETTINGS: usize = 256 << 10;

/// A working copy that is coming in. What has come of one that is dropped is removed.
pub struct Upload {
    builds: Builds,
    folder: PathBuf,
}

/// Whose it is, and what is said of it.
#[derive(Debug, Clone)]
pub struct About {
    /// The service.
    pub service: ServiceName,
    /// The branch that it shall count as.
    pub branch: Option<String>,
    /// Who sends it.
    pub by: String,
}

impl Builds {
    /// Makes room for a working copy.
    ///
    /// # Errors
    /// When there is none.
    pub async fn upload(&self) -> Result<Upload> {
        let folder = self.inner.logs.root().join(format!("upload-{:016x}", rand::random::<u64>()));
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(Error::file("cannot make the folder", &folder))?;
        Ok(Upload { builds: self.clone(), folder })
    }

    /// Removes what a server before this one was being sent when it ended.
    pub(crate) async fn sweep_uploads(&self) {
        let Ok(mut found) = tokio::fs::read_dir(self.inner.logs.root()).await else { return };
        while let Ok(Some(entry)) = found.next_entry().await {
            if entry.file_name().to_string_lossy().starts_with("upload-") {
                let _ = tokio::fs::remove_dir_all(entry.path()).await;
            }
        }
    }

    /// Whether what was sent in for a build is still there.
    pub(crate) async fn has_context(&self, id: BuildId) -> bool {
        is_there(&self.inner.logs.folder(id).join(CONTEXT)).await
    }

    /// Gives a build the source of another one, which was sent in.
    pub(crate) async fn hand_on(&self, from: BuildId, to: BuildId) -> Result<()> {
        let (from, to) = (self.inner.logs.folder(from), self.inner.logs.folder(to));
        tokio::fs::create_dir_all(&to).await.map_err(Error::file("cannot make the folder", &to))?;
        for file in [CONTEXT, SETTINGS] {
            let (old, new) = (from.join(file), to.join(file));
            match tokio::fs::hard_link(&old, &new).await {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && file == SETTINGS => {}
                Err(error) => return Err(Error::file("cannot read", old)(error)),
            }
        }
        Ok(())
    }
}

impl Upload {
    /// The settings that belong to it: the text of its launcher.toml.
    ///
    /// # Errors
    /// When they cannot be kept.
    pub async fn settings(&self, text: &[u8]) -> Result<()> {
        let path = self.folder.join(SETTINGS);
        let written = async {
            let mut file = tokio::fs::File::create(&path).await?;
            file.write_all(text).await?;
            file.sync_all().await
        };
        written.await.map_err(Error::file("cannot write", path.clone()))
    }

    /// Its files, as a tar archive.
    ///
    /// # Errors
    /// When they are too many, or break off.
    pub async fn context<S, E>(&self, mut pieces: S) -> Result<()>
    where
        S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
    {
        let path = self.folder.join(CONTEXT);
        let file = tokio::fs::File::create(&path).await;
        let mut file = file.map_err(Error::file("cannot write", &path))?;
        let mut length = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Error::Protocol("an archive that broke off"))?;
            length += piece.len() as u64;
            if length > MOST_SENT {
                let advice = "leave out what is not needed, in .dockerignore";
                return Err(Error::TooLarge {
                    what: "the archive".into(),
                    most: "4 GiB".into(),
                    advice,
                });
            }
            file.write_all(&piece).await.map_err(Error::file("cannot write", &path))?;
        }
        // Its build is promised with the answer, and a promise outlives a power cut.
        let written = async {
            file.flush().await?;
            file.sync_all().await
        };
        written.await.map_err(Error::file("cannot write", path.clone()))
    }

    /// Queues its build.
    ///
    /// # Errors
    /// When there is no archive, or no such service.
    pub async fn finish(self, about: About) -> Result<Queued> {
        if !is_there(&self.folder.join(CONTEXT)).await {
            return Err(Error::Protocol("nothing to build: the part `context` is missing"));
        }
        if let Some(branch) = about.branch.as_deref().filter(|branch| !is_git_branch(branch)) {
            return Err(Error::Refused(format!("{branch:?} is no name of a branch in git")));
        }
        let new = NewBuild {
            service: about.service,
            origin: Origin::Upload,
            branch: about.branch,
            commit: None,
            subject: None,
            author: None,
            by: about.by,
        };
        self.builds.place(new, Files::SentIn(self.folder.clone())).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let folder = std::mem::take(&mut self.folder);
        // Its build has it by now, or nobody will.
        if folder.exists() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

async fn is_there(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}
