//! What a deployment would do.

use console::Style;
use launcher_model::route::DeploymentKind;
use launcher_server::api::views::{ChangeView, EvidenceSpeaks, EvidenceView, OutlookView};

use super::Look;
use super::words::{ago, count, shares};

/// As wide is the column that says what a piece of evidence is about.
const ABOUT: usize = 17;

/// What a deployment would do, in a few lines.
pub(in crate::cli) fn outlook(view: &OutlookView, look: &Look) -> String {
    let (service, to) = (&view.service, shares(&view.to));
    let are = if view.to.len() > 1 { "are" } else { "is" };
    let is_offline = view.kind == DeploymentKind::Offline;
    if is_offline && view.live_already {
        return format!("{service}: it is offline already\n");
    }
    if view.live_already {
        return format!("{service}: {to} {are} live already\n");
    }
    let from = match shares(&view.from) {
        none if none == "-" => "nothing is live now".to_owned(),
        from => format!("{from} now"),
    };
    let edges = count(view.edges.len() as u64, "edge");
    let takes = &view.takes;
    let to = if is_offline { "nothing".to_owned() } else { to };
    let mut text = format!("{service}: {to} would be live ({from}); {takes}, on {edges}\n");
    if is_offline {
        text.push_str("its users would get 503; `launcher rollback` puts live again what is\n");
    }
    let against = Style::new().red();
    if let Some(held) = &view.held {
        text.push_str(&format!("{}\n", look.paint(against.clone(), &format!("not now: {held}"))));
    }
    if let Some(freeze) = &view.freeze {
        let told = format!("{}: --force --note \"why\" breaks it", freeze.text);
        text.push_str(&format!("{}\n", look.paint(against, &told)));
    }
    for warning in &view.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    if is_offline {
        return text;
    }
    let more = if view.more_versions { " and older ones" } else { "" };
    text.push_str(&format!("with it: {}{more}\n", count(view.versions.len() as u64, "version")));
    text.extend(view.versions.iter().map(|one| change(one, look)));
    text.extend(view.evidence.iter().map(|one| evidence(one, look)));
    text
}

fn change(change: &ChangeView, look: &Look) -> String {
    let commit = change.commit.as_ref().map(|commit| commit.chars().take(7).collect::<String>());
    let subject = change.subject.clone();
    let words = [commit, subject].into_iter().flatten().collect::<Vec<_>>().join("  ");
    let blank = if words.is_empty() { "" } else { "  " };
    format!("  {}  {words}{blank}({}, {})\n", change.version, change.by, ago(change.at, look.now))
}

fn evidence(evidence: &EvidenceView, look: &Look) -> String {
    let title = evidence.about.title().to_lowercase();
    let style = match evidence.speaks {
        EvidenceSpeaks::For => Style::new().green(),
        EvidenceSpeaks::Neither => Style::new(),
        EvidenceSpeaks::Against => Style::new().red(),
    };
    let mut text = format!("{title:ABOUT$}{}\n", look.paint(style, &evidence.text));
    for detail in &evidence.details {
        text.push_str(&format!("{:ABOUT$}{detail}\n", ""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn a_deployment_is_told_before_it_is_made() {
        let mut view: OutlookView = read(include_str!("fixtures/outlook.json"));
        insta::assert_snapshot!(outlook(&view, &look()));
        view.held =
            Some("deployment 9 of this service is under way; wait for it to end".to_owned());
        view.from.clear();
        let told = outlook(&view, &look());
        assert!(
            told.starts_with("shop: v3 would be live (nothing is live now); instant"),
            "{told}"
        );
        assert!(told.contains("\nnot now: deployment 9 of this service"), "{told}");
        view.live_already = true;
        assert_eq!(outlook(&view, &look()), "shop: v3 is live already\n");
        view.kind = DeploymentKind::Offline;
        view.to.clear();
        assert_eq!(outlook(&view, &look()), "shop: it is offline already\n");
        view.live_already = false;
        let told = outlook(&view, &look());
        assert!(told.starts_with("shop: nothing would be live (nothing is live now); "), "{told}");
        assert!(told.contains("would get 503") && !told.contains("with it: "), "{told}");
    }
}
