//! How far a deployment has come: its steps, and each edge's part in them.

use std::collections::BTreeMap;

use launcher_control::hub::EdgeStep;
use launcher_model::EdgeName;
use launcher_model::route::{Deployment, DeploymentState, EdgeReceipt, Receipt};

use super::mark::Mark;
use crate::words::micros;

/// How far a deployment has come.
pub(crate) struct Progress {
    pub(crate) mark: Mark,
    /// In a word.
    pub(crate) word: &'static str,
    /// It changes by itself.
    pub(crate) moves: bool,
    pub(crate) steps: Vec<StepLine>,
    pub(crate) edges: Vec<EdgeLine>,
}

/// One step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StepLine {
    pub(crate) title: &'static str,
    pub(crate) at: StepAt,
    pub(crate) told: String,
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepAt {
    Over,
    Now,
    Ahead,
    /// It was not reached, or it is what went wrong.
    Never,
}

impl StepAt {
    /// The class that gives it its colour.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Now => "moving",
            Self::Ahead => "ahead",
            Self::Never => "never",
        }
    }

    /// For those who do not see colours.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Over => "done",
            Self::Now => "now",
            Self::Ahead => "ahead",
            Self::Never => "not done",
        }
    }
}

/// One edge's part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EdgeLine {
    pub(crate) name: String,
    /// How far it is, in words.
    pub(crate) told: String,
    pub(crate) prepared: Option<String>,
    pub(crate) switched: Option<String>,
    /// Containers that it reached before.
    pub(crate) checked: Option<u32>,
    pub(crate) bad: bool,
}

/// The steps in their order, and the state in which each is under way.
const STEPS: [(DeploymentState, &str); 4] = [
    (DeploymentState::Starting, "Start"),
    (DeploymentState::Preparing, "Prepare"),
    (DeploymentState::Committing, "Switch"),
    (DeploymentState::Draining, "Drain"),
];

impl Progress {
    pub(crate) fn new(deployment: &Deployment, edges: &BTreeMap<EdgeName, EdgeStep>) -> Self {
        let (mark, word) = match deployment.state {
            DeploymentState::Starting => (Mark::Moving, "starting"),
            DeploymentState::Preparing => (Mark::Moving, "preparing"),
            DeploymentState::Committing => (Mark::Moving, "switching"),
            DeploymentState::Draining => (Mark::Live, "live, draining"),
            DeploymentState::Done => (Mark::Live, "done"),
            DeploymentState::Aborted => (Mark::Trouble, "aborted"),
        };
        let moves = !matches!(deployment.state, DeploymentState::Done | DeploymentState::Aborted);
        Self { mark, word, moves, steps: steps(deployment), edges: parts(deployment, edges) }
    }
}

fn steps(deployment: &Deployment) -> Vec<StepLine> {
    let now = STEPS.iter().position(|(state, _)| *state == deployment.state);
    let at = |step: usize| match (deployment.state, now) {
        (DeploymentState::Done, _) => StepAt::Over,
        (DeploymentState::Aborted, _) | (_, None) => StepAt::Never,
        (_, Some(now)) if step < now => StepAt::Over,
        (_, Some(now)) if step == now => StepAt::Now,
        (_, Some(_)) => StepAt::Ahead,
    };
    let steps = STEPS.iter().enumerate();
    let steps = steps.map(|(step, (state, title))| {
        let at = at(step);
        StepLine { title, at, told: told(deployment, *state, at) }
    });
    steps.collect()
}

