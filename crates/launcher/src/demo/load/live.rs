//! When which version was live, as far as one who deploys can know: a switch happens at some time between
//! the call and its answer.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The versions that were live, and when.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Vec<Period>>);

#[derive(Debug)]
struct Period {
    version: u32,
    /// When the call was made that made it live.
    from: Instant,
    /// When the call was answered that made another one live.
    until: Option<Instant>,
}

impl Live {
    /// The call is about to be made that makes a version live.
    pub(crate) fn begins(&self, version: u32) {
        self.begins_at(version, Instant::now());
    }

    /// That call was answered: no other version is live any more.
    pub(crate) fn is_alone(&self, version: u32) {
        self.is_alone_at(version, Instant::now());
    }

    /// Whether a version was live at some time between a request and its answer.
    pub(super) fn was(&self, version: u32, asked: Instant, answered: Instant) -> bool {
        let periods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        periods.iter().any(|period| {
            period.version == version
                && period.from <= answered
                && period.until.is_none_or(|until| until >= asked)
        })
    }

    fn begins_at(&self, version: u32, from: Instant) {
        let mut periods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        periods.push(Period { version, from, until: None });
    }

    fn is_alone_at(&self, version: u32, until: Instant) {
        let mut periods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others = periods.iter_mut().filter(|period| period.version != version);
        for period in others.filter(|period| period.until.is_none()) {
            period.until = Some(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_may_be_answered_by_what_was_live_meanwhile_and_by_nothing_else() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let live = Live::default();
        live.begins_at(1, at(10));
        live.is_alone_at(1, at(12));
        live.begins_at(2, at(20));
        assert!(live.was(1, at(21), at(22)), "until the answer, either may be live");
        live.is_alone_at(2, at(25));

        assert!(!live.was(1, at(0), at(9)), "before");
        assert!(live.was(1, at(9), at(11)));
        assert!(live.was(1, at(24), at(40)), "asked while it was live");
        assert!(!live.was(1, at(26), at(27)), "after");
        assert!(!live.was(2, at(18), at(19)));
        assert!(live.was(2, at(30), at(31)));
        assert!(!live.was(3, at(0), at(40)));
    }
}
