//! The socket by which this machine's edge reaches the server: who may open it is whose the data
//! directory is.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use launcher_control::hub::{self, Hub};
use tokio::net::UnixListener;

/// How often is looked whether the socket still lies where it was put. An edge that is connected needs it
/// no more, so that only one that comes later waits.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A socket that edges connect to, and the file that it is reached by.
pub(crate) struct EdgeSocket {
    path: PathBuf,
    listener: UnixListener,
    /// Device and inode of the file.
    file: (u64, u64),
}

impl EdgeSocket {
    /// Listens at a path. What lies there is removed: the caller holds the data directory's lock, so it
    /// is a socket that a killed server left.
    pub(crate) fn listen(path: PathBuf) -> Result<Self> {
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
        }
        let listener = UnixListener::bind(&path);
        let listener = listener.with_context(|| format!("cannot listen on {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("cannot protect {}", path.display()))?;
        let file = file_at(&path).with_context(|| format!("{} is gone again", path.display()))?;
        Ok(Self { path, listener, file })
    }

    /// Takes connections of edges until it is dropped, and listens anew when the file was removed: no
    /// edge that is started after that would find the server. Those that are connected stay so.
    pub(crate) async fn serve(mut self, hub: Arc<Hub>) {
        loop {
            let Self { path, listener, file } = self;
            tokio::select! {
                () = hub::serve(Arc::clone(&hub), listener) => {}
                () = until_gone(&path, file) => {}
            }
            tracing::warn!(path = %path.display(), "the socket for edges was removed; listening on a new one");
            self = loop {
                match Self::listen(path.clone()) {
                    Ok(socket) => break socket,
                    Err(error) => tracing::error!("no edge can connect: {error:#}"),
                }
                tokio::time::sleep(LOOK_EVERY).await;
            };
        }
    }
}

async fn until_gone(path: &Path, file: (u64, u64)) {
    while file_at(path) == Some(file) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn file_at(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
