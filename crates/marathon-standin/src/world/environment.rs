//! What a task finds in its environment.

use super::{Agent, Task};
use crate::time::written;

/// As `NAME=value`; what the app says comes last, and so wins.
pub(super) fn environment(task: &Task, agent: &Agent) -> Vec<String> {
    let definition = &task.definition;
    let mut variables: Vec<(String, String)> = vec![
        ("HOST".to_owned(), agent.options.hostname.clone()),
        ("MESOS_TASK_ID".to_owned(), task.id.clone()),
        ("MARATHON_APP_ID".to_owned(), task.app.clone()),
        ("MARATHON_APP_VERSION".to_owned(), written(task.version)),
        ("MARATHON_APP_RESOURCE_CPUS".to_owned(), definition.cpus().to_string()),
        ("MARATHON_APP_RESOURCE_MEM".to_owned(), definition.mem().to_string()),
        ("MARATHON_APP_RESOURCE_DISK".to_owned(), definition.disk().to_string()),
        ("MARATHON_APP_RESOURCE_GPUS".to_owned(), definition.gpus().to_string()),
    ];
    if let Some(image) = definition.docker().and_then(|docker| docker["image"].as_str()) {
        variables.push(("MARATHON_APP_DOCKER_IMAGE".to_owned(), image.to_owned()));
    }
    labels(task, &mut variables);
    ports(task, &mut variables);
    variables.extend(definition.env());
    variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn labels(task: &Task, variables: &mut Vec<(String, String)>) {
    let labels = task.definition.labels();
    let name = |label: &str| -> String {
        let upper = label.to_uppercase();
        upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    };
    let names: Vec<String> = labels.iter().map(|(label, _)| name(label)).collect();
    variables.push(("MARATHON_APP_LABELS".to_owned(), names.join(" ")));
    for (name, (_, value)) in names.iter().zip(labels) {
        variables.push((format!("MARATHON_APP_LABEL_{name}"), value));
    }
}

fn ports(task: &Task, variables: &mut Vec<(String, String)>) {
    let mut host_ports = task.ports.iter();
    for port in task.definition.ports() {
        let Some(host) = port.host.and_then(|_| host_ports.next()) else { continue };
        if let Some(name) = &port.name {
            variables.push((format!("PORT_{}", name.to_uppercase()), host.to_string()));
        }
        if let Some(container) = port.container.filter(|container| *container != 0) {
            variables.push((format!("PORT_{container}"), host.to_string()));
        }
    }
    for (index, port) in task.ports.iter().enumerate() {
        variables.push((format!("PORT{index}"), port.to_string()));
    }
    if let Some(first) = task.ports.first() {
        let all: Vec<String> = task.ports.iter().map(u16::to_string).collect();
        variables.push(("PORT".to_owned(), first.to_string()));
        variables.push(("PORTS".to_owned(), all.join(",")));
    }
}
