//! What containers print goes to a Fluentd, where a service asks for it and the engine can.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};

use launcher_fluent::{ListenOptions, Listener, Record};
use launcher_testkit::Installation;
use launcher_testkit::wait::{SOON, until_ok};
use rmpv::Value;
use serde_json::json;

use crate::ground::{Ground, program};
use crate::logs::{ask, numbers};

/// A Fluentd that takes everything, and what came.
struct Fluentd {
    records: Arc<Mutex<Vec<Record>>>,
    _listener: Listener,
}

impl Fluentd {
    async fn at(address: SocketAddr) -> Self {
        let (listener, mut batches) = Listener::bind(ListenOptions::at(address)).await.unwrap();
        let records = Arc::<Mutex<Vec<Record>>>::default();
        let taken = Arc::clone(&records);
        tokio::spawn(async move {
            while let Some(batch) = batches.recv().await {
                taken.lock().unwrap().extend(batch.records());
                batch.ack.done();
            }
        });
        Self { records, _listener: listener }
    }

    /// The numbers that containers have printed which came under this tag, and whose they were.
    fn numbers(&self, tag: &str) -> (BTreeSet<u64>, BTreeSet<String>) {
        let records = self.records.lock().unwrap();
        let of = records.iter().filter(|record| &*record.tag == tag);
        let printed = of.filter_map(|record| {
            let number = text(record, "log").strip_prefix("number ")?.parse::<u64>().ok()?;
            Some((number, text(record, "container_id").to_owned()))
        });
        printed.unzip()
    }
}

fn text<'r>(record: &'r Record, field: &str) -> &'r str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_swarm_what_containers_print_goes_to_fluentd() {
    let mut ground = Ground::swarm().await;
    let image = ground.image(1, &[]).await;
    // An address that the hosts reach, where nobody is yet: containers start and serve all the same.
    let address = TcpListener::bind((ground.gateway(), 0)).unwrap().local_addr().unwrap();
    let mut installation = ground.installation();
    let api = installation.start().await;
    api.put_service(json!({
        "service": { "name": "shop", "hosts": ["shop.example.com"], "replicas": 2, "port": 8080 },
        "health": { "path": "/healthz", "interval": "200ms", "start_period": "30s" },
        "logs": { "fluentd": address.to_string() },
    }))
    .await;
    for version in [1, 2] {
        assert_eq!(api.launch_ready("shop", &image).await, version);
        print(&installation, version, 20).await;
    }
    let fluentd = Fluentd::at(address).await;
    for version in [1, 2] {
        let all: BTreeSet<u64> = (0..20).collect();
        until_ok("all lines having come", SOON, || async {
            let (printed, by) = fluentd.numbers(&format!("launcher.shop.{version}"));
            // Both containers were asked.
            if printed == all && by.len() == 2 {
                Ok(())
            } else {
                Err(format!("{printed:?} {by:?}"))
            }
        })
        .await;
        // The engine has kept a copy, which is read as ever.
        let (mut kept, told) = numbers(&installation, version);
        kept.sort_unstable();
        assert_eq!(kept, (0..20).collect::<Vec<u64>>(), "{told}");
    }
}

/// Has a version print numbers from 0 on, one at each request.
async fn print(installation: &Installation, version: u64, many: u64) {
    let host = format!("v{version}.shop.localhost");
    for number in 0..many {
        ask(installation, &host, &format!("/print?lines=1&from={number}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_marathon_sends_no_logs_and_says_so() {
    let ground = Ground::marathon().await;
    let mut installation = ground.installation();
    let api = installation.start().await;
    let file = installation.scratch().join("launcher.toml");
    let service = "[service]\nname = \"shop\"\nport = 8080\nimage = \"shop\"\n";
    std::fs::write(&file, format!("{service}[logs]\nfluentd = \"fluentd.example.com:24224\"\n"))
        .unwrap();
    let apply = |more: &[&str]| {
        let mut command = Command::new(program());
        command.args(["apply", "-f", file.to_str().unwrap()]).args(more);
        let output = command.env("LAUNCHER_DATA", installation.data()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for more in [&[][..], &["--dry-run"]] {
        let (status, told) = apply(more);
        let why = "with scheduler marathon no logs are sent to a Fluentd: take [logs] fluentd out of launcher.toml";
        assert!(status == Some(1) && told.contains(why), "{status:?} {told}");
    }
    assert_eq!(api.get("/services").await["items"], json!([]));
    std::fs::write(&file, service).unwrap();
    let (status, told) = apply(&[]);
    assert_eq!(status, Some(0), "{told}");
}
