//! Noticing that somebody changes the included files.

use std::io;
use std::path::Path;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchMask};

/// Watches a directory (inotify(7)).
pub(super) struct Watch(EventStream<[u8; 4096]>);

impl Watch {
    pub(super) fn on(dir: &Path) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let what = WatchMask::CLOSE_WRITE | WatchMask::MOVE | WatchMask::DELETE;
        inotify.watches().add(dir, what | WatchMask::ONLYDIR)?;
        Ok(Self(inotify.into_event_stream([0; 4096])?))
    }

    /// Waits until something has changed, also what this process has changed itself.
    pub(super) async fn changed(&mut self) -> io::Result<()> {
        match self.0.next().await {
            Some(event) => event.map(drop),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}
