//! Into the server: what others log is measured as what edges carry.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use launcher_fluent::wire::{write_ack, write_message};
use launcher_fluent::{EventTime, Record};
use launcher_testkit::engine::TEST_LABEL;
use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until};
use launcher_testkit::{Folder, Nginx};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fluentd::send;
use crate::ground::{HOST, Shop};

/// That nothing more comes can only be watched for a while.
const WATCHED: Duration = Duration::from_secs(3);

/// A shop whose server listens, and is told by its own edge too.
async fn shop(more: &str) -> (Shop, SocketAddr) {
    let address = free_port();
    let configuration = format!(
        "[fluentd]\nlisten = \"{address}\"\n{more}\n[access_log]\nfluentd = [\"{address}\"]\n"
    );
    (Shop::open(&configuration).await, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_records_of_edges_count_once_whichever_way() {
    for count in ["count = \"records\"", ""] {
        let (shop, _) = shop(count).await;
        for n in 0..40 {
            shop.get(&format!("/version?n={n}")).await;
        }
        shop.wait_for("requests", 40).await;
        // What comes the other way takes about a second, and must not add anything.
        tokio::time::sleep(WATCHED).await;
        shop.wait_for("requests", 40).await;
        assert!(shop.slowest_median().await > 0.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_records_of_others_are_measured() {
    let (shop, address) = shop("").await;
    let (container, _) = shop.container().await;
    let mut records =
        vec![json!({ "service": "shop", "version": 1, "status": 200, "request_time": 0.25 }); 30];
    let combined =
        r#"192.0.2.7 - - [24/Nov/2026:13:00:00 +0000] "GET / HTTP/1.1" 503 612 "-" "curl""#;
    records.extend(vec![json!({ "container_id": container, "log": combined }); 5]);
    // What cannot be understood stands in nobody's way.
    records.push(json!({ "service": "other", "version": 1, "status": 200 }));
    records.push(json!({ "log": "listening" }));
    records.push(json!({ "status": { "nested": [1, null] } }));
    records.push(json!({ "service": "shop", "version": 1, "status": 404 }));
    send(address, &records).await;
    shop.wait_for("requests", 36).await;
    shop.wait_for("requests_5xx", 5).await;
    let counted = shop.metrics_page().await;
    for line in [
        "launcher_fluentd_records_total 39",
        "launcher_fluentd_left_out_total{why=\"nobodys\"} 1",
        "launcher_fluentd_left_out_total{why=\"unknown\"} 1",
        "launcher_fluentd_left_out_total{why=\"no_access\"} 1",
        "launcher_fluentd_errors_total{why=\"malformed\"} 0",
    ] {
        assert!(counted.lines().any(|one| one == line), "{line}: {counted}");
    }
    let median = shop.slowest_median().await;
    assert!((240.0..260.0).contains(&median), "{median}");

    // A chunk that comes again is known.
    let fields =
        [("service", "shop".into()), ("version", 1.into()), ("status", rmpv::Value::from(500))];
    let record = Record::new("test", EventTime::now(), fields);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for chunk in ["one", "one", "two"] {
        let (mut message, mut answer) = (Vec::new(), Vec::new());
        write_message(&record, Some(chunk), &mut message);
        stream.write_all(&message).await.unwrap();
        write_ack(&chunk.into(), &mut answer);
        let mut answered = vec![0; answer.len()];
        timeout(SOON, stream.read_exact(&mut answered)).await.unwrap().unwrap();
        assert_eq!(answered, answer);
    }
    shop.wait_for("requests_5xx", 7).await;
}

/// A load balancer that is not ours, in front of our containers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_the_log_of_an_nginx_is_measured() {
    let (shop, address) = shop("").await;
    let (_, container) = shop.container().await;
    let folder = Folder::new();
    let mut nginx = Nginx::start(folder.path());
    let (listen, log) = (free_port(), folder.path().join("access.json"));
    let format = r#"{"upstream_addr":"$upstream_addr","status":"$status","request_time":"$request_time","body_bytes_sent":"$body_bytes_sent","request_length":"$request_length"}"#;
    let site = format!(
        "log_format launcher escape=json '{format}';\n\
         server {{ listen {listen}; access_log {} launcher; location / {{ proxy_pass http://{container}; }} }}\n",
        log.display()
    );
    std::fs::write(nginx.site("shop"), site).unwrap();
    nginx.kill();
    nginx.run();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..25 {
        let answer =
            client.get(format!("http://{listen}/version")).header("host", HOST).send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
    let lines = until("nginx's log", SOON, || async {
        let text = std::fs::read_to_string(&log).ok()?;
        (text.lines().count() == 25).then_some(text)
    })
    .await;
    let records: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    send(address, &records).await;
    shop.wait_for("requests", 25).await;
}

/// Runs a container with Docker's own driver, which prints these lines.
fn print(address: SocketAddr, lines: &[String]) {
    let context = Folder::new();
    let name = format!("launcher-test-access-{:x}", rand::random::<u64>());
    let dockerfile =
        format!("FROM scratch\nLABEL {TEST_LABEL} access={name}\nCOPY busybox lines /bin/\n");
    std::fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    std::fs::copy("/bin/busybox", context.path().join("busybox")).expect("run `dev/setup.sh test`");
    std::fs::write(context.path().join("lines"), lines.join("\n")).unwrap();
    docker(&["build", "--quiet", "--tag", &name, path(context.path())]);
    let address = format!("fluentd-address={address}");
    let driver = ["--log-driver", "fluentd", "--log-opt", &address, "--log-opt", "tag=docker.lb"];
    let run = ["run", "--rm", "--network", "none"];
    docker(&[&run[..], &driver, &[&name, "/bin/busybox", "cat", "/bin/lines"]].concat());
    let _ = Command::new("docker").args(["rmi", "--force", &name]).output();
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn docker(arguments: &[&str]) {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_its_own_driver_brings_what_a_load_balancer_prints() {
    let (shop, address) = shop("").await;
    let (_, container) = shop.container().await;
    let mut lines = vec!["starting".to_owned()];
    for status in [200, 200, 502] {
        let said = json!({ "upstream_addr": container.to_string(), "status": status, "request_time": "0.004" });
        lines.push(said.to_string());
    }
    lines.push("{\"half\":".to_owned());
    tokio::task::block_in_place(|| print(address, &lines));
    shop.wait_for("requests", 3).await;
    shop.wait_for("requests_5xx", 1).await;
}
