//! What `[deploy]` must satisfy.

use super::Faults;
use super::source::is_no_pattern;
use crate::route::LONGEST_HOLD;
use crate::service::{Freeze, ServiceSpec};

/// As many freeze windows as one service may have: each is looked at in every decision.
const MOST_WINDOWS: usize = 50;

impl ServiceSpec {
    pub(super) fn check_deploy(&self, faults: &mut Faults) {
        let deploy = &self.deploy;
        if deploy.auto.as_ref().is_some_and(|branch| branch.contains('*') || is_no_pattern(branch))
        {
            faults.add("deploy.auto", "the name of a branch, such as \"main\"".into());
        }
        for (path, given) in [("deploy.after", deploy.after), ("deploy.hold", deploy.hold)] {
            if given.is_some() && deploy.auto.is_none() {
                let needs = "counts for what goes live by itself alone; say which branch does with \
                    deploy.auto, such as \"main\", or leave this out";
                faults.add(path, needs.into());
            }
        }
        if deploy.hold.is_some_and(|hold| hold.duration().is_zero() || hold > LONGEST_HOLD) {
            let most = format!("longer than no time, and at most {LONGEST_HOLD}");
            faults.add("deploy.hold", most);
        }
        if deploy.freeze.len() > MOST_WINDOWS {
            faults.add("deploy.freeze", format!("at most {MOST_WINDOWS} windows"));
        }
        for (at, fault) in deploy.freeze.iter().map(Freeze::fault).enumerate() {
            if let Some(fault) = fault {
                faults.add(&format!("deploy.freeze[{at}]"), fault.to_string());
            }
        }
    }
}
