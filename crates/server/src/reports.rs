//! What hosts use, as their agents tell it: checked, put into this server's time, and handed on.

mod check;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use launcher_control::Control;
use launcher_model::measure::{HostReport, HostReports, REPORTS_WITHIN, ReportsTaken};

use crate::Problem;

/// For how long the hosts' names hold: an engine is not asked for them at each report.
const NAMES_HOLD: Duration = Duration::from_secs(60);
/// How soon it is asked again when a name is not among them.
const ASKED_AGAIN: Duration = Duration::from_secs(2);
/// A clock that is wrong by more is told so, and not relied on.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// Takes what hosts use. Clones are the same one.
#[derive(Clone)]
pub struct Reports {
    hand_on: Arc<dyn Fn(HostReport) + Send + Sync>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    names: BTreeSet<String>,
    asked: Option<Instant>,
    /// The end of the span that each host has reported of last, in seconds since 1970.
    last: HashMap<String, i64>,
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").finish_non_exhaustive()
    }
}

impl Reports {
    /// Hands on what comes.
    pub fn new(hand_on: impl Fn(HostReport) + Send + Sync + 'static) -> Self {
        Self { hand_on: Arc::new(hand_on), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was measured in this process.
    pub fn take(&self, report: HostReport) {
        self.state().last.insert(report.host.clone(), report.at);
        (self.hand_on)(report);
    }

    /// Refuses hosts that no engine has.
    pub(crate) async fn must_know(&self, host: &str, control: &Control) -> Result<(), Problem> {
        {
            let state = self.state();
            let within = |most| state.asked.is_some_and(|asked| asked.elapsed() < most);
            if state.names.contains(host) && within(NAMES_HOLD) {
                return Ok(());
            }
            if within(ASKED_AGAIN) && !state.names.contains(host) {
                return Err(unknown(host, &state.names));
            }
        }
        let names = match control.hosts().await {
            Ok(hosts) => hosts.into_iter().map(|view| view.host.name).collect(),
            // An engine that is away says nothing about its hosts: those that were known still are.
            Err(_) if self.state().names.contains(host) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut state = self.state();
        state.names = names;
        state.asked = Some(Instant::now());
        if !state.names.contains(host) {
            return Err(unknown(host, &state.names));
        }
        let State { names, last, .. } = &mut *state;
        last.retain(|host, _| names.contains(host));
        Ok(())
    }

    /// Takes what an agent has sent, all of it or nothing.
    pub(crate) fn take_all(
        &self,
        host: &str,
        sent: HostReports,
        now: Timestamp,
    ) -> Result<ReportsTaken, Problem> {
        let ahead = sent.sent_at.duration_since(now);
        let clock = (ahead.abs() > CLOCK_TOLERANCE).then(|| wrong(ahead));
        let correction = if clock.is_some() { ahead.as_secs() } else { 0 };
        let mut reports = sent.reports;
        for report in &mut reports {
            report.at = report.at.saturating_sub(correction);
            check::check(report, host, now).map_err(Problem::invalid)?;
        }
        let mut taken = ReportsTaken { clock, ..ReportsTaken::default() };
        for report in reports {
            if now.as_second() - report.at > REPORTS_WITHIN {
                taken.late += 1;
                continue;
            }
            // The same may be sent twice, when its answer was lost.
            let mut state = self.state();
            let last = state.last.entry(host.to_owned()).or_insert(i64::MIN);
            if report.at <= *last {
                taken.known += 1;
                continue;
            }
            *last = report.at;
            drop(state);
            taken.taken += 1;
            (self.hand_on)(report);
        }
        Ok(taken)
    }
}

fn unknown(host: &str, names: &BTreeSet<String>) -> Problem {
    const SHOWN: usize = 10;
    let known: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    Problem::missing(format!(
        "there is no host {host}; the scheduler knows {}{more}: give the agent one of these names with --host",
        if known.is_empty() { "none".to_owned() } else { known.join(", ") }
    ))
}

fn wrong(ahead: SignedDuration) -> String {
    let way = if ahead.is_negative() { "behind" } else { "ahead of" };
    let seconds = ahead.as_secs().unsigned_abs();
    format!(
        "this machine's clock is {seconds} s {way} the server's; reports are taken as of the server's: set the \
         clocks by NTP"
    )
}
