//! The tree of groups, as far as apps make it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::deployment::Apps;
use crate::time::written;
use crate::version::Version;

/// The whole tree, as events before 1.7 tell it.
pub(super) fn tree(
    apps: &Apps,
    groups: &BTreeSet<String>,
    version: Timestamp,
    dialect: Version,
) -> Value {
    let tell = |_: &str, app: &super::App| app.told(dialect);
    group("/", apps, groups, version, dialect, &tell)
}

/// A group with the apps and groups in it; `tell` says what of an app is told.
pub(crate) fn group(
    id: &str,
    apps: &Apps,
    groups: &BTreeSet<String>,
    version: Timestamp,
    dialect: Version,
    tell: &dyn Fn(&str, &super::App) -> Map<String, Value>,
) -> Value {
    let own = apps.iter().filter(|(app, _)| parent(app) == id);
    let own: Vec<Value> = own.map(|(app, what)| Value::Object(tell(app, what))).collect();
    let inner: Vec<Value> = children(id, apps, groups)
        .iter()
        .map(|child| group(child, apps, groups, version, dialect, tell))
        .collect();
    let mut told = json!({
        "id": id,
        "apps": own,
        "groups": inner,
        "dependencies": [],
        "version": written(version),
    });
    if dialect.has_instances() {
        told["pods"] = json!([]);
    }
    if dialect.has_roles() {
        told["enforceRole"] = false.into();
    }
    told
}

/// The group that something is in.
pub(crate) fn parent(id: &str) -> &str {
    match id.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &id[..end],
    }
}

/// Whether there is a group of that id.
pub(crate) fn is_group(state: &super::State, id: &str) -> bool {
    id == "/" || all(&state.apps, &state.groups).contains(id)
}

/// Whether something is in a group, however deep.
pub(crate) fn is_within(id: &str, group: &str) -> bool {
    group == "/" || id.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
}

fn children(id: &str, apps: &Apps, groups: &BTreeSet<String>) -> Vec<String> {
    all(apps, groups).into_iter().filter(|group| group != "/" && parent(group) == id).collect()
}

/// Every group that was made, or that something is in.
fn all(apps: &Apps, groups: &BTreeSet<String>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for start in apps.keys().map(|app| parent(app)).chain(groups.iter().map(String::as_str)) {
        let mut id = start;
        while id != "/" {
            all.insert(id.to_owned());
            id = parent(id);
        }
    }
    all
}
