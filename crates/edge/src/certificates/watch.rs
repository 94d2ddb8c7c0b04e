//! Noticing that the files of certificates change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchMask};

use super::{Certificates, Files};

/// Who renews a certificate writes two files: they are read when nothing has changed for so long.
const SETTLED: Duration = Duration::from_millis(200);

/// The files are read so often in any case: not every file system tells of changes.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

impl Certificates {
    /// Reads the files again whenever they change, for ever.
    pub(crate) async fn watch(self: &Arc<Self>) {
        if self.files().is_empty() {
            return std::future::pending().await;
        }
        loop {
            // Anew each time: a link may lead elsewhere than before.
            let mut watch = watch(&self.files()).inspect_err(|error| {
                tracing::warn!(%error, "cannot watch the files of certificates; they are looked at each minute");
            });
            // A change that came between the last reading and the watch is not missed.
            self.read_again().await;
            let changed = async {
                match &mut watch {
                    Ok(watch) => until_settled(watch).await,
                    Err(_) => std::future::pending().await,
                }
            };
            let _ = tokio::time::timeout(AT_LEAST_EVERY, changed).await;
        }
    }

    async fn read_again(self: &Arc<Self>) {
        let all = self.clone();
        // It only fails when the runtime is about to end.
        let _ = tokio::task::spawn_blocking(move || all.read_files()).await;
    }
}

type Watch = EventStream<[u8; 4096]>;

/// Watches the folders of files (inotify(7)), and those that links lead to: files are replaced more often
/// than they are written.
fn watch(files: &[Files]) -> io::Result<Watch> {
    let inotify = Inotify::init()?;
    let what = WatchMask::CLOSE_WRITE | WatchMask::CREATE | WatchMask::MOVE | WatchMask::ATTRIB;
    for folder in folders(files) {
        // One that is not there yet is found when the files are looked at the next time.
        if folder.is_dir() {
            inotify.watches().add(&folder, what | WatchMask::ONLYDIR)?;
        }
    }
    inotify.into_event_stream([0; 4096])
}

fn folders(files: &[Files]) -> BTreeSet<PathBuf> {
    let paths = files.iter().flat_map(|one| [&one.certificate, &one.key]);
    let led = paths.flat_map(|path| [Some(path.clone()), fs::canonicalize(path).ok()]);
    led.flatten().filter_map(|path| folder(&path)).collect()
}

fn folder(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
}

async fn until_settled(watch: &mut Watch) {
    if watch.next().await.is_none() {
        return;
    }
    while let Ok(Some(_)) = tokio::time::timeout(SETTLED, watch.next()).await {}
}
