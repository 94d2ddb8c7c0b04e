//! What the load has seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// As many complaints as are kept in words.
const KEPT: usize = 10;

/// Numbers, from the beginning of the load.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Tally {
    /// Requests that were sent, WebSockets' openings among them.
    pub(crate) requests: u64,
    /// Of those: not answered as they should be.
    pub(crate) failed: u64,
    /// Connections and WebSockets that the other side closed.
    pub(crate) closed: u64,
    /// Answers from a version that was not live at any time during the request.
    pub(crate) wrong_version: u64,
    /// Messages that came back over WebSockets.
    pub(crate) messages: u64,
    /// Answers by version.
    pub(crate) answers: BTreeMap<u32, u64>,
    /// The first things that went wrong, in words.
    pub(crate) complaints: Vec<String>,
}

impl Tally {
    /// How many answers came from a version.
    pub(super) fn answers_of(&self, version: u32) -> u64 {
        self.answers.get(&version).copied().unwrap_or_default()
    }
}

/// The tally while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Tally>);

impl Seen {
    /// As it is now.
    pub(crate) fn tally(&self) -> Tally {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests, failed ones and closed connections, as they are now.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (tally.requests, tally.failed, tally.closed)
    }

    pub(super) fn sent(&self) {
        self.change(|tally| tally.requests += 1);
    }

    pub(super) fn answered(&self, version: u32) {
        self.change(|tally| *tally.answers.entry(version).or_default() += 1);
    }

    pub(super) fn echoed(&self) {
        self.change(|tally| tally.messages += 1);
    }

    pub(super) fn failed(&self, why: String) {
        self.change(|tally| {
            tally.failed += 1;
            complain(tally, why);
        });
    }

    pub(super) fn closed(&self, what: &str) {
        self.change(|tally| {
            tally.closed += 1;
            complain(tally, format!("{what} was closed by the other side"));
        });
    }

    pub(super) fn wrong_version(&self, version: u32) {
        self.change(|tally| {
            tally.wrong_version += 1;
            complain(tally, format!("version {version} answered while it was not live"));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn complain(tally: &mut Tally, why: String) {
    if tally.complaints.len() < KEPT {
        tally.complaints.push(why);
    }
}
