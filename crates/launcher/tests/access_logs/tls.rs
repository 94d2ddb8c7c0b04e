//! Out and in over TLS, from the configuration to what others wrote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use launcher_testkit::Folder;
use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until, until_ok};
use serde_json::{Value, json};

use crate::fluentd::{Node, feed};
use crate::ground::Shop;

/// A certificate for this machine that stands for itself, in files.
struct Certificate {
    pem: String,
    key: String,
    files: Folder,
}

impl Certificate {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let key = key.serialize_pem();
        let files = Folder::new();
        std::fs::write(files.path().join("cert.pem"), &pem).unwrap();
        std::fs::write(files.path().join("key.pem"), &key).unwrap();
        Self { pem, key, files }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A server for Node.js that shows it.
    async fn node(&self) -> Node {
        Node::start(&json!({ "tlsOptions": { "cert": self.pem, "key": self.key } })).await
    }
}

/// A shop whose edge logs to a server, trusts an authority, and tells Prometheus how that goes.
async fn shop(node: &Node, authority: &Path) -> (Shop, String) {
    let (metrics, port) = (free_port(), node.port);
    let configuration = format!(
        "[metrics]\nedge = \"{metrics}\"\n\
         [access_log]\nfluentd = [\"127.0.0.1:{port}\"]\ntls = true\nca_file = {authority:?}\n"
    );
    (Shop::open(&configuration).await, format!("http://{metrics}/metrics"))
}

/// A number of the edge's page.
async fn counted(page: &str, name: &str) -> Option<f64> {
    let text = reqwest::get(page).await.ok()?.text().await.ok()?;
    let name = format!("launcher_edge_access_log_{name} ");
    text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
}

async fn wait_for(page: &str, name: &str, enough: impl Fn(f64) -> bool) {
    until_ok(name, SOON, || async {
        let number = counted(page, name).await;
        if number.is_some_and(&enough) { Ok(()) } else { Err(format!("it is {number:?}")) }
    })
    .await;
}

async fn ask(shop: &Shop, numbers: std::ops::Range<u32>) -> BTreeSet<String> {
    for n in numbers.clone() {
        shop.get(&format!("/?n={n}")).await;
    }
    numbers.map(|n| format!("/?n={n}")).collect()
}

/// The paths of so many records that come.
async fn take(node: &mut Node, records: usize) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for _ in 0..records {
        let record = node.next().await;
        paths.insert(record["record"]["path"].as_str().unwrap().to_owned());
    }
    paths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_the_log_of_an_edge_is_acknowledged_over_tls() {
    let certificate = Certificate::new();
    let mut node = certificate.node().await;
    let (shop, page) = shop(&node, &certificate.file("cert.pem")).await;
    let asked = ask(&shop, 0..20).await;
    assert_eq!(take(&mut node, 20).await, asked);
    wait_for(&page, "sent_total", |sent| sent == 20.0).await;
    for name in ["failures_total", "lost_total", "waiting"] {
        assert_eq!(counted(&page, name).await, Some(0.0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_nothing_is_lost_while_a_certificate_is_not_trusted() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let mut node = certificate.node().await;
    let authority = other.file("cert.pem");
    let (shop, page) = shop(&node, &authority).await;
    let mut asked = ask(&shop, 0..20).await;
    wait_for(&page, "waiting", |waiting| waiting == 20.0).await;
    wait_for(&page, "failures_total", |failures| failures >= 2.0).await;
    assert_eq!(counted(&page, "sent_total").await, Some(0.0));
    assert_eq!(counted(&page, "lost_total").await, Some(0.0));
    let log = shop.installation.log();
    let told = log.lines().find(|line| line.contains("a Fluentd server")).expect("it is told");
    for part in ["cannot be encrypted", "invalid peer certificate", "keeping records in the buffer"]
    {
        assert!(told.contains(part), "{part} is not in {told}");
    }

    // Somebody gives it the right authority. An edge that is killed has its buffer on disk.
    std::fs::write(&authority, &certificate.pem).unwrap();
    let killer = shop.installation.killer();
    assert!(killer.kill("edge"));
    until("another edge", SOON, || async { counted(&page, "waiting").await }).await;
    until("it serving", SOON, || async { shop.try_get("/?n=20").await }).await;
    asked.insert("/?n=20".to_owned());
    assert_eq!(take(&mut node, 21).await, asked);
    wait_for(&page, "sent_total", |sent| sent == 21.0).await;
}

fn access(status: u16) -> Value {
    json!({ "service": "shop", "version": 1, "status": status, "request_time": "0.004" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_records_of_others_come_over_tls_from_who_trusts_the_certificate() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let address = free_port();
    let shop = Shop::open(&format!(
        "[fluentd]\nlisten = \"{address}\"\ntls_certificate_file = {:?}\ntls_key_file = {:?}\n",
        certificate.file("cert.pem"),
        certificate.file("key.pem")
    ))
    .await;
    let client = |authority: &str| {
        json!({
            "ack": { "ackTimeout": 20_000 },
            "socket": { "host": "127.0.0.1", "port": address.port(), "tls": { "ca": authority } },
        })
    };
    let refused = feed(&client(&other.pem), &[access(500)]).await;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("self-signed certificate"), "{said}");
    // Nor does anything come that is not encrypted.
    let plain = json!({ "socket": { "host": "127.0.0.1", "port": address.port() }, "ack": { "ackTimeout": 2000 } });
    assert!(!feed(&plain, &[access(500)]).await.status.success());

    let records: Vec<Value> = (0..30).map(|_| access(200)).collect();
    let taken = feed(&client(&certificate.pem), &records).await;
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    shop.wait_for("requests", 30).await;
    shop.wait_for("requests_5xx", 0).await;
}
