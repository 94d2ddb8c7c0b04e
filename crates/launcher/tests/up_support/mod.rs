//! `launcher up` without an engine, told what to do by files, signals and pipes.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use launcher_testkit::installation::Killer;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Api, Folder};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};

/// A data directory, and what runs in it.
pub(crate) struct Up {
    folder: Folder,
    child: Option<Child>,
}

impl Up {
    /// One with an empty data directory, in which nothing runs.
    pub(crate) fn new() -> Self {
        let folder = Folder::named("launcher-up-");
        std::fs::write(folder.path().join("config.toml"), "").unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder, child: None }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
        command.arg(name).arg("--config").arg(self.folder.path().join("config.toml"));
        command.arg("--data").arg(self.data()).args(["--listen", "127.0.0.1:0"]);
        command.args(["--http", "127.0.0.1:0"]).env_clear().stdin(Stdio::null());
        // Nothing here needs an engine, and none may be there.
        let engine = format!("unix://{}", self.folder.path().join("no-engine.sock").display());
        command.env("LAUNCHER_DOCKER_HOST", engine);
        command
    }

    /// Starts `launcher up`.
    pub(crate) fn start(&mut self, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) {
        let mut command = self.command("up");
        self.child = Some(command.stdout(stdout).stderr(stderr).spawn().unwrap());
    }

    /// Starts `launcher up`, and waits until the server answers and the edge is connected.
    pub(crate) async fn start_quietly(&mut self) -> Api {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        self.start(Stdio::null(), log);
        self.api().await
    }

    /// Runs `launcher server`, which refuses its start: what it says.
    pub(crate) async fn refusal(&self) -> String {
        let command = self.command("server");
        let mut command = tokio::process::Command::from(command);
        let output = command.kill_on_drop(true).output();
        let output = tokio::time::timeout(SOON, output).await.expect("it starts").unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Waits until the server answers and the edge is connected.
    pub(crate) async fn api(&self) -> Api {
        until("server and edge being up", SOON, || async {
            let base = self.text("address")?;
            let api = Api::new(&base, &self.text("admin-token")?);
            let edges = api.try_call(Method::GET, "/edges", None).await.ok()?.body;
            edges["items"].as_array().is_some_and(|edges| !edges.is_empty()).then_some(api)
        })
        .await
    }

    fn text(&self, file: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.data().join(file)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The process id of `server` or `edge`.
    pub(crate) fn process(&self, name: &str) -> Option<u32> {
        self.killer().process(name)
    }

    /// Kills `server` or `edge`, and waits until it has been started again.
    pub(crate) async fn kill(&self, name: &str) {
        let before = self.process(name).unwrap();
        assert!(self.killer().kill(name));
        until("the process being started again", SOON, || async {
            self.process(name).filter(|after| *after != before)
        })
        .await;
    }

    fn killer(&self) -> Killer {
        Killer::of(self.child.as_ref().unwrap().id())
    }

    /// Whether `launcher up` has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Ends `launcher up` and its processes.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
        if child.try_wait().unwrap().is_none() {
            let _ = kill_process(pid, Signal::TERM);
        }
        child.wait().unwrap();
    }
}

impl Drop for Up {
    #[expect(clippy::print_stderr, reason = "for whoever reads why a test failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.log()).unwrap_or_default());
        }
        self.stop();
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
