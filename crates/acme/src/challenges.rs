//! What the edges answer while the authority looks whether names are ours.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Inner;

/// How long edges may take to have an answer ready. One that is away may be asked all the same, and the
/// order fails then; so it is waited for no longer than that.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// Answers by their tokens.
#[derive(Default)]
pub(crate) struct Challenges(Mutex<BTreeMap<String, String>>);

impl Challenges {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers that are there until this is dropped.
pub(crate) struct Answered<'i> {
    inner: &'i Inner,
    tokens: Vec<String>,
}

impl Inner {
    /// Has every edge answer to these tokens.
    pub(crate) async fn answer(&self, answers: Vec<(String, String)>) -> Answered<'_> {
        let tokens = answers.iter().map(|(token, _)| token.clone()).collect();
        self.challenges.all().extend(answers);
        let answered = Answered { inner: self, tokens };
        let revision = self.tell_challenges();
        for (edge, told) in self.control.hub().certified(revision, READY_WITHIN).await {
            if let Err(why) = told {
                tracing::warn!(%edge, %why, "an edge may not answer an authority that asks for names");
            }
        }
        answered
    }

    fn tell_challenges(&self) -> u64 {
        self.control.hub().challenges(self.challenges.all().clone())
    }
}

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        {
            let mut all = self.inner.challenges.all();
            self.tokens.iter().for_each(|token| drop(all.remove(token)));
        }
        self.inner.tell_challenges();
    }
}
