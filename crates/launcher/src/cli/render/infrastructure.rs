//! Hosts, edges and containers.

use comfy_table::{Cell, Color};
use launcher_model::container::{ContainerPhase, Health, Host};
use launcher_server::api::views::{ContainerView, EdgeState, EdgeView};

use super::words::{ago, memory};
use super::{Columns, Look, alarming, or_dash, plain};

/// The hosts.
pub(in crate::cli) fn hosts(hosts: &[Host], look: &Look) -> String {
    let header = ["HOST", "ADDRESS", "ENGINE", "CPUS", "MEMORY", "RUNNING", "USABLE"];
    let mut columns = Columns::new(look, &header);
    for host in hosts {
        let usable = match (&host.trouble, host.usable) {
            (_, true) => "yes".to_owned(),
            (Some(why), false) => format!("no: {why}"),
            (None, false) => "no".to_owned(),
        };
        columns.row([
            plain(&host.name),
            plain(&host.address),
            plain(&host.engine),
            plain(host.cpus),
            plain(memory(host.memory)),
            plain(host.running),
            alarming(plain(usable), !host.usable),
        ]);
    }
    columns.text()
}

/// The edges.
pub(in crate::cli) fn edges(edges: &[EdgeView], look: &Look) -> String {
    let header = ["EDGE", "STATE", "DRIVER", "VERSION", "SERVES AT", "SEEN", "LAG", "BEHIND"];
    let mut columns = Columns::new(look, &header);
    for edge in edges {
        let http: Vec<String> = edge.http.iter().map(ToString::to_string).collect();
        columns.row([
            plain(&edge.name),
            edge_state(edge.state),
            or_dash(edge.driver.as_ref()),
            or_dash(edge.version.as_ref()),
            or_dash((!http.is_empty()).then(|| http.join(", "))),
            or_dash(seen(edge, look)),
            or_dash(edge.lag_us.map(|lag| format!("{:.1} ms", lag as f64 / 1000.0))),
            alarming(plain(behind(edge.behind)), edge.behind > 0),
        ]);
    }
    columns.text()
}

fn edge_state(state: EdgeState) -> Cell {
    match state {
        EdgeState::Connected => plain("connected").fg(Color::Green),
        EdgeState::Away => plain("away").fg(Color::Red),
        EdgeState::Invited => plain("invited"),
    }
}

fn seen(edge: &EdgeView, look: &Look) -> Option<String> {
    let since = |at| format!("for {}", ago(at, look.now).trim_end_matches(" ago"));
    edge.connected_at.map(since).or_else(|| edge.last_seen.map(|at| ago(at, look.now)))
}

fn behind(services: usize) -> String {
    if services == 0 { "no".to_owned() } else { super::words::count(services as u64, "service") }
}

/// The containers of all services, and under them what is wrong with some.
pub(in crate::cli) fn containers(containers: &[ContainerView], look: &Look) -> String {
    let header = ["SERVICE", "VERSION", "SLOT", "STATE", "HEALTH", "ADDRESS", "HOST", "CREATED"];
    let mut columns = Columns::new(look, &header);
    for ContainerView { container, health } in containers {
        columns.row([
            plain(&container.service),
            plain(container.version),
            plain(container.slot),
            phase(&container.phase),
            self::health(health),
            or_dash(container.address),
            plain(&container.host),
            plain(ago(container.created, look.now)),
        ]);
    }
    containers.iter().fold(columns.text(), |text, view| text + &trouble(view))
}

fn phase(phase: &ContainerPhase) -> Cell {
    match phase {
        ContainerPhase::Waiting { .. } => plain("waiting").fg(Color::Yellow),
        ContainerPhase::Lost { .. } => plain("lost").fg(Color::Red),
        ContainerPhase::Created => plain("created"),
        ContainerPhase::Running { .. } => plain("running"),
        ContainerPhase::Exited { out_of_memory: true, .. } => plain("out of memory").fg(Color::Red),
        ContainerPhase::Exited { code, .. } => {
            alarming(plain(format!("exited, {code}")), *code != 0)
        }
        ContainerPhase::Unstartable { .. } => plain("unstartable").fg(Color::Red),
    }
}

fn health(health: &Health) -> Cell {
    match health {
        Health::Unknown { .. } => plain("-"),
        Health::Healthy => plain("healthy").fg(Color::Green),
        Health::Unhealthy { .. } => plain("unhealthy").fg(Color::Red),
    }
}

/// What is wrong with a container, where its engine or its check has said so.
fn trouble(ContainerView { container, health }: &ContainerView) -> String {
    let (what, why) = match (&container.phase, health) {
        (ContainerPhase::Unstartable { why }, _) => ("cannot be started", why),
        (ContainerPhase::Waiting { why: Some(why) }, _) => ("waits for a host", why),
        (_, Health::Unhealthy { why }) => ("is unhealthy", why),
        (ContainerPhase::Running { .. }, Health::Unknown { last: Some(why) }) => {
            ("is not healthy yet", why)
        }
        _ => return String::new(),
    };
    let (service, version, slot) = (&container.service, container.version, container.slot);
    format!("{service} {version}, slot {slot}, {what}: {why}\n")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, read};
    use super::*;

    #[test]
    fn hosts_fit_into_a_terminal() {
        let fixture = include_str!("fixtures/hosts.json");
        insta::assert_snapshot!(hosts(&read::<Vec<_>>(fixture), &look()));
    }

    #[test]
    fn edges_fit_into_a_terminal() {
        let fixture = include_str!("fixtures/edges.json");
        insta::assert_snapshot!(edges(&read::<Vec<_>>(fixture), &look()));
    }

    #[test]
    fn containers_fit_into_a_terminal() {
        let fixture = include_str!("fixtures/containers.json");
        insta::assert_snapshot!(containers(&read::<Vec<_>>(fixture), &look()));
    }
}
