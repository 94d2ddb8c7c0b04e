//! A real registry, which ends with the test.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::conformance::eventually;

pub(crate) struct Registry {
    address: SocketAddr,
    _folder: tempfile::TempDir,
    _process: Child,
}

impl Registry {
    /// One that anyone may use.
    #[allow(dead_code, reason = "the tests of another driver need none")]
    pub(crate) async fn open() -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), &[]).await
    }

    /// One that takes only these users, by their passwords.
    #[allow(dead_code, reason = "the tests of another driver need it elsewhere")]
    pub(crate) async fn closed(users: &[(&str, &str)]) -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), users).await
    }

    /// The same, at an address that other machines reach, too.
    pub(crate) async fn start(at: IpAddr, users: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind((at, 0)).unwrap().local_addr().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '{address}', secret: any}}\n",
            path("data").display()
        );
        if !users.is_empty() {
            let mut known = String::new();
            for (user, password) in users {
                known.push_str(&htpasswd(user, password).await);
            }
            std::fs::write(path("users"), known).unwrap();
            let users = path("users");
            config.push_str(&format!(
                "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                users.display()
            ));
        }
        std::fs::write(path("config.yml"), config).unwrap();
        // `setpriv` lets the registry end with this process, also when that is killed.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "docker-registry", "serve"])
            .arg(path("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("no docker-registry: run `dev/setup.sh test`, or install the package docker-registry");
        eventually("the registry listens", async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Self { address, _folder: folder, _process: process }
    }

    /// An image's name in this registry.
    pub(crate) fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.address)
    }
}

async fn htpasswd(user: &str, password: &str) -> String {
    let made = Command::new("htpasswd").args(["-Bbn", "-C4", user, password]).output();
    let made = tokio::time::timeout(Duration::from_secs(10), made).await.unwrap();
    let made =
        made.expect("no htpasswd: run `dev/setup.sh test`, or install the package apache2-utils");
    assert!(made.status.success());
    String::from_utf8(made.stdout).unwrap().trim().to_owned() + "\n"
}
