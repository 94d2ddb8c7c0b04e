//! Builds and their steps.

use comfy_table::{Cell, Color};
use launcher_model::build::{Build, BuildState, Step, StepState};

use super::words::{ago, millis};
use super::{Columns, Look, branch, or_dash, plain};

/// So much of a commit's id is shown.
const SHORT: usize = 8;

/// Builds, newest first.
pub(in crate::cli) fn list(builds: &[Build], look: &Look) -> String {
    let header =
        ["BUILD", "SERVICE", "BRANCH", "COMMIT", "STATE", "VERSION", "TOOK", "BEGAN", "BY"];
    let mut columns = Columns::new(look, &header);
    for build in builds {
        columns.row([
            plain(build.id),
            plain(&build.service),
            or_dash(build.branch.as_deref().map(branch)),
            or_dash(build.commit.as_deref().map(|id| id.get(..SHORT).unwrap_or(id))),
            state(build.state),
            or_dash(build.version),
            or_dash(took(build, look)),
            plain(ago(build.created_at, look.now)),
            plain(&build.by),
        ]);
    }
    builds.iter().fold(columns.text(), |text, build| text + &reason(build))
}

/// One build with its steps.
pub(in crate::cli) fn build(build: &Build, look: &Look) -> String {
    let mut text = format!("build {} of {}: {}", build.id, build.service, build.state.as_str());
    if let Some(version) = build.version {
        text.push_str(&format!(", {version}"));
    }
    text.push('\n');
    let about = [
        ("branch", build.branch.clone()),
        ("commit", build.commit.clone()),
        ("subject", build.subject.clone()),
        ("by", Some(build.by.clone())),
        ("came in", Some(ago(build.created_at, look.now))),
        ("reason", build.reason.clone()),
    ];
    for (name, value) in about {
        if let Some(value) = value {
            text.push_str(&format!("{name:<8} {value}\n"));
        }
    }
    if build.steps.is_empty() {
        return text;
    }
    let mut columns = Columns::new(look, &["STEP", "STATE", "TOOK", "NOTE"]);
    for step in &build.steps {
        let end = step.finished_at.unwrap_or(look.now);
        let took = end.duration_since(step.started_at).as_millis();
        columns.row([
            plain(step.kind.as_str()),
            step_state(step),
            plain(millis(u64::try_from(took).unwrap_or_default())),
            or_dash(step.note.as_ref()),
        ]);
    }
    text + &columns.text()
}

fn took(build: &Build, look: &Look) -> Option<String> {
    let end = build.finished_at.unwrap_or(look.now);
    let took = end.duration_since(build.started_at?).as_millis();
    Some(millis(u64::try_from(took).unwrap_or_default()))
}

fn state(state: BuildState) -> Cell {
    let cell = plain(state.as_str());
    match state {
        BuildState::Passed => cell.fg(Color::Green),
        BuildState::Failed => cell.fg(Color::Red),
        BuildState::Queued | BuildState::Running => cell.fg(Color::Yellow),
        BuildState::Cancelled | BuildState::Superseded => cell.fg(Color::DarkGrey),
    }
}

fn step_state(step: &Step) -> Cell {
    match step.state {
        StepState::Passed => plain("passed").fg(Color::Green),
        StepState::Failed => plain("failed").fg(Color::Red),
        StepState::Running => plain("running").fg(Color::Yellow),
        StepState::Skipped => plain("skipped").fg(Color::DarkGrey),
        StepState::Cancelled => plain("cancelled").fg(Color::DarkGrey),
    }
}

/// Why a build failed, under the list.
fn reason(build: &Build) -> String {
    match (&build.reason, build.state) {
        (Some(reason), BuildState::Failed) => format!("build {}: {reason}\n", build.id),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn builds_fit_into_a_terminal() {
        let fixture = include_str!("fixtures/builds.json");
        let all: Vec<Build> = read(fixture);
        insta::assert_snapshot!("list", list(&all, &look()));
        insta::assert_snapshot!("one", build(&all[1], &look()));
    }
}
