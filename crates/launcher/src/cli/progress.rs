//! What a command that waits shows: a spinner on a terminal, plain lines elsewhere. On standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::say;

/// Shown until it is dropped.
#[derive(Debug)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Begins to show that something is waited for.
    pub(super) fn begin(what: String) -> Self {
        if !console::Term::stderr().is_term() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    /// Whether somebody watches, so that it is worth while to ask for the latest.
    pub(super) fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Says what is waited for now; on a terminal alone.
    pub(super) fn show(&self, what: String) {
        if let Some(bar) = &self.0 {
            bar.set_message(what);
        }
    }

    /// Says what happened.
    pub(super) fn say(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
