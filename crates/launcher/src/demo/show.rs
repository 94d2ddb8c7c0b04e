//! What is seen while it runs, on standard error: a spinner and colours on a terminal, plain lines
//! elsewhere.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use console::{Style, Term};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::load::Seen;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(100);
const SPINNER: &str = "{spinner:.cyan} {msg} {elapsed:.dim}  {load:.dim}";

/// Where the steps are shown.
#[derive(Debug)]
pub(super) struct Show {
    spinner: Option<ProgressBar>,
    load: Arc<OnceLock<Arc<Seen>>>,
}

impl Show {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        let load = Arc::<OnceLock<Arc<Seen>>>::default();
        let spinner = Term::stderr().is_term().then(|| spinner(Arc::clone(&load)));
        Self { spinner, load }
    }

    /// From now on the load is shown beside the spinner.
    pub(super) fn watch(&self, seen: &Arc<Seen>) {
        let _ = self.load.set(Arc::clone(seen));
    }

    /// Something begins.
    pub(super) fn begin(&self, what: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.reset();
            spinner.set_message(format!("{what} …"));
            spinner.enable_steady_tick(TURN);
        }
    }

    /// It is done.
    pub(super) fn done(&self, what: &str, took: Duration) {
        let (sign, took) = if self.spinner.is_some() {
            (green().apply_to("✓"), format!("  {}", dim().apply_to(text(took))))
        } else {
            (green().apply_to("ok:"), format!(" ({})", text(took)))
        };
        self.say(&format!("{sign} {what}{took}"));
    }

    /// More about it.
    pub(super) fn note(&self, what: &str) {
        self.say(&format!("  {what}"));
    }

    /// A line of its own.
    pub(super) fn say(&self, line: &str) {
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| print(line)),
            None => print(line),
        }
    }

    /// Nothing is under way.
    pub(super) fn rest(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.disable_steady_tick();
            spinner.finish_and_clear();
        }
    }
}

fn spinner(load: Arc<OnceLock<Arc<Seen>>>) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(SPINNER) {
        bar.set_style(style.with_key("load", move |_: &_, out: &mut dyn std::fmt::Write| {
            if let Some(seen) = load.get() {
                let (requests, failed, closed) = seen.counts();
                let requests = HumanCount(requests);
                let _ = write!(out, "{requests} requests, {failed} failed, {closed} closed");
            }
        }));
    }
    bar
}

/// When nobody can read it, there is nobody to tell.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn green() -> Style {
    Style::new().for_stderr().green().bold()
}

fn dim() -> Style {
    Style::new().for_stderr().dim()
}

/// A time as people read it.
pub(super) fn text(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}
