//! Hosts, edges and containers.

use comfy_table::{Cell, Color};
use launcher_model::container::{ContainerPhase, Health};
use launcher_model::host::{Closing, HostState};
use launcher_server::api::views::{ContainerView, EdgeState, EdgeView, HostView, OnHostView};

use super::words::{ago, memory};
use super::{Columns, Look, alarming, or_dash, plain};

/// The hosts.
pub(in crate::cli) fn hosts(hosts: &[HostView], look: &Look) -> String {
    let header =
        ["HOST", "ADDRESS", "ENGINE", "STATE", "CPUS FREE", "MEMORY FREE", "OURS", "OWNER"];
    let mut columns = Columns::new(look, &header);
    for view in hosts {
        let HostView { host, state, notes, .. } = view;
        columns.row([
            plain(&host.name),
            plain(&host.address),
            plain(&host.engine),
            host_state(*state),
            plain(format!("{} of {}", cpus(view.free.milli_cpus), host.cpus)),
            plain(format!("{} of {}", memory(view.free.memory), memory(host.memory))),
            plain(ours(view)),
            or_dash(notes.owner.as_ref()),
        ]);
    }
    hosts.iter().fold(columns.text(), |text, view| text + &host_trouble(view))
}

/// One host, and what runs on it.
pub(in crate::cli) fn host(view: &HostView, look: &Look) -> String {
    let mut text = hosts(std::slice::from_ref(view), look);
    let labels = view.all_labels().into_iter().map(|(label, value)| format!("{label}={value}"));
    let labels: Vec<_> = labels.collect();
    if !labels.is_empty() {
        text += &format!("labels: {}\n", labels.join(", "));
    }
    if let Some(closure) = &view.closure {
        let how = match closure.closing {
            Closing::Closed => "closed",
            Closing::Draining => "drained",
        };
        text += &format!("{how} by {}, {}\n", closure.by, ago(closure.since, look.now));
    }
    if view.containers.is_empty() {
        return text;
    }
    let mut columns = Columns::new(look, &["SERVICE", "VERSION", "RUNNING"]);
    for on_host in &view.containers {
        let OnHostView { service, version, running, .. } = on_host;
        columns.row([plain(service), plain(version), plain(running)]);
    }
    text + "\n" + &columns.text()
}

/// How far a host is that is being drained.
pub(in crate::cli) fn what_is_left(view: &HostView) -> String {
    let name = &view.host.name;
    if view.containers.is_empty() {
        let drained = if view.state == HostState::Drained { "it is drained: " } else { "" };
        return format!("{name}: {drained}no container of ours runs there");
    }
    let left = view.containers.iter().map(|on_host| {
        let OnHostView { service, version, running, waits } = on_host;
        let waits = waits.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{running} of {service} {version}{waits}")
    });
    let left: Vec<_> = left.collect();
    format!("{name} is being drained: {} still there: {}", ours(view), left.join(", "))
}

/// How many containers of ours run there.
fn ours(view: &HostView) -> usize {
    view.containers.iter().map(|on_host| on_host.running).sum()
}

fn host_state(state: HostState) -> Cell {
    match state {
        HostState::Ready => plain("ready").fg(Color::Green),
        HostState::Closed => plain("closed").fg(Color::Yellow),
        HostState::Draining => plain("draining").fg(Color::Yellow),
        HostState::Drained => plain("drained").fg(Color::Yellow),
        HostState::Down => plain("down").fg(Color::Red),
    }
}

/// Why a host cannot be used, where its engine says so.
fn host_trouble(view: &HostView) -> String {
    let trouble = view.host.trouble.as_ref();
    trouble.map(|why| format!("{}: {why}\n", view.host.name)).unwrap_or_default()
}

/// Thousandths of processors in processors.
fn cpus(milli: u64) -> String {
    let text = format!("{:.2}", milli as f64 / 1000.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The edges.
pub(in crate::cli) fn edges(edges: &[EdgeView], look: &Look) -> String {
    let header = ["EDGE", "STATE", "DRIVER", "VERSION", "SERVES AT", "SEEN", "LAG", "BEHIND"];
    let mut columns = Columns::new(look, &header);
    for edge in edges {
        let https = edge.https.iter().map(|address| format!("https://{address}"));
        let http: Vec<String> = edge.http.iter().map(ToString::to_string).chain(https).collect();
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
    fn a_host_tells_what_runs_on_it_and_how_far_its_drain_is() {
        let views: Vec<HostView> = read(include_str!("fixtures/hosts.json"));
        let [draining, down] = views.as_slice() else { panic!("{views:?}") };
        let told = [host(draining, &look()), what_is_left(draining), what_is_left(down)];
        insta::assert_snapshot!(told.join("\n"));
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
