//! A real Prometheus that scrapes a page, and what its linter says of it.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use launcher_testkit::Folder;
use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until};
use serde_json::Value;

/// What `promtool check metrics` complains about; nothing when it finds nothing.
pub(crate) fn complaints(page: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut linter = command.stderr(Stdio::piped()).spawn().expect("dev/setup.sh test installs it");
    linter.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = linter.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { said } else { format!("{}: {said}", output.status) }
}

/// A Prometheus that scrapes `target` every second.
pub(crate) struct Prometheus {
    address: SocketAddr,
    child: Child,
    _folder: Folder,
}

impl Prometheus {
    pub(crate) fn start(target: SocketAddr) -> Self {
        Self::start_with(target, None)
    }

    /// The same, with a token.
    pub(crate) fn start_with(target: SocketAddr, token: Option<&str>) -> Self {
        let folder = Folder::new();
        let at = folder.path();
        let scrape = "scrape_configs: [{job_name: agent, scrape_interval: 1s, scrape_timeout: 1s";
        let login = token.map(|token| format!(", authorization: {{credentials: '{token}'}}"));
        let login = login.unwrap_or_default();
        let configuration =
            format!("{scrape}{login}, static_configs: [{{targets: ['{target}']}}]}}]\n");
        fs::write(at.join("prometheus.yml"), configuration).unwrap();
        let address = free_port();
        let log = fs::File::create(at.join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", at.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", at.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dev/setup.sh test installs it");
        Self { address, child, _folder: folder }
    }

    /// The results of a query, as soon as there are some.
    pub(crate) async fn finds(&self, query: &str) -> Vec<Value> {
        let url = format!("http://{}/api/v1/query", self.address);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        until(&format!("an answer to {query}"), SOON, || async {
            let answer = client.get(&url).query(&[("query", query)]).send().await.ok()?;
            let answer: Value = answer.json().await.ok()?;
            let found = answer["data"]["result"].as_array()?.clone();
            (!found.is_empty()).then_some(found)
        })
        .await
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
