//! What is seen while it runs, on standard error: a spinner and colours on a terminal, plain lines
//! elsewhere.

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use console::{Style, Term};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::load::Seen;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(100);
const SPINNER: &str = "{spinner:.cyan} {msg}  {load:.dim}";

/// Where the steps are shown.
#[derive(Debug)]
pub(super) struct Show {
    terminal: bool,
    spinner: Mutex<Option<ProgressBar>>,
    load: OnceLock<Arc<Seen>>,
}

impl Show {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        let terminal = Term::stderr().is_term();
        Self { terminal, spinner: Mutex::default(), load: OnceLock::new() }
    }

    /// From now on the load is shown beside the spinner.
    pub(super) fn watch(&self, seen: &Arc<Seen>) {
        let _ = self.load.set(Arc::clone(seen));
    }

    /// Something begins.
    pub(super) fn begin(&self, what: &str) {
        self.rest();
        if self.terminal {
            let spinner = spinner(self.load.get().cloned()).with_message(format!("{what} …"));
            spinner.enable_steady_tick(TURN);
            *self.spinner() = Some(spinner);
        }
    }

    /// It is done.
    pub(super) fn done(&self, what: &str, took: Duration) {
        self.rest();
        let took = text(took);
        if self.terminal {
            print(&format!("{} {what}  {}", green().apply_to("✓"), dim().apply_to(took)));
        } else {
            print(&format!("ok: {what} ({took})"));
        }
    }

    /// More about it.
    pub(super) fn note(&self, what: &str) {
        self.say(&format!("  {what}"));
    }

    /// A line of its own.
    pub(super) fn say(&self, line: &str) {
        match &*self.spinner() {
            Some(spinner) => spinner.suspend(|| print(line)),
            None => print(line),
        }
    }

    /// Nothing is under way.
    pub(super) fn rest(&self) {
        if let Some(spinner) = self.spinner().take() {
            spinner.finish_and_clear();
        }
    }

    fn spinner(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.spinner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spinner(load: Option<Arc<Seen>>) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(SPINNER) {
        bar.set_style(style.with_key("load", move |_: &_, out: &mut dyn std::fmt::Write| {
            if let Some(seen) = &load {
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
