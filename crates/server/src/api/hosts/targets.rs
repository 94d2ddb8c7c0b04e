//! Hosts and containers as targets for the HTTP service discovery of Prometheus:
//! <https://prometheus.io/docs/prometheus/latest/http_sd/>.

use std::collections::{BTreeMap, BTreeSet};

use launcher_control::HostView;
use launcher_model::container::Container;
use launcher_model::{ServiceName, VersionNumber};
use serde::Serialize;

use super::super::views::{all_labels, host_address, state_word};
use crate::App;
use crate::http::problem::Problem;

/// The port that the node exporter listens on.
pub(super) const NODE_EXPORTER: u16 = 9100;

/// Targets with the same labels.
#[derive(Debug, Serialize)]
pub(super) struct TargetGroup {
    targets: Vec<String>,
    labels: BTreeMap<String, String>,
}

/// The hosts, each at this port.
pub(super) fn of_hosts(hosts: &[HostView], port: u16) -> Vec<TargetGroup> {
    let group = |view: &HostView| {
        let at = host_address(&view.host).unwrap_or(&view.host.name);
        TargetGroup { targets: vec![with_port(at, port)], labels: labels_of(view) }
    };
    hosts.iter().map(group).collect()
}

/// Our containers that run on these hosts, where other machines reach them.
pub(super) async fn of_containers(
    app: &App,
    hosts: &[HostView],
) -> Result<Vec<TargetGroup>, Problem> {
    let mut live: BTreeSet<(ServiceName, VersionNumber)> = BTreeSet::new();
    let mut groups = Vec::new();
    for service in app.store.services().await? {
        let name = service.spec.service.name;
        let route = app.store.route(&name).await?;
        live.extend(route.live().map(|version| (name.clone(), version)));
    }
    for view in hosts {
        let host = labels_of(view);
        for container in view.containers.iter().flat_map(|on_host| &on_host.running) {
            let Some(address) = container.published.or(container.address) else { continue };
            let is_live = live.contains(&(container.service.clone(), container.version));
            let mut labels = host.clone();
            labels.extend(of_container(container, is_live));
            groups.push(TargetGroup { targets: vec![address.to_string()], labels });
        }
    }
    Ok(groups)
}

fn of_container(container: &Container, live: bool) -> [(String, String); 6] {
    [
        ("service", container.service.to_string()),
        ("version", container.version.0.to_string()),
        ("slot", container.slot.to_string()),
        ("live", live.to_string()),
        ("container_id", container.id.clone()),
        ("container_name", container.name.clone()),
    ]
    .map(|(label, value)| (meta(label), value))
}

fn labels_of(view: &HostView) -> BTreeMap<String, String> {
    let state = state_word(view.state);
    let mut labels = BTreeMap::from([
        (meta("host"), view.host.name.clone()),
        (meta("host_state"), state.to_owned()),
        (meta("host_engine"), view.host.engine.clone()),
    ]);
    labels.extend(view.notes.owner.iter().map(|owner| (meta("host_owner"), owner.clone())));
    let own = all_labels(&view.host, &view.notes).into_iter();
    labels.extend(own.map(|(of, is)| (meta(&format!("host_label_{of}")), is.to_owned())));
    labels
}

/// A label's name as Prometheus takes it: letters, digits and `_`.
fn meta(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    format!("__meta_launcher_{name}")
}

fn with_port(host: &str, port: u16) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{port}"),
        Err(_) => format!("{host}:{port}"),
    }
}
