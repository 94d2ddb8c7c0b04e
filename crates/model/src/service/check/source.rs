//! What `[build]`, `[test]`, `[branches]` and `[follow]` must satisfy.

use super::{
    Faults, LEAST_MEMORY, LONGEST_VALUE, MOST_ENTRIES, MOST_MEMORY, at_least, check_command,
    variable_fault,
};
use crate::Span;
use crate::environment::REPLICAS;
use crate::service::ServiceSpec;

/// The longest pattern of branches or tags, in bytes.
const LONGEST_PATTERN: usize = 200;

impl ServiceSpec {
    pub(super) fn check_source(&self, faults: &mut Faults) {
        self.check_build(faults);
        self.check_test(faults);
        self.check_branches(faults);
        self.check_follow(faults);
    }

    fn check_build(&self, faults: &mut Faults) {
        if let Some(folder) = &self.service.build
            && let Some(why) = outside(folder)
        {
            faults
                .add("service.build", format!("a folder of the repository, such as \".\": {why}"));
        }
        if let Some(why) = outside(&self.build.dockerfile) {
            faults.add("build.dockerfile", format!("a file, such as \"Dockerfile\": {why}"));
        }
        let stage = |name: &String| {
            name.is_empty()
                || name.len() > 128
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        if self.build.target.as_ref().is_some_and(stage) {
            faults.add("build.target", "the name of a stage, such as \"production\"".into());
        }
        check_values("build.args", &self.build.args, faults);
        at_least("build.timeout", self.build.timeout, Span::secs(1), faults);
    }

    fn check_test(&self, faults: &mut Faults) {
        if let Some(command) = &self.test.command {
            check_command("test.command", command, faults);
        }
        check_values("test.env", &self.test.env, faults);
        let memory = self.test.resources.memory;
        if memory.is_some_and(|memory| !(LEAST_MEMORY..=MOST_MEMORY).contains(&memory)) {
            faults.add("test.resources.memory", format!("{LEAST_MEMORY} to {MOST_MEMORY}"));
        }
        at_least("test.timeout", self.test.timeout, Span::secs(1), faults);
    }

    fn check_branches(&self, faults: &mut Faults) {
        let branches = &self.branches;
        if branches.production.contains('*') || is_no_pattern(&branches.production) {
            faults.add("branches.production", "the name of a branch, such as \"main\"".into());
        }
        if branches.matching.len() > MOST_ENTRIES {
            faults.add("branches.match", format!("at most {MOST_ENTRIES} patterns"));
        }
        if branches.matching.iter().any(|pattern| is_no_pattern(pattern)) {
            faults.add("branches.match", "patterns such as \"*\" or \"feature/*\"".into());
        }
        if !REPLICAS.contains(&branches.replicas) {
            faults.add("branches.replicas", format!("{} to {}", REPLICAS.start(), REPLICAS.end()));
        }
        at_least("branches.sleep_after", branches.sleep_after, Span::secs(1), faults);
        at_least("branches.idle", branches.idle, Span::secs(1), faults);
    }

    fn check_follow(&self, faults: &mut Faults) {
        if let Some(tag) = &self.follow.tag {
            if is_no_pattern(tag) {
                faults.add("follow.tag", "a pattern of tags, such as \"main-*\"".into());
            }
            if self.service.image.is_none() {
                faults.add("follow.tag", "needs service.image, the repository to follow".into());
            }
        }
        at_least("follow.every", self.follow.every, Span::secs(1), faults);
    }
}

/// Why a path does not stay in the folder that it starts from.
fn outside(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > 1000 || path.contains(['\0', '\\', '\n']) {
        return Some("give 1 to 1000 characters, with '/' between folders");
    }
    if path.starts_with('/') {
        return Some("it must not begin with '/'");
    }
    path.split('/').any(|part| part == "..").then_some("it must not leave the repository by \"..\"")
}

pub(super) fn is_no_pattern(text: &str) -> bool {
    text.is_empty() || text.len() > LONGEST_PATTERN || text.bytes().any(|b| b <= b' ' || b == 0x7f)
}

fn check_values(
    section: &str,
    values: &std::collections::BTreeMap<String, String>,
    faults: &mut Faults,
) {
    if values.len() > MOST_ENTRIES {
        faults.add(section, format!("at most {MOST_ENTRIES} variables"));
    }
    for (name, value) in values {
        if let Some(why) = variable_fault(name) {
            faults.add(&format!("{section}.{name}"), why.into());
        }
        if value.contains('\0') || value.len() > LONGEST_VALUE {
            faults.add(&format!("{section}.{name}"), "at most 64KiB of text without NUL".into());
        }
    }
}
