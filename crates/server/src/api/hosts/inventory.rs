//! The hosts as a dynamic inventory for Ansible:
//! <https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html>.

use std::collections::{BTreeMap, BTreeSet};

use launcher_control::HostView;
use launcher_model::host::HostState;
use serde::Serialize;

use super::super::views::{all_labels, host_address, state_word};

/// What an inventory script prints for `--list`.
#[derive(Debug, Serialize)]
pub(super) struct Inventory {
    #[serde(rename = "_meta")]
    meta: Meta,
    /// The groups, by name.
    #[serde(flatten)]
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Serialize)]
struct Meta {
    hostvars: BTreeMap<String, Variables>,
}

#[derive(Debug, Default, Serialize)]
struct Group {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    hosts: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    children: BTreeSet<String>,
}

/// What a playbook may use of a host.
#[derive(Debug, Serialize)]
struct Variables {
    #[serde(skip_serializing_if = "Option::is_none")]
    ansible_host: Option<String>,
    launcher_state: HostState,
    launcher_engine: String,
    launcher_cpus: u32,
    launcher_memory: u64,
    launcher_labels: BTreeMap<String, String>,
    launcher_owner: Option<String>,
    /// The versions of each service that run there.
    launcher_services: BTreeMap<String, BTreeSet<u32>>,
}

/// The inventory of these hosts: a group for each value of a label, each service, each state, each owner.
pub(super) fn of(hosts: &[HostView]) -> Inventory {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for view in hosts {
        for group in groups_of(view) {
            groups.entry(group).or_default().hosts.insert(view.host.name.clone());
        }
    }
    let hostvars = hosts.iter().map(|view| (view.host.name.clone(), variables(view))).collect();
    let children = groups.keys().cloned().collect();
    let hosts = hosts.iter().map(|view| view.host.name.clone()).collect();
    groups.insert("all".to_owned(), Group { hosts, children });
    Inventory { meta: Meta { hostvars }, groups }
}

fn groups_of(view: &HostView) -> BTreeSet<String> {
    let labels = all_labels(&view.host, &view.notes);
    let labels = labels.into_iter().map(|(label, value)| format!("label_{label}_{value}"));
    let services = view.containers.iter().map(|one| format!("service_{}", one.service));
    let owner = view.notes.owner.iter().map(|owner| format!("owner_{owner}"));
    let state = state_word(view.state);
    let groups = labels.chain(services).chain(owner).chain([format!("state_{state}")]);
    groups.map(|group| group_name(&group)).collect()
}

/// A group's name as Ansible takes it: letters, digits and `_`.
fn group_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn variables(view: &HostView) -> Variables {
    let mut services: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for one in &view.containers {
        services.entry(one.service.to_string()).or_default().insert(one.version.0);
    }
    let labels = all_labels(&view.host, &view.notes).into_iter();
    Variables {
        ansible_host: host_address(&view.host).map(str::to_owned),
        launcher_state: view.state,
        launcher_engine: view.host.engine.clone(),
        launcher_cpus: view.host.cpus,
        launcher_memory: view.host.memory,
        launcher_labels: labels.map(|(of, is)| (of.to_owned(), is.to_owned())).collect(),
        launcher_owner: view.notes.owner.clone(),
        launcher_services: services,
    }
}
