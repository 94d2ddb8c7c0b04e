//! A Docker Engine of a test's own, which it may stop and start as it likes. Needs root.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::engine::Engine;
use crate::folder::Folder;

/// An engine with a bridge, a data directory and a socket of its own.
pub struct PrivateEngine {
    directory: Folder,
    bridge: String,
    daemon: Option<Child>,
}

/// How long an engine may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {}", arguments.join(" "));
}

impl PrivateEngine {
    /// Makes one, and starts it.
    ///
    /// # Panics
    /// When this is not root's process, or the engine does not start.
    #[must_use]
    pub fn start() -> Self {
        assert!(rustix::process::geteuid().is_root(), "an engine of one's own needs root");
        let directory = Folder::named("engine-");
        let (mark, subnet) = (rand::random::<u32>(), rand::random_range(1..250));
        let bridge = format!("rl{mark:08x}");
        run("ip", &["link", "add", &bridge, "type", "bridge"]);
        run("ip", &["address", "add", &format!("172.31.{subnet}.1/24"), "dev", &bridge]);
        run("ip", &["link", "set", &bridge, "up"]);
        let mut engine = Self { directory, bridge, daemon: None };
        engine.resume();
        engine
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine::at(&format!("unix://{}", self.path("docker.sock")))
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn resume(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log"));
        let log = log.unwrap();
        let mut command = Command::new("dockerd");
        command
            .args(["--data-root", &self.path("data"), "--exec-root", &self.path("exec")])
            .args([
                "--pidfile",
                &self.path("pid"),
                "-H",
                &format!("unix://{}", self.path("docker.sock")),
            ])
            .args(["--bridge", &self.bridge, "--iptables=false", "--ip-masq=false"])
            .args(["--containerd-namespace", &self.bridge])
            .args(["--containerd-plugins-namespace", &format!("{}p", self.bridge)])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.daemon =
            Some(command.spawn().expect("dockerd is installed; `dev/setup.sh test` does that"));
        let began = Instant::now();
        let socket = self.path("docker.sock");
        while !answers(Path::new(&socket)) {
            let log = || std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "the engine does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it, as a restart of its service would: its containers end too.
    pub fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        if let Some(pid) = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let began = Instant::now();
        while !matches!(daemon.try_wait(), Ok(Some(_))) {
            if began.elapsed() > PATIENCE {
                let _ = daemon.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn answers(socket: &Path) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let asked = stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n");
    let mut answer = [0; 12];
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b"200")
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        self.stop();
        let _ = Command::new("ip").args(["link", "delete", &self.bridge]).status();
        // What a daemon that was killed left mounted would keep its directory from being removed.
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let own = self.directory.path().to_str().unwrap_or_default().to_owned();
        for place in mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)) {
            if place.starts_with(&own) {
                let _ = Command::new("umount").args(["-l", place]).status();
            }
        }
    }
}
