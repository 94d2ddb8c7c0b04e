//! The socket by which this machine's edge reaches the server: who may open it is whose the data
//! directory is.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchMask};
use launcher_control::hub::{self, Hub};
use tokio::net::UnixListener;

/// From one attempt to listen to the next. An edge that is connected needs the socket no more, so that only
/// one that comes later waits.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A socket that edges connect to, and the file that it is reached by.
pub(crate) struct EdgeSocket {
    path: PathBuf,
    listener: UnixListener,
    /// Device and inode of the file.
    file: (u64, u64),
    /// None where the system watches no more for this user.
    watch: Option<Watch>,
}

impl EdgeSocket {
    /// Listens at a path. What lies there is removed: the caller holds the data directory's lock, so it
    /// is a socket that a killed server left.
    pub(crate) fn listen(path: PathBuf) -> Result<Self> {
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
        }
        // Before the file is there, so that nothing that happens to it is missed.
        let watch = Watch::beside(&path).inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error, "the socket for edges cannot be watched; when it is removed, start the server anew");
        });
        let listener = UnixListener::bind(&path);
        let listener = listener.with_context(|| format!("cannot listen on {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("cannot protect {}", path.display()))?;
        let file = file_at(&path).with_context(|| format!("{} is gone again", path.display()))?;
        Ok(Self { path, listener, file, watch: watch.ok() })
    }

    /// Takes connections of edges until it is dropped, and listens anew when the file was removed: no
    /// edge that is started after that would find the server. Those that are connected stay so.
    pub(crate) async fn serve(mut self, hub: Arc<Hub>) {
        loop {
            let Self { path, listener, file, watch } = self;
            tokio::select! {
                () = hub::serve(Arc::clone(&hub), listener) => {}
                () = until_gone(&path, file, watch) => {}
            }
            tracing::warn!(path = %path.display(), "the socket for edges was removed; listening on a new one");
            self = loop {
                match Self::listen(path.clone()) {
                    Ok(socket) => break socket,
                    Err(error) => tracing::error!("no edge can connect: {error:#}"),
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            };
        }
    }
}

async fn until_gone(path: &Path, file: (u64, u64), watch: Option<Watch>) {
    let Some(mut watch) = watch else { return std::future::pending().await };
    while file_at(path) == Some(file) {
        if let Err(error) = watch.changed().await {
            tracing::error!(path = %path.display(), %error, "the socket for edges is watched no more");
            return std::future::pending().await;
        }
    }
}

/// Tells of files that leave a directory, or are put in place of others (inotify(7)).
struct Watch(EventStream<[u8; 4096]>);

impl Watch {
    /// Watches the directory of this file.
    fn beside(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let files = WatchMask::DELETE | WatchMask::MOVE;
        let directory = WatchMask::DELETE_SELF | WatchMask::MOVE_SELF;
        let what = files | directory | WatchMask::ONLYDIR;
        inotify.watches().add(path.parent().unwrap_or(path), what)?;
        Ok(Self(inotify.into_event_stream([0; 4096])?))
    }

    /// Waits until something has changed.
    async fn changed(&mut self) -> io::Result<()> {
        match self.0.next().await {
            Some(event) => event.map(drop),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

fn file_at(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use launcher_testkit::Folder;
    use launcher_testkit::wait::{SOON, until};

    use super::*;

    async fn comes_back(path: &Path, gone: (u64, u64)) {
        until("another socket at the same place", SOON, || async {
            let now = file_at(path).filter(|now| *now != gone)?;
            std::os::unix::net::UnixStream::connect(path).ok().map(|_| now)
        })
        .await;
    }

    #[tokio::test]
    async fn a_socket_that_is_removed_or_moved_or_replaced_comes_back() {
        let dir = Folder::new();
        let path = dir.path().join("edge.sock");
        let aside = dir.path().join("aside");
        let socket = EdgeSocket::listen(path.clone()).unwrap();
        let (hub, _notices) = Hub::new("localhost", "test");
        let serving = tokio::spawn(socket.serve(hub));
        // Each is kept under another name, so that its inode does not become the next one's.
        let keep = |file: &Path, name: &str| {
            std::fs::hard_link(file, dir.path().join(name)).unwrap();
        };
        keep(&path, "first");
        let before = file_at(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        comes_back(&path, before).await;
        let before = file_at(&path).unwrap();
        std::fs::rename(&path, &aside).unwrap();
        comes_back(&path, before).await;
        let other = dir.path().join("other");
        std::fs::write(&other, "").unwrap();
        keep(&other, "third");
        let before = file_at(&other).unwrap();
        std::fs::rename(&other, &path).unwrap();
        comes_back(&path, before).await;
        serving.abort();
    }
}