/// What a step does, or has done.
fn told(deployment: &Deployment, step: DeploymentState, at: StepAt) -> String {
    let receipt = deployment.receipt.as_ref();
    match (step, receipt, at) {
        (DeploymentState::Starting, Some(receipt), _) if receipt.start_ms > 0 => {
            format!("its containers were started in {}", micros(receipt.start_ms * 1000))
        }
        (DeploymentState::Starting, _, StepAt::Over) => "its containers ran".to_owned(),
        (DeploymentState::Starting, ..) => "its containers are started".to_owned(),
        (DeploymentState::Preparing, Some(receipt), StepAt::Over) => {
            let slowest = receipt.edges.iter().map(|edge| edge.prepare_us).max().unwrap_or(0);
            format!("every edge showed in {} that it reaches them", micros(slowest))
        }
        (DeploymentState::Preparing, ..) => "every edge shows that it reaches them".to_owned(),
        (DeploymentState::Committing, Some(receipt), StepAt::Over) => {
            format!("every edge had acknowledged {} after the press", micros(receipt.switch_us))
        }
        (DeploymentState::Committing, ..) => "all edges switch at once".to_owned(),
        (_, Some(receipt), StepAt::Over) => drained(receipt),
        (_, Some(receipt), StepAt::Now) => {
            format!("what was in flight runs out: {} at the switch", receipt.in_flight())
        }
        _ => "what is in flight runs out".to_owned(),
    }
}

/// How what was in flight came to rest, if it did.
fn drained(receipt: &Receipt) -> String {
    let after = receipt.drain_ms.map(|ms| format!("after {}", micros(ms * 1000)));
    let after = after.as_deref();
    match (receipt.taken_over_by(), after) {
        (Some(by), after) => format!(
            "taken over by {by}, which made it live again {}: {} of what was in flight went on",
            after.unwrap_or("meanwhile"),
            receipt.went_on()
        ),
        (None, Some(after)) => format!("what was in flight had run out {after}"),
        (None, None) => "nothing was in flight".to_owned(),
    }
}

/// What each edge has done: as its receipt says, or as far as it is heard of meanwhile.
fn parts(deployment: &Deployment, steps: &BTreeMap<EdgeName, EdgeStep>) -> Vec<EdgeLine> {
    match &deployment.receipt {
        Some(receipt) => receipt.edges.iter().map(|edge| part(edge, deployment, steps)).collect(),
        None => steps.iter().map(|(name, step)| under_way(name, *step)).collect(),
    }
}

fn part(
    edge: &EdgeReceipt,
    deployment: &Deployment,
    steps: &BTreeMap<EdgeName, EdgeStep>,
) -> EdgeLine {
    let drains = deployment.state == DeploymentState::Draining
        && steps.get(&edge.edge).is_none_or(|step| *step < EdgeStep::Drained);
    let told = match &edge.fenced {
        Some(why) => format!("not acknowledged, it serves what it had: {why}"),
        None if drains => "switched, draining".to_owned(),
        None if deployment.receipt.as_ref().is_some_and(|receipt| receipt.superseded) => {
            "switched; its drain was taken over".to_owned()
        }
        None => "switched and drained".to_owned(),
    };
    let took = |us: u64| (us > 0).then(|| micros(us));
    EdgeLine {
        name: edge.edge.to_string(),
        told,
        prepared: took(edge.prepare_us),
        switched: took(edge.commit_us).filter(|_| edge.fenced.is_none()),
        checked: (edge.prepare_us > 0).then_some(edge.checked),
        bad: edge.fenced.is_some(),
    }
}

