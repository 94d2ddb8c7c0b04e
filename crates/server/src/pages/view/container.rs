//! A container as its environment's page shows it.

use jiff::Timestamp;
use launcher_logs::short;
use launcher_model::container::ContainerPhase;
use launcher_model::measure::ContainerSample;
use launcher_model::plan::environment::Checked;

use super::ago::Ago;
use super::bytes;
use super::environment::told_of;

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
    pub(crate) memory: String,
}

impl ContainerLine {
    pub(crate) fn new(checked: &Checked, used: &[ContainerSample], now: Timestamp) -> Self {
        let container = &checked.container;
        let (class, word) = told_of(checked, true);
        let since = match &container.phase {
            ContainerPhase::Running { since, .. } => Some(Ago::new(*since, now)),
            _ => None,
        };
        let sample = used.iter().find(|sample| sample.container == container.id);
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
            memory: memory.unwrap_or_default(),
        }
    }
}
