//! How what lasts learns that the server stops, and how the server learns that it has ended.

use tokio::sync::watch;

/// The server's end.
pub(crate) struct Stop(watch::Sender<bool>);

/// Held by everything that the server waits for before it is done.
#[derive(Clone)]
pub(crate) struct Stopping(watch::Receiver<bool>);

pub(crate) fn channel() -> (Stop, Stopping) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Stopping(receiver))
}

impl Stop {
    /// Says so to all, and waits until the last of them is gone.
    pub(crate) async fn stop(self) {
        let _ = self.0.send(true);
        self.0.closed().await;
    }
}

impl Stopping {
    /// Waits until the server stops, or is gone.
    pub(crate) async fn wait(&mut self) {
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