fn under_way(name: &EdgeName, step: EdgeStep) -> EdgeLine {
    let told = match step {
        EdgeStep::Preparing => "is preparing",
        EdgeStep::Prepared => "is prepared",
        EdgeStep::Switching => "is switching",
        EdgeStep::Switched => "switched, draining",
        EdgeStep::Drained => "switched and drained",
    };
    let (name, told) = (name.to_string(), told.to_owned());
    EdgeLine { name, told, prepared: None, switched: None, checked: None, bad: false }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use launcher_model::plan::shares;
    use launcher_model::route::DeploymentKind;
    use launcher_model::{DeploymentId, ServiceName, VersionNumber};

    use super::*;

    fn deployment(state: DeploymentState, receipt: Option<Receipt>) -> Deployment {
        Deployment {
            id: DeploymentId(7),
            service: ServiceName::new("shop").unwrap(),
            kind: DeploymentKind::Deploy,
            state,
            from: shares::all_to(VersionNumber(1)),
            to: shares::all_to(VersionNumber(2)),
            generation: None,
            by: "mika".to_owned(),
            automatic: false,
            newest: None,
            note: None,
            created_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            abort_reason: None,
            receipt,
        }
    }

    fn at(state: DeploymentState, receipt: Option<Receipt>) -> Vec<StepAt> {
        let progress = Progress::new(&deployment(state, receipt), &BTreeMap::new());
        progress.steps.into_iter().map(|step| step.at).collect()
    }

    #[test]
    fn one_step_is_under_way_and_those_before_it_are_over() {
        use StepAt::{Ahead, Never, Now, Over};
        let receipt = || Some(Receipt::default());
        for (state, receipt, steps) in [
            (DeploymentState::Starting, None, [Now, Ahead, Ahead, Ahead]),
            (DeploymentState::Preparing, None, [Over, Now, Ahead, Ahead]),
            (DeploymentState::Committing, None, [Over, Over, Now, Ahead]),
            (DeploymentState::Draining, receipt(), [Over, Over, Over, Now]),
            (DeploymentState::Done, receipt(), [Over; 4]),
            (DeploymentState::Aborted, None, [Never; 4]),
        ] {
            assert_eq!(at(state, receipt), steps, "{state:?}");
        }
    }

    #[test]
    fn a_drain_that_was_taken_over_is_not_said_to_have_ended() {
        let edge = EdgeName::new("a").unwrap();
        let receipt = Receipt {
            in_flight_requests: 5,
            drained: 2,
            superseded: true,
            superseded_by: Some(DeploymentId(8)),
            drain_ms: Some(4_300),
            edges: vec![EdgeReceipt {
                edge,
                prepare_us: 1,
                commit_us: 1,
                checked: 1,
                fenced: None,
            }],
            ..Receipt::default()
        };
        let done = deployment(DeploymentState::Done, Some(receipt));
        let progress = Progress::new(&done, &BTreeMap::new());
        assert_eq!(
            progress.steps[3].told,
            "taken over by deployment 8, which made it live again after 4.3 s: 3 of what was in flight went on"
        );
        assert_eq!(progress.edges[0].told, "switched; its drain was taken over");
    }

    #[test]
    fn each_edge_says_how_far_it_is() {
        let edge = |name: &str| EdgeName::new(name).unwrap();
        let steps =
            BTreeMap::from([(edge("a"), EdgeStep::Prepared), (edge("b"), EdgeStep::Preparing)]);
        let progress = Progress::new(&deployment(DeploymentState::Preparing, None), &steps);
        let told: Vec<_> = progress.edges.iter().map(|edge| edge.told.as_str()).collect();
        assert_eq!(told, ["is prepared", "is preparing"]);

        let part = |name: &str, fenced: Option<&str>| EdgeReceipt {
            edge: edge(name),
            prepare_us: 1_200,
            commit_us: 900,
            checked: 3,
            fenced: fenced.map(str::to_owned),
        };
        let edges = vec![part("a", None), part("b", None), part("c", Some("it said nothing"))];
        let receipt = Receipt { edges, ..Receipt::default() };
        let steps =
            BTreeMap::from([(edge("a"), EdgeStep::Drained), (edge("b"), EdgeStep::Switched)]);
        let draining = deployment(DeploymentState::Draining, Some(receipt));
        let progress = Progress::new(&draining, &steps);
        let told: Vec<_> = progress.edges.iter().map(|edge| edge.told.as_str()).collect();
        let fenced = "not acknowledged, it serves what it had: it said nothing";
        assert_eq!(told, ["switched and drained", "switched, draining", fenced]);
        assert_eq!(progress.edges[0].prepared.as_deref(), Some("1.2 ms"));
        assert!(progress.edges[2].bad && progress.edges[2].switched.is_none());
    }
}
