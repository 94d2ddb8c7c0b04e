//! What a lab is, laid out for people.

use comfy_table::{Table, presets};

use crate::control::{HostStatus, Status};

/// What is where.
pub(crate) fn table(status: &Status) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["HOST", "ADDRESS", "STATE", "ENGINE", "SWARM", "EDGE", "DOCKER_HOST"]);
    for host in &status.hosts {
        table.add_row(row(host));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = format!("{}\n\n", table.trim_fmt());
    let mut line = |name: &str, value: String| {
        text.push_str(&format!("{name:<10}{value}\n"));
    };
    line("registry", status.registry.to_string());
    line("gateway", format!("{} is this machine, for the hosts", status.gateway));
    if let (Some(server), Some(token)) = (&status.server, &status.token_file) {
        line("server", format!("{server}, token in {}", token.display()));
    }
    line("files", status.directory.display().to_string());
    text
}

fn row(host: &HostStatus) -> [String; 7] {
    let engine = if host.engine { "runs" } else { "stopped" };
    let node = match (&host.node, host.manager) {
        (Some(node), true) => format!("{node}, manager"),
        (Some(node), false) => node.clone(),
        (None, _) => "-".to_owned(),
    };
    [
        host.name.clone(),
        host.address.to_string(),
        host.state.clone(),
        engine.to_owned(),
        node,
        host.edge.map_or_else(|| "-".to_owned(), |edge| edge.to_string()),
        host.socket.clone(),
    ]
}

/// What can be done with it.
pub(crate) fn commands(status: &Status) -> String {
    let [.., host] = status.hosts.as_slice() else { return String::new() };
    let name = &host.name;
    let mut text = format!(
        "
In another terminal:
  launcher-lab status
  launcher-lab cut {name}         and `mend {name}`
  launcher-lab kill {name}        and `revive {name}`
  launcher-lab exec {name} -- docker ps
  launcher-lab push shop:1 FOLDER
  docker -H {} ps
",
        host.socket
    );
    if let (Some(server), Some(token)) = (&status.server, &status.token_file) {
        text.push_str(&format!(
            "  export LAUNCHER_URL={server} LAUNCHER_TOKEN=$(cat {})\n  launcher edges\n",
            token.display()
        ));
    }
    text.push_str("\nctrl-C ends all of it.\n");
    text
}
