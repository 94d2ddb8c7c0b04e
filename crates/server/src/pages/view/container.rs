//! A container as its environment's page shows it.

use std::collections::HashMap;

use jiff::Timestamp;
use launcher_logs::short;
use launcher_model::container::ContainerPhase;
use launcher_model::measure::ContainerSample;
use launcher_model::plan::environment::Checked;

use super::ago::Ago;
use super::environment::told_of;
use super::{bytes, processors};
use crate::App;

/// What containers have used lately.
pub(crate) struct Used {
    samples: Vec<ContainerSample>,
    busy: HashMap<String, f64>,
}

impl Used {
    pub(crate) fn of(app: &App) -> Self {
        let gathered = app.telemetry.gathered();
        Self { samples: gathered.containers(), busy: gathered.busy() }
    }
}

/// A container.
pub(crate) struct ContainerLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) host: String,
    /// Where it serves.
    pub(crate) address: String,
    /// The class and the words of its state.
    pub(crate) class: &'static str,
    pub(crate) word: String,
    pub(crate) since: Option<Ago>,
    /// How many filled its place before it.
    pub(crate) before: u32,
    /// Processors that it keeps busy.
    pub(crate) cpu: String,
    pub(crate) memory: String,
    pub(crate) runs: bool,
}

impl ContainerLine {
    pub(crate) fn new(checked: &Checked, used: &Used, now: Timestamp) -> Self {
        let container = &checked.container;
        let (class, word) = told_of(checked, true);
        let since = match &container.phase {
            ContainerPhase::Running { since, .. } => Some(Ago::new(*since, now)),
            _ => None,
        };
        let sample = used.samples.iter().find(|sample| sample.container == container.id);
        let memory = sample.map(|sample| match sample.usage.memory_limit {
            0 => bytes(sample.usage.memory),
            limit => format!("{} of {}", bytes(sample.usage.memory), bytes(limit)),
        });
        Self {
            id: short(&container.id),
            name: container.name.clone(),
            host: container.host.clone(),
            address: container.address.map(|address| address.to_string()).unwrap_or_default(),
            class,
            word,
            since,
            before: container.attempt,
            cpu: used.busy.get(&container.id).map(|busy| processors(*busy)).unwrap_or_default(),
            memory: memory.unwrap_or_default(),
            runs: container.is_running(),
        }
    }
}
