//! The demonstration, as a newcomer runs it, on a real Docker Engine.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::process::{Child, Command, Output, Stdio};

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};
use launcher_testkit::Engine;
use launcher_testkit::wait::{SOON, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

#[tokio::test]
async fn docker_demo_shows_it_all_and_leaves_nothing() {
    let place = Place::new();
    let output = place.start(&["--exit", "--json"]).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let load = &report["load"];
    assert_eq!(
        [&load["failed"], &load["closed"], &load["wrong_version"]].map(|count| count.as_u64()),
        [Some(0); 3],
        "{load:#}"
    );
    let requests = load["requests"].as_u64().unwrap();
    assert!(requests > 1500, "{requests} requests are no load");
    assert_eq!(report["live"], serde_json::json!([1]));
    assert_eq!(report["ok"], true, "{:#}", report["checks"]);

    let steps = report["steps"].as_array().unwrap();
    let broken = steps.iter().find(|step| step["step"].as_str().unwrap().contains("broken"));
    let outcome = broken.unwrap()["outcome"].as_str().unwrap();
    assert!(
        outcome.starts_with("failed: ") && outcome.contains("exited with status 1"),
        "{outcome}"
    );
    let receipts: Vec<&Value> = steps.iter().filter_map(|step| step.get("receipt")).collect();
    assert_eq!(receipts.len(), 3, "{steps:#?}");
    assert!(receipts.iter().all(|receipt| receipt["failed"] == 0 && receipt["cut"] == 0));
    // Visitors with a WebSocket stayed while version 2 went live.
    assert!(receipts[1]["in_flight_connections"].as_u64().unwrap() > 0, "{receipts:#?}");

    for line in
        ["version 2 answers there, version 1 in production", "cannot connect to the database"]
    {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "there are colours where there is no terminal:\n{said}");
    place.assert_nothing_left(report["run"].as_str().unwrap()).await;
}

#[tokio::test]
async fn docker_demo_is_tidied_up_after_when_it_is_killed_and_when_it_is_interrupted() {
    let place = Place::new();
    let mut killed = place.start(&["--exit"]);
    let first = until("a container of the first run", SOON, || async {
        let run = place.runs().pop()?;
        (!place.containers(&run).await.is_empty()).then_some(run)
    })
    .await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    until("its processes ending by themselves", SOON, || async {
        place.processes().is_empty().then_some(())
    })
    .await;
    assert!(!place.images(&first).await.is_empty());

    let next = place.start(&["--exit"]);
    let second = until("the next run having taken it away, and being on its way", SOON, || async {
        place.runs().into_iter().find(|run| *run != first)
    })
    .await;
    assert!(place.containers(&first).await.is_empty());
    assert!(place.images(&first).await.is_empty());
    kill_process(pid(&next), Signal::INT).unwrap();
    let output = next.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).ends_with("error: it was interrupted before its end\n"),
        "{}",
        said(&output)
    );
    place.assert_nothing_left(&second).await;
}

#[tokio::test]
async fn the_demo_says_what_to_do_when_no_engine_answers() {
    let place = Place::new();
    let mut command = place.command(&["--exit"]);
    let output =
        command.env("LAUNCHER_DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.starts_with("error: no Docker Engine answers at unix:///nowhere/docker.sock"),
        "{said}"
    );
    assert!(said.contains("make demo"), "{said}");
    assert_eq!(std::fs::read_dir(place.directory.path()).unwrap().count(), 0);
}

/// Where the demonstrations of one test take place.
struct Place {
    directory: TempDir,
    docker: Docker,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("demo-").tempdir().unwrap();
        let socket = Engine::local().host().to_owned();
        let version = bollard::API_DEFAULT_VERSION;
        Self { directory, docker: Docker::connect_with_unix(&socket, 60, version).unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
        command.arg("demo").args(arguments).env("TMPDIR", self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// The runs that have a directory.
    fn runs(&self) -> Vec<String> {
        let listed = std::fs::read_dir(self.directory.path()).unwrap().flatten();
        let names = listed.map(|entry| entry.file_name().into_string().unwrap());
        names
            .filter_map(|name| {
                Some(name.strip_prefix("launcher-demo-")?.split('-').next()?.to_owned())
            })
            .collect()
    }

    /// Whatever descends from a run has the place of its files in its environment.
    fn processes(&self) -> Vec<String> {
        let mark = format!("TMPDIR={}", self.directory.path().display());
        let listed = std::fs::read_dir("/proc").unwrap().flatten();
        let ours = listed.filter(|entry| {
            let variables = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            variables.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        });
        ours.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    async fn containers(&self, run: &str) -> Vec<String> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&label(run)).build();
        let listed = self.docker.list_containers(Some(options)).await.unwrap();
        listed.into_iter().filter_map(|container| container.id).collect()
    }

    async fn images(&self, run: &str) -> Vec<String> {
        let options = ListImagesOptionsBuilder::new().all(true).filters(&label(run)).build();
        let listed = self.docker.list_images(Some(options)).await.unwrap();
        listed.into_iter().map(|image| image.id).collect()
    }

    async fn assert_nothing_left(&self, run: &str) {
        assert_eq!(self.containers(run).await, [""; 0], "containers are left");
        assert_eq!(self.images(run).await, [""; 0], "images are left");
        assert_eq!(self.processes(), [""; 0], "processes are left");
        assert_eq!(std::fs::read_dir(self.directory.path()).unwrap().count(), 0, "files are left");
    }

    async fn tidy_up(&self) {
        for process in self.processes() {
            let process = Pid::from_raw(process.parse().unwrap()).unwrap();
            let _ = kill_process(process, Signal::KILL);
        }
        for run in self.runs() {
            for container in self.containers(&run).await {
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                let _ = self.docker.remove_container(&container, Some(options)).await;
            }
            for image in self.images(&run).await {
                let options = RemoveImageOptionsBuilder::new().force(true).build();
                let _ = self.docker.remove_image(&image, Some(options), None).await;
            }
        }
    }
}

/// Whatever a test that failed has left is removed.
impl Drop for Place {
    fn drop(&mut self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(self.tidy_up());
            });
        });
    }
}

fn label(run: &str) -> HashMap<&'static str, Vec<String>> {
    HashMap::from([("label", vec![format!("launcher.demo={run}")])])
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
