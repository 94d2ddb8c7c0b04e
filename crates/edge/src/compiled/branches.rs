//! The environments of branches.

use std::collections::{BTreeMap, BTreeSet};

use launcher_model::VersionNumber;

use crate::table::{Rest, RestKind, ServiceTable};

/// Those of one service.
#[derive(Debug)]
pub(crate) struct Branches {
    aliases: BTreeMap<Box<str>, VersionNumber>,
    /// The versions that they lead to.
    watched: BTreeSet<VersionNumber>,
    resting: BTreeMap<VersionNumber, Rest>,
}

impl Branches {
    /// None for a service that has no such environments.
    pub(super) fn compile(table: &ServiceTable) -> Option<Self> {
        let branches = &table.branches;
        (!branches.is_empty()).then(|| Self {
            aliases: branches
                .aliases
                .iter()
                .map(|(label, to)| (label.as_str().into(), *to))
                .collect(),
            watched: branches.aliases.values().copied().collect(),
            resting: branches.resting.clone(),
        })
    }

    pub(super) fn alias(&self, label: &str) -> Option<VersionNumber> {
        self.aliases.get(label).copied()
    }

    pub(super) fn rest(
        &self,
        version: VersionNumber,
        serves: impl FnOnce() -> bool,
    ) -> Option<Rest> {
        let rest = self.resting.get(&version)?;
        (rest.kind != RestKind::Starting || !serves()).then_some(*rest)
    }

    /// Whether the control plane is told when somebody looks at this version.
    pub(crate) fn is_watched(&self, version: VersionNumber) -> bool {
        self.watched.contains(&version)
    }

    /// The versions of which the control plane is told when somebody looks at them.
    pub(crate) fn watched(&self) -> impl Iterator<Item = VersionNumber> {
        self.watched.iter().copied()
    }
}
