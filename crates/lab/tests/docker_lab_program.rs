//! `launcher-lab` as people use it: in one terminal it runs, in another one they type.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is test code")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use launcher_lab::{Lab, Options};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{answers, traces, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_launcher-lab");

/// A lab in another terminal.
struct Terminal {
    process: Child,
    name: String,
    directory: PathBuf,
}

impl Terminal {
    /// Starts it, and waits until it takes commands.
    async fn open(arguments: &[&str]) -> Self {
        let others = Lab::running().unwrap();
        let mut process = Command::new(PROGRAM);
        process.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = process.spawn().unwrap();
        until("the lab taking commands", async || new(&others).is_some()).await;
        let directory = new(&others).unwrap();
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        Self { process, name, directory }
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let lab = ["--lab", &self.name];
        let command = Command::new(PROGRAM).args(lab).args(arguments).output();
        command.unwrap()
    }

    /// What a command prints that does what it is asked.
    fn ask(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(arguments);
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.ask(&["status", "--json"])).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(self.process.id(), signal);
    }

    /// The one that takes the lab away.
    fn keeper(&self) -> u32 {
        let id = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let line = |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
        let is_keeper = |pid: &&str| line(pid).unwrap().contains("\0keeper\0");
        children.split_whitespace().find(is_keeper).unwrap().parse().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Its keeper takes away what it leaves.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn kill(process: u32, signal: Signal) {
    let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    kill_process(process, signal).unwrap();
}

/// The directory of a lab that was not there before, and takes commands.
fn new(others: &[PathBuf]) -> Option<PathBuf> {
    let mut labs = Lab::running().unwrap();
    labs.retain(|lab| !others.contains(lab) && lab.join("control.sock").exists());
    labs.pop()
}

async fn wait_until_gone(name: &str, directory: &Path) {
    until("the lab being gone", async || traces(name, directory).is_empty()).await;
}

#[tokio::test]
async fn docker_lab_program_takes_commands_until_it_is_interrupted() {
    let mut lab = Terminal::open(&["up", "--bare", "--hosts", "2"]).await;
    let status = lab.status();
    assert_eq!(status["hosts"][0]["node"], "ready");
    assert_eq!(status["hosts"][1]["state"], "up");
    assert_eq!(status["server"], Value::Null);
    let shown = lab.ask(&["status"]);
    assert!(shown.contains("ready, manager"), "{shown}");

    lab.ask(&["cut", "host-2"]);
    assert_eq!(lab.status()["hosts"][1]["state"], "cut");
    lab.ask(&["mend", "host-2"]);
    assert_eq!(lab.status()["hosts"][1]["state"], "up");
    lab.ask(&["kill", "host-2"]);
    assert_eq!(lab.status()["hosts"][1]["state"], "down");
    let refused = lab.command(&["exec", "host-2", "--", "true"]);
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(why, "error: host-2 is down; revive it first\n");
    lab.ask(&["revive", "host-2"]);
    assert_eq!(lab.ask(&["exec", "host-2", "--", "hostname"]), "host-2\n");
    let ended = lab.command(&["exec", "host-2", "--", "sh", "-c", "exit 7"]);
    assert_eq!(ended.status.code(), Some(7));
    lab.ask(&["stop-engine", "host-2"]);
    assert_eq!(lab.status()["hosts"][1]["engine"], false);
    let unknown = lab.command(&["cut", "host-9"]);
    let why = String::from_utf8(unknown.stderr).unwrap();
    assert_eq!(why, "error: there is no host host-9; there are host-1, host-2\n");

    lab.signal(Signal::INT);
    assert!(lab.process.wait().unwrap().success());
    assert_eq!(traces(&lab.name, &lab.directory), Vec::<String>::new());
    let late = lab.command(&["status"]);
    assert_eq!(late.status.code(), Some(1));
}

#[tokio::test]
async fn docker_lab_of_a_killed_process_goes() {
    let lab = Terminal::open(&["up", "--bare", "--hosts", "1", "--managers", "0"]).await;
    lab.signal(Signal::KILL);
    wait_until_gone(&lab.name, &lab.directory).await;
}

#[tokio::test]
async fn docker_lab_that_nobody_kept_goes_with_the_next() {
    let mut lab = Terminal::open(&["up", "--bare", "--hosts", "1", "--managers", "0"]).await;
    kill(lab.keeper(), Signal::KILL);
    lab.signal(Signal::KILL);
    lab.process.wait().unwrap();
    assert_ne!(traces(&lab.name, &lab.directory), Vec::<String>::new());
    assert!(!Lab::running().unwrap().contains(&lab.directory));
    let next = Lab::open(Options::hosts(1)).await.unwrap();
    assert_eq!(traces(&lab.name, &lab.directory), Vec::<String>::new());
    next.hosts()[0].docker().unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn docker_lab_program_runs_a_server_and_edges() {
    let launcher = Path::new(PROGRAM).with_file_name("launcher");
    assert!(launcher.exists(), "build it first: cargo build -p launcher");
    let lab =
        Terminal::open(&["up", "--hosts", "2", "--program", launcher.to_str().unwrap()]).await;
    let status = lab.status();
    let address = |host: usize| status["hosts"][host]["address"].as_str().unwrap().parse().unwrap();
    for host in [0, 1] {
        assert!(answers(address(host), 80).await);
    }
    let token = std::fs::read_to_string(status["token_file"].as_str().unwrap()).unwrap();
    let edges = || {
        let mut edges = Command::new(&launcher);
        edges.args(["--url", status["server"].as_str().unwrap(), "edges", "--json"]);
        let listed = edges.env("LAUNCHER_TOKEN", token.trim()).output().unwrap();
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let states = listed.as_array().unwrap().iter();
        states.map(|edge| edge["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(edges(), ["connected", "connected"]);
    lab.ask(&["kill", "host-2"]);
    assert_eq!(lab.status()["hosts"][1]["edge"], Value::Null);
    lab.ask(&["revive", "host-2"]);
    // The server may not have noticed yet that the one before is gone.
    until("its edge serving again", async || answers(address(1), 80).await).await;
    until("its edge being back", async || edges() == ["connected", "connected"]).await;
}
