//! A branch and its environment, as a line.

use jiff::Timestamp;
use launcher_control::BranchView;
use launcher_model::VersionNumber;
use launcher_model::branch::BranchState;

use super::ago::Ago;
use super::mark::Mark;
use crate::Settings;

/// A branch.
pub(crate) struct BranchLine {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) url: String,
    pub(crate) version: Option<VersionNumber>,
    pub(crate) mark: Mark,
    pub(crate) word: String,
    pub(crate) pushed: Ago,
    pub(crate) looked: Option<Ago>,
}

impl BranchLine {
    pub(crate) fn new(view: BranchView, settings: &Settings, now: Timestamp) -> Self {
        let BranchView { branch, version, state, ordinary, next, looked_at, .. } = view;
        let word = match next {
            Some((next, its)) => format!("{}, {next} {}", state.as_str(), its.as_str()),
            None if ordinary => format!("{}, deployed", state.as_str()),
            None => state.as_str().to_owned(),
        };
        let mark = match (state, next.map(|(_, state)| state)) {
            (BranchState::Failed, _) | (_, Some(BranchState::Failed)) => Mark::Trouble,
            (BranchState::Starting, _) | (_, Some(_)) => Mark::Moving,
            (BranchState::Running, None) => Mark::Waiting,
            (BranchState::Asleep | BranchState::Stopped | BranchState::Gone, None) => Mark::Idle,
        };
        Self {
            url: settings.branch_url(&branch),
            name: branch.name,
            label: branch.label,
            version,
            mark,
            word,
            pushed: Ago::new(branch.pushed_at, now),
            looked: looked_at.map(|at| Ago::new(at, now)),
        }
    }
}
