//! Messages of which the server has not said yet that it has them.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::irc::message::folded;

/// A ping behind messages is answered within so long a time.
const ANSWERED: Duration = Duration::from_secs(90);

/// Messages for one channel, with a ping behind them.
struct Told {
    token: String,
    channel: String,
    done: oneshot::Sender<Result<(), String>>,
    /// When the ping was sent; none while it waits.
    sent: Option<Instant>,
}

/// All of them, in the order in which they are sent.
#[derive(Default)]
pub(super) struct Pending {
    told: VecDeque<Told>,
    pings: u64,
}

impl Pending {
    /// Some more, and what is behind them in the ping.
    pub(super) fn push(
        &mut self,
        channel: String,
        done: oneshot::Sender<Result<(), String>>,
    ) -> String {
        self.pings += 1;
        let token = format!("told-{}", self.pings);
        self.told.push_back(Told { token: token.clone(), channel, done, sent: None });
        token
    }

    /// A ping is on its way.
    pub(super) fn sent(&mut self, token: &str, now: Instant) {
        if let Some(told) = self.told.iter_mut().find(|told| told.token == token) {
            told.sent = Some(now);
        }
    }

    /// The server has answered a ping.
    pub(super) fn answered(&mut self, token: &str) {
        self.end_first(Ok(()), |told| told.token == token && told.sent.is_some());
    }

    /// The first messages for a channel have failed.
    pub(super) fn fail(&mut self, channel: &str, why: &str) {
        let channel = folded(channel);
        self.end_first(Err(why.to_owned()), |told| folded(&told.channel) == channel);
    }

    /// All have failed.
    pub(super) fn fail_all(&mut self, why: &str) {
        for told in self.told.drain(..) {
            // Whoever does not wait for it any more need not know.
            let _ = told.done.send(Err(why.to_owned()));
        }
    }

    /// When the server should have answered the first of those that were sent.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.told.iter().filter_map(|told| told.sent).map(|sent| sent + ANSWERED).min()
    }

    fn end_first(&mut self, outcome: Result<(), String>, is: impl Fn(&Told) -> bool) {
        if let Some(told) = self.told.iter().position(is).and_then(|at| self.told.remove(at)) {
            let _ = told.done.send(outcome);
        }
    }
}
