//! What is remembered of a build's output: the step that it is at, and its last words.

use std::collections::VecDeque;

use crate::Error;

/// So many lines of a failed step go into its error; all of them are in the output.
const LAST: usize = 8;

/// The end of the output of the step that is under way.
#[derive(Debug, Default)]
pub(super) struct Report {
    step: String,
    last: VecDeque<String>,
}

impl Report {
    /// A new step begins.
    pub(super) fn begin(&mut self, step: impl Into<String>) {
        self.step = step.into();
        self.last.clear();
    }

    /// The step prints a line.
    pub(super) fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line.trim_end().to_owned());
    }

    /// The step has failed.
    pub(super) fn fail(self, why: &str) -> Error {
        let why = if self.step.is_empty() || why.contains(&self.step) {
            why.to_owned()
        } else {
            format!("{}: {why}", self.step)
        };
        Error::Build { why, last: self.last.into() }
    }
}
