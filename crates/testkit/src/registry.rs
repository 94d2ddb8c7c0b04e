//! A real image registry (Distribution 2.8), which ends with its guard.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::Digest;
use tokio::process::{Child, Command};

use crate::Folder;

/// How a registry is set up; nothing is anyone's, and without TLS.
#[derive(Debug, Clone, Default)]
pub struct RegistrySetup {
    /// Only these users, by their passwords.
    pub users: Vec<(String, String)>,
    /// Who gives out its tokens: address, and the certificate in PEM that has signed them.
    pub tokens: Option<(String, String)>,
    /// Its certificate and key in PEM.
    pub tls: Option<(String, String)>,
    /// Where it sends what happens, and with which bearer token.
    pub notify: Option<(String, String)>,
    /// It does not allow deleting.
    pub keeps_all: bool,
}

/// A real registry. It is gone when this is dropped.
pub struct Registry {
    address: SocketAddr,
    folder: Folder,
    setup: RegistrySetup,
    process: Option<Child>,
}

impl Registry {
    /// One that anyone may use.
    pub async fn open() -> Self {
        Self::start(RegistrySetup::default()).await
    }

    /// One that is set up so.
    pub async fn start(setup: RegistrySetup) -> Self {
        // Once, for the TLS of clients.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut registry = Self { address, folder: Folder::new(), setup, process: None };
        registry.configure().await;
        registry.resume().await;
        registry
    }

    /// Ends it; what it holds stays.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.unwrap();
        }
    }

    /// Starts it again, under the same address.
    pub async fn resume(&mut self) {
        // `setpriv` lets the registry end with this process, also when that is killed.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "docker-registry", "serve"])
            .arg(self.path("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("no docker-registry: run `dev/setup.sh test`, or install the package docker-registry");
        self.process = Some(process);
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            assert!(std::time::Instant::now() < deadline, "the registry does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// JSON is YAML too.
    async fn configure(&self) {
        let setup = &self.setup;
        let mut config = json!({
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {
                "filesystem": {"rootdirectory": self.path("data")},
                "delete": {"enabled": !setup.keeps_all},
            },
            "http": {"addr": self.address.to_string(), "secret": "any"},
        });
        if let Some((certificate, key)) = &setup.tls {
            std::fs::write(self.path("cert.pem"), certificate).unwrap();
            std::fs::write(self.path("key.pem"), key).unwrap();
            config["http"]["tls"] =
                json!({"certificate": self.path("cert.pem"), "key": self.path("key.pem")});
        }
        if !setup.users.is_empty() {
            let mut known = String::new();
            for (user, password) in &setup.users {
                known.push_str(&htpasswd(user, password).await);
            }
            std::fs::write(self.path("users"), known).unwrap();
            config["auth"] = json!({"htpasswd": {"realm": "test", "path": self.path("users")}});
        }
        if let Some((realm, certificate)) = &setup.tokens {
            std::fs::write(self.path("bundle.pem"), certificate).unwrap();
            config["auth"] = json!({"token": {
                "realm": realm, "service": "test-registry", "issuer": "test-issuer",
                "rootcertbundle": self.path("bundle.pem"),
            }});
        }
        if let Some((url, token)) = &setup.notify {
            config["notifications"] = json!({"endpoints": [{
                "name": "launcher", "url": url, "timeout": "2s", "threshold": 3, "backoff": "200ms",
                "headers": {"Authorization": [format!("Bearer {token}")]},
            }]});
        }
        std::fs::write(self.path("config.yml"), config.to_string()).unwrap();
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A repository's name in it.
    #[must_use]
    pub fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address)
    }

    /// Pushes an image without layers that has these labels, as whoever has this `Authorization`. Returns
    /// its digest.
    pub async fn push(
        &self,
        repository: &str,
        tag: &str,
        labels: Value,
        authorization: Option<&str>,
    ) -> String {
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": []},
        });
        self.push_config(repository, tag, config, authorization).await
    }

    /// Pushes an image without layers, with this configuration.
    pub async fn push_config(
        &self,
        repository: &str,
        tag: &str,
        config: Value,
        authorization: Option<&str>,
    ) -> String {
        let config = config.to_string();
        let config_digest = digest(config.as_bytes());
        let size = config.len();
        let start = format!("{repository}/blobs/uploads/");
        let begun = self.call(reqwest::Method::POST, &start, None, Vec::new(), authorization).await;
        let upload = begun.headers()["location"].to_str().unwrap().to_owned();
        let upload = upload.split_once("/v2/").unwrap().1;
        let upload = format!("{upload}&digest={config_digest}");
        let octets = Some("application/octet-stream");
        self.call(reqwest::Method::PUT, &upload, octets, config.into_bytes(), authorization).await;
        let media_type = "application/vnd.docker.distribution.manifest.v2+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "layers": [],
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": size, "digest": config_digest,
            },
        });
        let manifest = manifest.to_string().into_bytes();
        let pushed = digest(&manifest);
        let path = format!("{repository}/manifests/{tag}");
        self.call(reqwest::Method::PUT, &path, Some(media_type), manifest, authorization).await;
        pushed
    }

    /// Whether it has a manifest with this tag or digest.
    pub async fn has(&self, repository: &str, name: &str) -> bool {
        let url = format!("http://{}/v2/{repository}/manifests/{name}", self.address);
        let accept = "application/vnd.docker.distribution.manifest.v2+json";
        let asked = reqwest::Client::new().get(url).header("accept", accept).send().await;
        asked.unwrap().status().is_success()
    }

    /// Deletes a manifest.
    pub async fn delete(&self, repository: &str, digest: &str) {
        let path = format!("{repository}/manifests/{digest}");
        self.call(reqwest::Method::DELETE, &path, None, Vec::new(), None).await;
    }

    async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        media_type: Option<&str>,
        body: Vec<u8>,
        authorization: Option<&str>,
    ) -> reqwest::Response {
        let client = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
        let scheme = if self.setup.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/v2/{path}", self.address);
        let mut request = client.request(method, url).body(body);
        for (name, value) in [("content-type", media_type), ("authorization", authorization)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        answer
    }
}

fn digest(bytes: &[u8]) -> String {
    let hash = sha2::Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

async fn htpasswd(user: &str, password: &str) -> String {
    let made = Command::new("htpasswd").args(["-Bbn", "-C4", user, password]).output();
    let made = tokio::time::timeout(Duration::from_secs(10), made).await.unwrap();
    let made =
        made.expect("no htpasswd: run `dev/setup.sh test`, or install the package apache2-utils");
    assert!(made.status.success());
    String::from_utf8(made.stdout).unwrap().trim().to_owned() + "\n"
}
