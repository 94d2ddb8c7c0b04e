//! Branches that have an environment of their own, and the names by which those are reached.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::environment::{Environment, EnvironmentState, Wanted};
use crate::{ServiceName, VersionNumber};

/// A branch of a service that has an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Whose source it is a branch of.
    pub service: ServiceName,
    /// Its name, as Git has it.
    pub name: String,
    /// The first label of its environment's hostname. It stays as long as the branch is known.
    pub label: String,
    /// The version that the hostname leads to: the newest that became ready. None before the first.
    pub current: Option<VersionNumber>,
    /// When a version of it was launched last.
    pub pushed_at: Timestamp,
    /// When somebody looked at it last, as far as that was told.
    pub looked_at: Option<Timestamp>,
}

/// How a branch's environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BranchState {
    /// It serves.
    Running,
    /// It was stopped because nobody looked; the next request starts it again.
    Asleep,
    /// It is being started.
    Starting,
    /// Somebody has stopped it.
    Stopped,
    /// It could not be started.
    Failed,
    /// Its environment was destroyed.
    Gone,
}

impl BranchState {
    /// The state's name, as the API has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Asleep => "asleep",
            Self::Starting => "starting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }

    /// That of this environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        match (environment.state, environment.wanted) {
            (EnvironmentState::Destroyed, _) | (_, Wanted::Gone) => Self::Gone,
            (EnvironmentState::Failed, _) => Self::Failed,
            (_, Wanted::Stopped) if environment.asleep => Self::Asleep,
            (_, Wanted::Stopped) => Self::Stopped,
            (EnvironmentState::Ready, Wanted::Running) => Self::Running,
            (EnvironmentState::Creating | EnvironmentState::Stopped, Wanted::Running) => {
                Self::Starting
            }
        }
    }
}

/// The longest label of a hostname, in octets (RFC 1035 §2.3.4).
pub const LABEL_MAX: usize = 63;

/// Digits of a hash that tell two branches of one label apart, at first.
const FEW_DIGITS: usize = 6;

/// What a branch is called whose name has nothing that may stand in a hostname.
const NAMELESS: &str = "branch";

/// The first label of the hostname of a branch's environment: its name in lower case, with `-` for all that
/// may not stand there. Where that is `taken`, too long or nothing, a part of a hash of the name is added.
///
/// It is never one of a version, `vN`, and never begins with `xn--` (RFC 5890 §2.3.2.1).
#[must_use]
pub fn label(branch: &str, taken: impl Fn(&str) -> bool) -> String {
    let folded = fold(branch);
    let plain = if is_of_version(&folded) { format!("{NAMELESS}-{folded}") } else { folded };
    if (1..=LABEL_MAX).contains(&plain.len()) && !taken(&plain) {
        return plain;
    }
    let stem = if plain.is_empty() { NAMELESS } else { &plain };
    let hash = hash(branch);
    let with = |digits: usize| {
        let room = LABEL_MAX - 1 - digits;
        let stem = stem.get(..room).unwrap_or(stem).trim_end_matches('-');
        format!("{stem}-{}", &hash[..digits])
    };
    // Somebody may call a branch like the label of another one; hardly more than once.
    let free = (FEW_DIGITS..=LABEL_MAX - 2).map(with).find(|label| !taken(label));
    free.unwrap_or_else(|| hash[..LABEL_MAX].to_owned())
}

/// Letters, digits, and single hyphens between them.
fn fold(branch: &str) -> String {
    let mut label = String::with_capacity(branch.len());
    for char in branch.chars() {
        if char.is_ascii_alphanumeric() {
            label.push(char.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    label.truncate(label.trim_end_matches('-').len());
    label
}

fn is_of_version(label: &str) -> bool {
    let number = label.strip_prefix('v').unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn hash(branch: &str) -> String {
    Sha256::digest(branch).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long the name of a branch may be, in bytes.
pub const LONGEST_BRANCH: usize = 250;

/// Whether text may be the name of a branch, by the rules that Git has and that make a difference where a
/// branch is but a name: see `git help check-ref-format`.
#[must_use]
pub fn is_branch(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_BRANCH
        && !name.chars().any(|char| char.is_control() || char == ' ')
}

/// Whether git takes a name for a branch, by all rules of its `check-ref-format`: git is asked for it.
#[must_use]
pub fn is_git_branch(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    is_branch(name)
        && !name.starts_with('-')
        && name != "@"
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(['~', '^', ':', '?', '*', '[', '\\'])
        && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn free(branch: &str) -> String {
        label(branch, |_| false)
    }

    #[test]
    fn labels_are_what_their_branches_are_called() {
        for (branch, expected) in [
            ("login", "login"),
            ("feature/login", "feature-login"),
            ("Feature/LOGIN_2.0", "feature-login-2-0"),
            ("-x-", "x"),
            ("a//b--c", "a-b-c"),
            ("xn--bcher-kva", "xn-bcher-kva"),
            ("42", "42"),
            ("v2", "branch-v2"),
            ("V42", "branch-v42"),
            ("v2x", "v2x"),
            ("v", "v"),
            ("f\u{fc}r", "f-r"),
        ] {
            assert_eq!(free(branch), expected, "{branch}");
        }
        assert_eq!(free("\u{65e5}\u{672c}"), "branch-cf2abf");
        assert_ne!(free("\u{65e5}\u{672c}"), free("\u{65e5}"));
    }

    #[test]
    fn one_label_leads_to_one_branch() {
        assert_eq!(label("feature-x", |taken| taken == "feature-x"), "feature-x-c791eb");
        let (one, other) = ("a".repeat(63) + "b", "a".repeat(63) + "c");
        assert_ne!(free(&one), free(&other));
        assert_eq!(free(&"a".repeat(63)), "a".repeat(63));
    }

    proptest::proptest! {
        #[test]
        fn labels_can_stand_in_hostnames_and_differ(
            branches in proptest::collection::btree_set("\\PC{1,80}|[vV][0-9]{1,3}|[a-b/_.-]{1,4}|[a-z/]{60,70}", 1..30),
        ) {
            let mut labels = BTreeSet::new();
            for branch in &branches {
                let label = label(branch, |label| labels.contains(label));
                proptest::prop_assert!((1..=LABEL_MAX).contains(&label.len()), "{label}");
                let good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
                proptest::prop_assert!(label.bytes().all(good), "{label}");
                proptest::prop_assert!(!label.starts_with('-') && !label.ends_with('-'), "{label}");
                proptest::prop_assert!(!label.contains("--") && !is_of_version(&label), "{label}");
                proptest::prop_assert!(labels.insert(label));
            }
        }
    }

    #[test]
    fn names_that_git_does_not_take_are_no_branches() {
        for name in
            ["main", "feature/login", "a.b", "grün", "v1.x-rc", "a@b", "dependabot/npm/x-1.2.3"]
        {
            assert!(is_git_branch(name), "{name}");
        }
        for name in [
            "",
            "/",
            "a//b",
            "/a",
            "a/",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a..b",
            "a.",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[b",
            "a\\b",
            "a@{1}",
            "@",
            "-a",
            "a\u{7f}",
            "a\nb",
            "../../x",
            &"a".repeat(251),
        ] {
            assert!(!is_git_branch(name), "{name:?}");
        }
    }
}
