//! When which version was live.

use std::sync::Mutex;
use std::time::Instant;

/// When which version was live, as its keeper knows: a switch happens at some time between the call and
/// its answer.
#[derive(Debug, Default)]
pub struct Timeline(Mutex<Vec<Span>>);

#[derive(Debug, Clone, Copy)]
struct Span {
    version: u64,
    /// The call that made it live.
    from: Instant,
    /// The answer to the call that made another one live.
    until: Option<Instant>,
}

impl Timeline {
    /// A call is about to be made that makes `version` live.
    ///
    /// # Panics
    /// When another thread panicked here.
    pub fn begins(&self, version: u64) {
        let span = Span { version, from: Instant::now(), until: None };
        self.0.lock().unwrap().push(span);
    }

    /// That call was answered: nothing but `version` is live.
    ///
    /// # Panics
    /// When another thread panicked here.
    pub fn ended(&self, version: u64) {
        let now = Instant::now();
        for span in self.0.lock().unwrap().iter_mut() {
            if span.version != version && span.until.is_none() {
                span.until = Some(now);
            }
        }
    }

    /// What tells of an answer that a version gave while it was not live: how long after it had left.
    pub(super) fn complaint(&self, version: u64, asked: Instant) -> String {
        let spans = self.0.lock().unwrap();
        let left =
            spans.iter().filter(|span| span.version == version).filter_map(|span| span.until);
        let since = left.filter_map(|until| asked.checked_duration_since(until)).min();
        let left = since.map_or_else(
            || "had not been live before".to_owned(),
            |since| format!("had left {:.1} ms before it was asked", since.as_secs_f64() * 1000.0),
        );
        format!("v{version} answered, but was not live: it {left}")
    }

    /// Whether `version` was live at some time between asking and the answer.
    pub(super) fn may_have_answered(
        &self,
        version: u64,
        asked: Instant,
        answered: Instant,
    ) -> bool {
        let spans = self.0.lock().unwrap();
        spans.iter().any(|span| {
            span.version == version
                && span.from <= answered
                && span.until.is_none_or(|until| until >= asked)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_was_live_meanwhile_may_answer() {
        let timeline = Timeline::default();
        let before = Instant::now();
        timeline.begins(1);
        timeline.ended(1);
        timeline.begins(2);
        let between = Instant::now();
        timeline.ended(2);
        // Later than the end of version 1, however coarse the clock is.
        let after = Instant::now() + std::time::Duration::from_millis(1);
        assert!(timeline.may_have_answered(1, before, between));
        assert!(timeline.may_have_answered(2, between, after));
        assert!(timeline.may_have_answered(1, between, after));
        assert!(!timeline.may_have_answered(1, after, after));
        assert!(!timeline.may_have_answered(3, before, after));
    }
}
