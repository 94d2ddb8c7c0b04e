//! What speaks for a deployment and against it. Each piece is one function; another one is one more.

use std::collections::{BTreeMap, BTreeSet};

use launcher_control::EnvironmentView;
use launcher_model::VersionNumber;
use launcher_model::build::{Build, StepKind, StepState};
use launcher_model::environment::Wanted;
use launcher_model::service::differences;
use launcher_model::version::Version;

use crate::api::views::{EvidenceAbout, EvidenceSpeaks, EvidenceView};
use crate::words::count;

/// What a deployment is about.
pub(super) struct Subject<'s> {
    /// What is live, with the most traffic.
    pub(super) live: Option<&'s Version>,
    /// What would be.
    pub(super) target: &'s Version,
    /// Its environment.
    pub(super) view: &'s EnvironmentView,
}

type Builds = BTreeMap<VersionNumber, Build>;

impl Subject<'_> {
    /// All that is known.
    pub(super) fn evidence(&self, between: &[Version], builds: &Builds) -> Vec<EvidenceView> {
        let all = [
            Some(self.containers()),
            Some(self.tests(builds)),
            self.image(),
            self.settings(),
            self.secrets(),
            self.release(between),
        ];
        all.into_iter().flatten().collect()
    }

    fn containers(&self) -> EvidenceView {
        let environment = &self.view.environment;
        let (healthy, wanted) = (self.view.healthy(), usize::from(environment.replicas));
        let (text, speaks) = if environment.wanted != Wanted::Running {
            ("stopped, and started first".to_owned(), EvidenceSpeaks::Neither)
        } else if healthy >= wanted {
            (format!("{healthy} of {wanted} healthy"), EvidenceSpeaks::For)
        } else {
            (format!("{healthy} of {wanted} healthy"), EvidenceSpeaks::Against)
        };
        let trouble = self.view.trouble.clone();
        piece(EvidenceAbout::Containers, text, trouble.into_iter().collect(), speaks)
    }

    fn tests(&self, builds: &Builds) -> EvidenceView {
        let Some(build) = builds.get(&self.target.number) else {
            let text = "not built here, so nothing is known of them".to_owned();
            return piece(EvidenceAbout::Tests, text, Vec::new(), EvidenceSpeaks::Neither);
        };
        let step = build.steps.iter().find(|step| step.kind == StepKind::Test);
        let (text, speaks) = match step.map(|step| step.state) {
            Some(StepState::Passed) => {
                (format!("passed in build {}", build.id), EvidenceSpeaks::For)
            }
            Some(StepState::Failed) => {
                (format!("failed in build {}", build.id), EvidenceSpeaks::Against)
            }
            Some(StepState::Running | StepState::Cancelled) => {
                (format!("not finished in build {}", build.id), EvidenceSpeaks::Against)
            }
            Some(StepState::Skipped) | None => {
                (format!("build {} had none to run", build.id), EvidenceSpeaks::Neither)
            }
        };
        let note = step.and_then(|step| step.note.clone());
        piece(EvidenceAbout::Tests, text, note.into_iter().collect(), speaks)
    }

    fn image(&self) -> Option<EvidenceView> {
        let (before, after) = (&self.live?.image, &self.target.image);
        let same = before.digest == after.digest;
        let text = if same { "the same as is live" } else { "another one than is live" };
        let details = if same {
            Vec::new()
        } else {
            vec![format!("{} → {}", before.requested, after.requested)]
        };
        Some(piece(EvidenceAbout::Image, text.to_owned(), details, EvidenceSpeaks::Neither))
    }

    fn settings(&self) -> Option<EvidenceView> {
        let found = differences(Some(&self.live?.spec), &self.target.spec);
        let details = found.iter().map(|one| match (&one.before, &one.after) {
            (Some(before), Some(after)) => format!("{}: {before} → {after}", one.path),
            (None, Some(after)) => format!("{}: {after}, not set before", one.path),
            (Some(before), None) => format!("{}: not set any more, {before} before", one.path),
            (None, None) => one.path.clone(),
        });
        Some(changed(EvidenceAbout::Settings, details.collect()))
    }

    fn secrets(&self) -> Option<EvidenceView> {
        let (before, after) = (&self.live?.secrets, &self.target.secrets);
        let variables: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let details =
            variables.into_iter().filter_map(|name| match (before.get(name), after.get(name)) {
                (before, after) if before == after => None,
                (None, _) => Some(format!("{name}: not there before")),
                (_, None) => Some(format!("{name}: not there any more")),
                (Some(_), Some(_)) => Some(format!("{name}: another value")),
            });
        Some(changed(EvidenceAbout::Secrets, details.collect()))
    }

    /// Release commands run before their environment is made, so a deployment runs none; but what they did is
    /// done, and going back does not undo it.
    fn release(&self, between: &[Version]) -> Option<EvidenceView> {
        let details: Vec<String> = between
            .iter()
            .filter_map(|version| {
                let command = version.spec.hooks.release.as_ref()?;
                Some(format!("{}: {}", version.number, command.join(" ")))
            })
            .collect();
        if details.is_empty() {
            return None;
        }
        let back = self.live.is_some_and(|live| self.target.number < live.number);
        let times = count(details.len(), "version", "versions");
        let (text, speaks) = if back {
            let text = format!("ran for {times}, taken back with this; what it did stays done");
            (text, EvidenceSpeaks::Against)
        } else {
            let text = format!("ran for {times}, before their containers came; none runs now");
            (text, EvidenceSpeaks::Neither)
        };
        Some(piece(EvidenceAbout::Release, text, details, speaks))
    }
}

fn changed(about: EvidenceAbout, details: Vec<String>) -> EvidenceView {
    let text = match details.len() {
        0 => "the same as is live".to_owned(),
        number => format!("{} from what is live", count(number, "differs", "differ")),
    };
    piece(about, text, details, EvidenceSpeaks::Neither)
}

fn piece(
    about: EvidenceAbout,
    text: String,
    details: Vec<String>,
    speaks: EvidenceSpeaks,
) -> EvidenceView {
    EvidenceView { about, text, details, speaks }
}
