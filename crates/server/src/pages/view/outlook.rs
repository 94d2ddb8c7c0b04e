//! What a deployment will do, in steps and sentences.

use jiff::Timestamp;
use launcher_model::VersionNumber;
use launcher_model::route::DeploymentKind;

use super::ago::Ago;
use super::service::ServiceView;
use crate::api::views::{ChangeView, EvidenceSpeaks, EvidenceView, OutlookView};
use crate::words::{count, shares};

/// What a deployment will do.
pub(crate) struct OutlookLines {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) live_already: bool,
    pub(crate) held: Option<String>,
    pub(crate) warnings: Vec<String>,
    /// What happens, one after the other.
    pub(crate) steps: Vec<String>,
    /// What the versions are that are listed.
    pub(crate) changes_title: String,
    pub(crate) changes: Vec<ChangeLine>,
    pub(crate) more_changes: bool,
    pub(crate) evidence: Vec<EvidenceLine>,
}

/// A version that goes live with it, or is taken back with it.
pub(crate) struct ChangeLine {
    pub(crate) version: VersionNumber,
    pub(crate) title: String,
    pub(crate) commit: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) by: String,
    pub(crate) at: Ago,
}

/// Something to know before.
pub(crate) struct EvidenceLine {
    pub(crate) title: &'static str,
    pub(crate) text: String,
    pub(crate) details: Vec<String>,
    /// The class that says how it speaks.
    pub(crate) class: &'static str,
}

impl OutlookLines {
    pub(crate) fn new(outlook: OutlookView, service: &ServiceView, now: Timestamp) -> Self {
        let back = outlook.kind == DeploymentKind::Rollback;
        let number = outlook.versions.len();
        let them = count(number, "version", "versions");
        let changes_title = match (back, number) {
            (true, _) => format!("{them} taken back with it"),
            (false, 1) => format!("{them} goes live with it"),
            (false, _) => format!("{them} go live with it"),
        };
        Self {
            steps: steps(&outlook, service),
            from: shares(&outlook.from),
            to: shares(&outlook.to),
            live_already: outlook.live_already,
            held: outlook.held,
            warnings: outlook.warnings,
            changes_title,
            changes: outlook.versions.into_iter().map(|one| ChangeLine::new(one, now)).collect(),
            more_changes: outlook.more_versions,
            evidence: outlook.evidence.into_iter().map(EvidenceLine::new).collect(),
        }
    }
}

fn steps(outlook: &OutlookView, service: &ServiceView) -> Vec<String> {
    let mut steps = Vec::new();
    for starts in &outlook.starts {
        let containers = count(usize::from(starts.containers), "container", "containers");
        steps.push(format!(
            "{containers} of {} are started, until all are healthy; what is live stays so meanwhile",
            starts.version
        ));
    }
    let names: Vec<String> = outlook.edges.iter().map(ToString::to_string).collect();
    let named = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let each = if names.len() == 1 { "the edge" } else { "each edge" };
    steps.push(format!(
        "{each}{named} shows that it reaches every container of it; if one is not reached, nothing is changed anywhere"
    ));
    let edges = count(names.len(), "edge", "edges");
    let to = shares(&outlook.to);
    let from = shares(&outlook.from);
    if from.is_empty() {
        steps.push(format!("the traffic goes from nothing to {to}"));
        return steps;
    }
    steps.push(format!("the traffic goes from {from} to {to}, on {edges} at once"));
    let leaves: Vec<String> = outlook
        .from
        .keys()
        .filter(|version| !outlook.to.contains_key(*version))
        .map(ToString::to_string)
        .collect();
    if !leaves.is_empty() {
        let leaves = leaves.join(" and ");
        steps.push(format!(
            "what is in flight on {leaves} has {} to run out; {leaves} is kept for the way back",
            service.drain
        ));
    }
    steps
}

impl ChangeLine {
    fn new(change: ChangeView, now: Timestamp) -> Self {
        let title = change.subject.unwrap_or_else(|| "launched without a message".to_owned());
        Self {
            version: change.version,
            title,
            commit: change.commit.map(|commit| commit.chars().take(7).collect()),
            branch: change.branch,
            by: change.by,
            at: Ago::new(change.at, now),
        }
    }
}

impl EvidenceLine {
    fn new(evidence: EvidenceView) -> Self {
        let class = match evidence.speaks {
            EvidenceSpeaks::For => "sure",
            EvidenceSpeaks::Neither => "",
            EvidenceSpeaks::Against => "bad",
        };
        let title = evidence.about.title();
        Self { title, text: evidence.text, details: evidence.details, class }
    }
}
