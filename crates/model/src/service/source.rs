//! Where a service's versions come from: its source, its branches, its registry.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Resources;
use crate::Span;

/// How an image is built, when `[service] build` says that one is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The Dockerfile, from the folder that is built.
    #[serde(default = "defaults::dockerfile")]
    #[schema(example = "Dockerfile")]
    pub dockerfile: String,
    /// The stage that is built; the last one when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Build arguments. They can be read out of the image: they are no place for secrets.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
    /// How long it may take.
    #[serde(default = "defaults::build_timeout")]
    pub timeout: Span,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            dockerfile: defaults::dockerfile(),
            target: None,
            args: BTreeMap::new(),
            timeout: defaults::build_timeout(),
        }
    }
}

/// What a new image must pass before it becomes a version: a command in a container of that image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The command; exit status 0 passes. Without one nothing is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// How long it may take.
    #[serde(default = "defaults::test_timeout")]
    pub timeout: Span,
    /// Environment variables beside those of `[env]`, or in their place. Secrets are not given to tests.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What the container may use.
    #[serde(default)]
    pub resources: Resources,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            command: None,
            timeout: defaults::test_timeout(),
            env: BTreeMap::new(),
            resources: Resources::default(),
        }
    }
}

/// Which branches are built, and what becomes of their versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Branches {
    /// The branch that production follows: each push is a version that waits to be deployed.
    #[serde(default = "defaults::production")]
    #[schema(example = "main")]
    pub production: String,
    /// Patterns of other branches that get an environment of their own, such as `"*"` or `"feature/*"`;
    /// `*` stands for any text.
    #[serde(default, rename = "match")]
    #[schema(example = json!(["*"]))]
    pub matching: Vec<String>,
    /// How many containers such an environment has.
    #[serde(default = "defaults::branch_replicas")]
    #[schema(minimum = 1, maximum = 1000)]
    pub replicas: u16,
    /// It is stopped when nobody has looked at it for so long; the next request starts it again.
    #[serde(default = "defaults::sleep_after")]
    pub sleep_after: Span,
    /// It is gone when nobody has pushed to it or looked at it for so long.
    #[serde(default = "defaults::idle")]
    #[schema(example = "7d")]
    pub idle: Span,
}

impl Default for Branches {
    fn default() -> Self {
        Self {
            production: defaults::production(),
            matching: Vec::new(),
            replicas: defaults::branch_replicas(),
            sleep_after: defaults::sleep_after(),
            idle: defaults::idle(),
        }
    }
}

impl Branches {
    /// Whether production follows this branch.
    #[must_use]
    pub fn is_production(&self, branch: &str) -> bool {
        self.production == branch
    }

    /// Whether this branch gets an environment of its own.
    #[must_use]
    pub fn has_environment(&self, branch: &str) -> bool {
        !self.is_production(branch)
            && self.matching.iter().any(|pattern| matches_pattern(pattern, branch))
    }
}

/// Images that others push become versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// A pattern of tags in the service's repository; `*` stands for any text. Without one nothing is
    /// followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "main-*")]
    pub tag: Option<String>,
    /// How often the registry is looked at for what its webhook did not tell.
    #[serde(default = "defaults::follow_every")]
    pub every: Span,
}

impl Default for Follow {
    fn default() -> Self {
        Self { tag: None, every: defaults::follow_every() }
    }
}

/// Whether `text` fits a pattern in which `*` stands for any text, also none.
#[must_use]
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    // `split` gives at least one piece.
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

mod defaults {
    use crate::Span;

    pub(super) fn dockerfile() -> String {
        "Dockerfile".into()
    }
    pub(super) fn build_timeout() -> Span {
        Span::secs(30 * 60)
    }
    pub(super) fn test_timeout() -> Span {
        Span::secs(10 * 60)
    }
    pub(super) fn production() -> String {
        "main".into()
    }
    pub(super) fn branch_replicas() -> u16 {
        1
    }
    pub(super) fn sleep_after() -> Span {
        Span::secs(30 * 60)
    }
    pub(super) fn idle() -> Span {
        Span::secs(7 * 24 * 3600)
    }
    pub(super) fn follow_every() -> Span {
        Span::secs(5 * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::{Branches, matches_pattern};

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "main"),
            ("main", "main"),
            ("main-*", "main-"),
            ("main-*", "main-1.2"),
            ("feature/*/x", "feature/a/b/x"),
            ("*-rc*", "1.0-rc3"),
            ("a*a", "aa"),
            ("*ab*ab", "abab"),
        ] {
            assert!(matches_pattern(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "main"),
            ("main", "main2"),
            ("main", "amain"),
            ("main-*", "main"),
            ("a*a", "a"),
            ("*ab*ab", "ab"),
            ("feature/*", "hotfix/a"),
        ] {
            assert!(!matches_pattern(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn production_s_branch_has_no_environment_of_its_own() {
        let branches = Branches { matching: vec!["*".into()], ..Branches::default() };
        assert!(branches.has_environment("feature/login") && !branches.has_environment("main"));
        assert!(!Branches::default().has_environment("feature/login"));
    }
}
