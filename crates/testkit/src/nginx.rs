//! A real nginx, as its owner runs one, in a folder of the test's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The real one, as `dev/setup.sh` installs it.
pub const BINARY: &str = "/usr/sbin/nginx";

/// An nginx as its owner runs it, in a folder.
pub struct Nginx {
    root: PathBuf,
    running: Option<Child>,
}

impl Nginx {
    /// Lays a configuration out that includes the edge's files by way of another file, and runs it.
    ///
    /// # Panics
    /// When nginx is not installed, or does not start.
    #[must_use]
    pub fn start(root: &Path) -> Self {
        for dir in ["conf/sites", "include", "tmp"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        let at = root.display();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {at}/tmp/{of};"))
            .concat();
        let main = format!(
            "{user} daemon off; worker_processes 2; pid {at}/nginx.pid; error_log {at}/error.log notice;\n\
             events {{ worker_connections 2048; }}\n\
             http {{ access_log off; {temp}\n include sites/*; }}\n"
        );
        fs::write(root.join("conf/nginx.conf"), main).unwrap();
        fs::write(root.join("conf/sites/edge"), format!("include {at}/include/*.conf;\n")).unwrap();
        let mut nginx = Self { root: root.to_owned(), running: None };
        nginx.run();
        nginx
    }

    /// Its main configuration file.
    #[must_use]
    pub fn conf(&self) -> PathBuf {
        self.root.join("conf/nginx.conf")
    }

    /// The edge's own directory of included files.
    #[must_use]
    pub fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    /// A file of its owner's own, which it includes.
    #[must_use]
    pub fn site(&self, name: &str) -> PathBuf {
        self.root.join("conf/sites").join(name)
    }

    /// Where the master's process id is.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.root.join("nginx.pid")
    }

    /// Starts it, and waits until it has workers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn run(&mut self) {
        let child = Command::new(BINARY)
            .args(["-c", self.conf().to_str().unwrap(), "-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.workers().is_empty() {
            assert!(Instant::now() < deadline, "nginx does not start: {}", self.errors());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it has logged so far.
    #[must_use]
    pub fn errors(&self) -> String {
        fs::read_to_string(self.root.join("error.log")).unwrap_or_default()
    }

    /// How often it has read its configuration again.
    #[must_use]
    pub fn reloads(&self) -> usize {
        self.errors().matches("signal 1 (SIGHUP) received").count()
    }

    fn master(&self) -> u32 {
        self.running.as_ref().unwrap().id()
    }

    /// The process ids of all its workers.
    ///
    /// # Panics
    /// When it was [killed](Self::kill).
    #[must_use]
    pub fn workers(&self) -> BTreeSet<u32> {
        let master = self.master();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
        let children = children.unwrap_or_default();
        let pids = children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap());
        let is_worker = |pid: &u32| {
            let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            title.starts_with(b"nginx: worker process")
        };
        pids.filter(is_worker).collect()
    }

    /// Ends it and its workers as a failing machine would.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let master = running.id();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
        running.kill().unwrap();
        running.wait().unwrap();
        for pid in children.unwrap_or_default().split_whitespace() {
            signal(pid.parse().unwrap(), rustix::process::Signal::KILL);
        }
    }
}

fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}
