//! What Jenkins answers, as far as it is read.

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Crumb {
    #[serde(rename = "crumbRequestField")]
    pub(super) field: String,
    pub(super) crumb: String,
}

#[derive(Deserialize)]
pub(super) struct Items {
    #[serde(default)]
    pub(super) items: Vec<Item>,
}

#[derive(Deserialize)]
pub(super) struct Item {
    #[serde(default)]
    pub(super) id: u64,
    pub(super) why: Option<String>,
    pub(super) cancelled: Option<bool>,
    pub(super) executable: Option<Executable>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
pub(super) struct Executable {
    pub(super) number: u64,
}

#[derive(Deserialize)]
pub(super) struct Runs {
    #[serde(default)]
    pub(super) builds: Vec<Run>,
}

#[derive(Deserialize)]
pub(super) struct Run {
    #[serde(default)]
    pub(super) number: u64,
    #[serde(default)]
    pub(super) building: bool,
    pub(super) result: Option<String>,
    #[serde(default)]
    actions: Vec<Action>,
}

/// One of the many things that belong to a run; most have no parameters.
#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(default)]
    value: Value,
}

fn has(actions: &[Action], name: &str, value: &str) -> bool {
    let mut all = actions.iter().flat_map(|action| &action.parameters);
    all.any(|parameter| parameter.name == name && parameter.value == value)
}

impl Run {
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        has(&self.actions, name, value)
    }
}

impl Item {
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        has(&self.actions, name, value)
    }
}
