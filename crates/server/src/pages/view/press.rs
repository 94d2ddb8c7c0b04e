//! The button that makes an environment live, and what it says it will do.

use launcher_control::EnvironmentView;
use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_model::route::Deployment;
use launcher_model::{VersionNumber, Weight};

use super::environment::health;
use super::installation::Installation;
use crate::words::{count, micros};

/// A button that makes a version live.
#[derive(Clone)]
pub(crate) struct Press {
    pub(crate) version: VersionNumber,
    /// The version was live before.
    pub(crate) back: bool,
    /// How long it takes, in words.
    pub(crate) takes: String,
    /// How it is done, in words.
    pub(crate) how: String,
    /// Why it cannot be pressed now.
    pub(crate) held: Option<String>,
    /// Until when there is a freeze, which one must insist to break.
    pub(crate) frozen: Option<String>,
}

impl Press {
    /// The button of an environment; none where no press could make it live.
    pub(crate) fn of(
        view: &EnvironmentView,
        back: bool,
        history: &[Deployment],
        frozen: Option<&str>,
        installation: &Installation,
    ) -> Option<Self> {
        let environment = &view.environment;
        if view.weight == Some(Weight::ALL) {
            return None;
        }
        let replicas = usize::from(environment.replicas);
        let (must_start, held) = match (environment.state, environment.wanted) {
            (_, Wanted::Gone) => return None,
            (EnvironmentState::Ready, Wanted::Running) => {
                let all = view.healthy() >= replicas;
                (false, (!all).then(|| health(view)))
            }
            (EnvironmentState::Stopped, _) | (EnvironmentState::Ready, Wanted::Stopped) => {
                (true, None)
            }
            _ => return None,
        };
        let busy = history.iter().find(|deployment| deployment.state.blocks_others());
        let held = busy.map(|busy| format!("deployment {} is under way", busy.id)).or(held);
        let edges = installation.edges_told();
        let (takes, how) = if must_start {
            let containers = count(replicas, "container", "containers");
            (
                format!("starts {replicas} first"),
                format!("starts {containers} first, then switches {edges}"),
            )
        } else {
            ("instant".to_owned(), format!("switches {edges}{}", usual(history)))
        };
        let how = match &environment.branch {
            Some(branch) => format!("made for the branch {branch}; {how}"),
            None => how,
        };
        let frozen = frozen.filter(|_| !back).map(str::to_owned);
        Some(Self { version: environment.version, back, takes, how, held, frozen })
    }

    /// The form's path behind its service's.
    pub(crate) fn path(&self) -> &'static str {
        if self.back { "rollback" } else { "deploy" }
    }

    /// What it does.
    pub(crate) fn verb(&self) -> &'static str {
        if self.back { "Roll back to" } else { "Deploy" }
    }
}

/// How long the last switch of the service took.
fn usual(history: &[Deployment]) -> String {
    let receipts = history.iter().filter_map(|deployment| deployment.receipt.as_ref());
    let last = receipts.map(|receipt| receipt.switch_us).find(|us| *us > 0);
    last.map(|us| format!(" in about {}", micros(us))).unwrap_or_default()
}
