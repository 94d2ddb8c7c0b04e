//! A run from source to a version, and what its steps print.

use jiff::Timestamp;
use launcher_build::{clean, narrate};
use launcher_model::build::{Build, BuildState, LogEntry, Origin, Step, StepState};
use launcher_model::{BuildId, ServiceName, VersionNumber};
use serde::Serialize;

use super::ago::Ago;
use super::mark::Mark;
use crate::words::lasted;

/// A run.
pub(crate) struct BuildLine {
    pub(crate) id: BuildId,
    pub(crate) path: String,
    pub(crate) service: ServiceName,
    pub(crate) mark: Mark,
    pub(crate) word: &'static str,
    pub(crate) title: String,
    /// Who, by which way, of which branch and commit.
    pub(crate) origin: String,
    pub(crate) at: Ago,
    /// How long it took, or takes so far.
    pub(crate) took: Option<String>,
    pub(crate) steps: Vec<StepLine>,
    pub(crate) version: Option<VersionNumber>,
    pub(crate) reason: Option<String>,
    /// Nothing changes it any more.
    pub(crate) is_over: bool,
}

/// A step of it.
pub(crate) struct StepLine {
    pub(crate) name: &'static str,
    /// `moving`, `good`, `bad` or `none`.
    pub(crate) class: &'static str,
    pub(crate) word: &'static str,
    pub(crate) began: Ago,
    /// How long it took, or takes so far.
    pub(crate) took: String,
    /// What came out of it.
    pub(crate) note: String,
}

/// The page of a build.
pub(crate) fn path(id: BuildId) -> String {
    format!("/builds/{id}")
}

impl BuildLine {
    pub(crate) fn new(build: Build, now: Timestamp) -> Self {
        let mark = match build.state {
            BuildState::Queued | BuildState::Running => Mark::Moving,
            BuildState::Failed => Mark::Trouble,
            BuildState::Passed | BuildState::Cancelled | BuildState::Superseded => Mark::Idle,
        };
        let way = match build.origin {
            Origin::Push => "git push",
            Origin::Upload => "a working copy",
            Origin::Hook => "a hook",
        };
        let commit = build.commit.as_ref().map(|commit| commit.chars().take(7).collect::<String>());
        // Who pushed is not always who wrote it.
        let author = build.author.filter(|author| *author != build.by);
        let author = author.map(|author| format!("written by {author}"));
        let origin = [Some(build.by), Some(way.to_owned()), build.branch, commit, author];
        Self {
            id: build.id,
            path: path(build.id),
            mark,
            word: build.state.as_str(),
            title: build.subject.unwrap_or_else(|| way.to_owned()),
            origin: origin.into_iter().flatten().collect::<Vec<_>>().join(" · "),
            at: Ago::new(build.created_at, now),
            took: build.started_at.map(|from| took(from, build.finished_at, now)),
            steps: build.steps.iter().map(|step| StepLine::new(step, now)).collect(),
            version: build.version,
            reason: build.reason,
            is_over: build.state.is_over(),
            service: build.service,
        }
    }
}

fn took(from: Timestamp, until: Option<Timestamp>, now: Timestamp) -> String {
    let lasts = lasted(until.unwrap_or(now).duration_since(from));
    if until.is_some() { lasts } else { format!("{lasts} so far") }
}

impl StepLine {
    fn new(step: &Step, now: Timestamp) -> Self {
        let (class, word) = match step.state {
            StepState::Running => ("moving", "under way"),
            StepState::Passed => ("good", "done"),
            StepState::Failed => ("bad", "failed"),
            StepState::Skipped => ("none", "left out"),
            StepState::Cancelled => ("none", "broken off"),
        };
        Self {
            name: step.kind.as_str(),
            class,
            word,
            began: Ago::new(step.started_at, now),
            took: took(step.started_at, step.finished_at, now),
            note: clean(step.note.as_deref().unwrap_or_default()),
        }
    }
}

/// A line of a build's log, in the form that the log of an environment has too.
#[derive(Debug, Serialize)]
pub(crate) struct PrintedLine {
    /// When, in UTC.
    pub(crate) at: String,
    /// Which step.
    pub(crate) who: &'static str,
    pub(crate) text: String,
    /// No program printed it.
    pub(crate) noted: bool,
}

impl PrintedLine {
    pub(crate) fn new(entry: &LogEntry) -> Self {
        let (at, who, text, noted) = match entry {
            LogEntry::Line { at, step, text } => (at, step.as_str(), clean(text), false),
            LogEntry::Began { at, step } => (at, step.as_str(), "begins".to_owned(), true),
            LogEntry::Ended { at, step, .. } => {
                (at, step.as_str(), narrate(entry).trim().to_owned(), true)
            }
            LogEntry::Note { at, .. } => (at, "", narrate(entry), true),
        };
        Self { at: at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(), who, text, noted }
    }

    /// As a file has it.
    pub(crate) fn plain(&self) -> String {
        let (at, who, text) = (&self.at, self.who, &self.text);
        if self.noted { format!("# {at} {who} {text}\n") } else { format!("{at} {who} {text}\n") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: serde_json::Value) -> String {
        PrintedLine::new(&serde_json::from_value(json).unwrap()).plain()
    }

    #[test]
    fn what_a_program_printed_is_told_from_what_was_noted() {
        let at = "2026-11-24T12:00:00Z";
        for (json, told) in [
            (
                serde_json::json!({"kind": "began", "at": at, "step": "build"}),
                "# 2026-11-24 12:00:00.000 build begins\n",
            ),
            (
                serde_json::json!({"kind": "line", "at": at, "step": "build", "text": "\u{1b}[31mred"}),
                "2026-11-24 12:00:00.000 build red\n",
            ),
            (
                serde_json::json!({"kind": "ended", "at": at, "step": "test", "state": "failed",
                    "took_ms": 1234, "note": "it ended with 1"}),
                "# 2026-11-24 12:00:00.000 test failed after 1.2 s: it ended with 1\n",
            ),
        ] {
            assert_eq!(entry(json), told);
        }
    }
}
