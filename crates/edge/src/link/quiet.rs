//! Pausing the conversation.

use tokio::sync::watch;

/// Has the conversation pause at a moment at which neither a switch nor a hold is under way.
///
/// The connection stays: what the control plane says meanwhile is heard when the pause ends. When it
/// ends because another process took over, that one's connection takes the place of this one, and the
/// control plane never sees the edge go.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    wanted: watch::Sender<bool>,
    is_there: watch::Sender<bool>,
}

impl Quiet {
    /// Waits until nothing is said or heard any more.
    pub(crate) async fn begin(&self) {
        self.wanted.send_replace(true);
        let _ = self.is_there.subscribe().wait_for(|is_there| *is_there).await;
    }

    /// Lets the conversation go on.
    pub(crate) fn end(&self) {
        self.wanted.send_replace(false);
    }

    pub(super) async fn is_wanted(&self) {
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
    }

    /// Keeps quiet as long as that is wanted.
    pub(super) async fn keep(&self) {
        let mut wanted = self.wanted.subscribe();
        if *wanted.borrow_and_update() {
            self.is_there.send_replace(true);
            let _ = wanted.wait_for(|wanted| !*wanted).await;
            self.is_there.send_replace(false);
        }
    }
}
