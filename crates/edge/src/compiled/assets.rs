//! Files that are looked for in other versions where the one that was asked does not have them.

use std::collections::BTreeMap;
use std::sync::Arc;

use launcher_model::VersionNumber;
use launcher_model::service::{RequestPath, RulePath};

use super::{Pool, Site};
use crate::table::ServiceTable;

/// Which files, and which versions beside the live ones.
#[derive(Debug)]
pub(crate) struct Assets {
    prefixes: Box<[RulePath]>,
    lately: Box<[Arc<Pool>]>,
}

impl Assets {
    pub(super) fn compile(
        table: &ServiceTable,
        pools: &BTreeMap<VersionNumber, Arc<Pool>>,
    ) -> Option<Self> {
        let rule = table.rules.assets.as_ref()?;
        let lately = rule.lately.iter().filter_map(|version| pools.get(version).cloned());
        let prefixes = rule.prefixes.iter().map(|prefix| RulePath::new(prefix));
        Some(Self { prefixes: prefixes.collect(), lately: lately.collect() })
    }

    /// Whether a path is one of such a file. It is compared as rules are: one that leads out of a folder
    /// again is none of it, and one that cannot be read is none at all.
    pub(crate) fn has(&self, path: &str) -> bool {
        RequestPath::read(path)
            .is_ok_and(|path| self.prefixes.iter().any(|prefix| path.begins_with(prefix)))
    }
}

impl Site {
    /// The versions that may have a file which a live one does not have, newest first, each with whether it
    /// is live: those that are, those that are about to be, and those that were lately.
    pub(crate) fn others<'s>(
        &'s self,
        coming: &'s [Arc<Pool>],
    ) -> impl Iterator<Item = (&'s Arc<Pool>, bool)> {
        let live = move || self.live.iter().rev().map(|(_, pool)| pool);
        let lately = self.assets.iter().flat_map(|assets| assets.lately.iter());
        let is_live = move |pool: &Arc<Pool>| live().any(|live| live.id == pool.id);
        let others = coming.iter().chain(lately).filter(move |pool| !is_live(pool));
        live().map(|pool| (pool, true)).chain(others.map(|pool| (pool, false)))
    }
}
