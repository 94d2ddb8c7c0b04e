//! Branches and their environments.

use comfy_table::{Cell, Color};
use launcher_model::branch::BranchState;
use launcher_server::api::views::BranchSummary;

use super::words::{ago, until};
use super::{Columns, Look, branch, or_dash, plain};

/// The branches of a service, a row each.
pub(in crate::cli) fn list(branches: &[BranchSummary], look: &Look) -> String {
    let header = ["BRANCH", "VERSION", "STATE", "LOOKED AT", "THEN", "URL"];
    let mut columns = Columns::new(look, &header);
    for one in branches {
        columns.row([
            plain(branch(&one.name)),
            or_dash(one.version),
            state(one),
            or_dash(one.looked_at.map(|at| ago(at, look.now))),
            or_dash(then(one, look)),
            plain(&one.url),
        ]);
    }
    columns.text()
}

fn state(branch: &BranchSummary) -> Cell {
    let word = match &branch.next {
        Some(next) => {
            format!("{}, {} {}", branch.state.as_str(), next.version, next.state.as_str())
        }
        None if branch.ordinary => format!("{}, deployed", branch.state.as_str()),
        None => branch.state.as_str().to_owned(),
    };
    let cell = Cell::new(word);
    match (branch.state, branch.next.as_ref().map(|next| next.state)) {
        (BranchState::Failed, _) | (_, Some(BranchState::Failed)) => cell.fg(Color::Red),
        (BranchState::Running, None) => cell.fg(Color::Green),
        (BranchState::Starting, _) | (_, Some(_)) => cell.fg(Color::Yellow),
        _ => cell.fg(Color::DarkGrey),
    }
}

/// What becomes of it when nobody looks.
fn then(branch: &BranchSummary, look: &Look) -> Option<String> {
    let sleeps = branch.sleeps_at.map(|at| format!("sleeps {}", until(at, look.now)));
    sleeps.or_else(|| Some(format!("gone {}", until(branch.expires_at?, look.now))))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn branches_are_told_with_what_becomes_of_them() {
        let branches: Vec<BranchSummary> = read(include_str!("fixtures/branches.json"));
        let wide = Look { width: Some(140), ..look() };
        insta::assert_snapshot!(list(&branches, &wide));
        let mut long = branches[..1].to_vec();
        long[0].name = "x".repeat(200);
        let text = list(&long, &wide);
        assert!(text.contains(&format!("{}…  ", "x".repeat(39))), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
