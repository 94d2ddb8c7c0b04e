//! A disk that is really full. What the store does about it is also tested, on any machine, beside its
//! source; here the operating system says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use launcher_store::{Error, Store, sqlite};

use crate::support::*;

/// A small file system in memory that is unmounted with it.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "root could not mount a tmpfs");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let ballast = self.path().join("ballast");
        let error = std::fs::write(&ballast, vec![0; 4 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the store's threads close their files a moment after it is dropped.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_space_and_loses_nothing() {
    if !is_root() {
        return;
    }
    let disk = SmallDisk::mount();
    let store = sqlite::open(&disk.path().join("store.db")).await.unwrap();
    let shop = put(&store, "shop").await;
    let first = ready(&store, &shop).await;
    let ballast = disk.fill();
    let mut watcher = store.watch();

    // The log's file may have room for a few more.
    let mut taken = first.0;
    let error = loop {
        match store.create_version(new_version(&shop), at(1)).await {
            Ok((version, _)) => taken = version.number.0,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Full), "{error}");
    for _ in 0..3 {
        assert!(matches!(refusal(store.ping().await), Error::Full));
    }
    assert_eq!(store.versions(&service("shop"), None, 1000).await.unwrap().len(), taken as usize);
    let mut heard = 0;
    while watcher.try_recv().is_ok() {
        heard += 1;
    }
    assert_eq!(heard, taken - first.0);

    std::fs::remove_file(ballast).unwrap();
    store.ping().await.unwrap();
    let (next, _) = launch(&store, &shop).await;
    assert_eq!(next.number.0, taken + 1);
    let route = make_live(&store, &service("shop"), first).await;
    assert_eq!(route.generation.0, 1);
}
