//! `launcher up` replaces its processes by what its file holds.

use std::path::Path;
use std::process::Command;

use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Folder};
use rustix::process::Signal;

use super::support::*;

fn child(of: u32, name: &str) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).ok()?;
    let mut pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    pids.find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).nth(1) == Some(name.as_bytes())
    })
}

fn program_of(pid: u32) -> String {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    program.to_string_lossy().into_owned()
}

/// Puts the program where it is started from, as an installation of a new release does.
fn install(program: &Path) {
    let beside = program.with_extension("new");
    std::fs::copy(env!("CARGO_BIN_EXE_launcher"), &beside).unwrap();
    std::fs::rename(beside, program).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_up_replaces_server_and_edge_at_sighup() {
    let dir = Folder::named("up-");
    let program = dir.path().join("launcher");
    install(&program);
    let (listen, http) = (free(), free());
    let mut command = Command::new(&program);
    command.args(["up", "--listen", &listen.to_string(), "--http", &http.to_string()]);
    command.arg("--data").arg(dir.path().join("data"));
    command.env("LAUNCHER_DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let up = Edge::spawn(command, dir.path().join("log"));
    let is_served = || async { tokio::net::TcpStream::connect(http).await.ok() };
    until("the edge", SOON, is_served).await;
    let server_answers = || async {
        let token = std::fs::read_to_string(dir.path().join("data/admin-token")).ok()?;
        let api = Api::new(&format!("http://{listen}"), token.trim());
        let edges = api.try_call(reqwest::Method::GET, "/edges", None).await.ok()?;
        edges.body["items"].as_array().is_some_and(|edges| edges.len() == 1).then_some(())
    };
    until("the server", SOON, server_answers).await;
    let before = ["server", "edge"].map(|name| child(up.pid(), name).unwrap());

    install(&program);
    assert!(program_of(before[1]).ends_with(" (deleted)"));
    up.signal(Signal::HUP);
    until("the takeover", SOON, || async {
        is_served().await.expect("somebody always takes connections");
        let after = ["server", "edge"].map(|name| child(up.pid(), name));
        let is_new = |of: Option<u32>| of.is_some_and(|of| !before.contains(&of));
        let replaced = after.into_iter().all(is_new);
        replaced.then_some(()).filter(|()| before.iter().all(|pid| program_of(*pid).is_empty()))
    })
    .await;
    let edge = child(up.pid(), "edge").unwrap();
    assert_eq!(program_of(edge), program.to_string_lossy());
    until("the server again", SOON, server_answers).await;
    up.signal(Signal::TERM);
    assert!(up.has_ended().await.success());
}
