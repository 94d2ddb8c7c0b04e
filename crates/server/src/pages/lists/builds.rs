//! Runs from source to a version, of all services or of one.

use askama::Template;
use launcher_model::ServiceName;
use launcher_model::build::{Build, BuildState, Origin, StepState};
use launcher_store::BuildFilter;

use super::{List, Which, cut};
use crate::App;
use crate::http::problem::Problem;
use crate::pages::view::ago::Ago;
use crate::pages::view::mark::Mark;
use crate::pages::visitor::Visitor;

#[derive(Template)]
#[template(path = "builds_live.html")]
pub(super) struct Builds {
    service: Option<ServiceName>,
    lines: Vec<BuildLine>,
    older: Option<String>,
}

/// A run.
struct BuildLine {
    id: String,
    service: ServiceName,
    mark: Mark,
    word: &'static str,
    title: String,
    /// Who, by which way, of which branch and commit.
    origin: String,
    at: Ago,
    took: Option<String>,
    steps: Vec<(&'static str, &'static str)>,
    version: Option<String>,
    reason: Option<String>,
}

impl List for Builds {
    const NAME: &'static str = "builds";

    async fn of(app: &App, which: Which, visitor: &Visitor) -> Result<Self, Problem> {
        let (service, page) = (which.service.clone(), which.page()?);
        let found = app
            .store
            .builds(&BuildFilter {
                service,
                among: visitor.principal.roles.only(),
                branch: None,
                page,
            })
            .await?;
        let (found, older) = cut(found, &which, "/builds", |last| last.id.to_string());
        let lines = found.into_iter().map(|build| BuildLine::new(build, app.now())).collect();
        Ok(Self { service: which.service, lines, older })
    }

    fn mark(&self) -> Mark {
        let moves = self.lines.iter().any(|line| line.mark == Mark::Moving);
        if moves { Mark::Moving } else { Mark::Idle }
    }

    fn title(&self) -> String {
        super::of_service("Builds", self.service.as_ref())
    }
}

impl BuildLine {
    fn new(build: Build, now: jiff::Timestamp) -> Self {
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
        let origin = [Some(build.by), Some(way.to_owned()), build.branch, commit];
        let took = build.started_at.zip(build.finished_at);
        let took = took.map(|(from, until)| until.duration_since(from).as_secs());
        let steps = build.steps.iter().map(|step| {
            let class = match step.state {
                StepState::Running => "moving",
                StepState::Passed => "good",
                StepState::Failed => "bad",
                StepState::Skipped | StepState::Cancelled => "none",
            };
            (step.kind.as_str(), class)
        });
        Self {
            id: build.id.to_string(),
            mark,
            word: build.state.as_str(),
            title: build.subject.unwrap_or_else(|| way.to_owned()),
            origin: origin.into_iter().flatten().collect::<Vec<_>>().join(" · "),
            at: Ago::new(build.created_at, now),
            took: took.map(|seconds| format!("{seconds} s")),
            steps: steps.collect(),
            version: build.version.map(|version| version.to_string()),
            reason: build.reason,
            service: build.service,
        }
    }
}
