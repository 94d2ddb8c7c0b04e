//! Docker's own log driver, and our listener.

use std::process::Command;

use launcher_fluent::{ListenOptions, Listener, Record};
use launcher_testkit::Folder;
use launcher_testkit::engine::TEST_LABEL;
use launcher_testkit::wait::SOON;
use rmpv::Value;
use tokio::time::timeout;

use crate::ground::{Collector, LOCAL};

/// An image of nothing but a static busybox, which is removed at the end.
struct Image(String);

impl Image {
    fn build() -> Self {
        let context = Folder::new();
        let name = format!("launcher-test-fluent-{:x}", rand::random::<u64>());
        let dockerfile =
            format!("FROM scratch\nLABEL {TEST_LABEL} fluent={name}\nCOPY busybox /bin/busybox\n");
        std::fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
        let busybox = context.path().join("busybox");
        std::fs::copy("/bin/busybox", busybox).expect("no /bin/busybox: run `dev/setup.sh test`");
        let context = context.path().to_str().unwrap();
        docker(&["build", "--quiet", "--tag", &name, context]);
        Self(name)
    }

    /// Runs a shell that does this, and waits for its end.
    async fn run(&self, address: &str, options: &[&str], script: &str) {
        let address = format!("fluentd-address={address}");
        let mut arguments = vec!["run", "--rm", "--network", "none", "--log-driver", "fluentd"];
        arguments.extend(["--log-opt", "tag=docker.{{.ImageName}}", "--log-opt", &address]);
        for option in options {
            arguments.extend(["--log-opt", option]);
        }
        arguments.extend([&self.0, "/bin/busybox", "sh", "-c", script]);
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let run = move || docker(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        timeout(SOON, tokio::task::spawn_blocking(run)).await.unwrap().unwrap();
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "--force", &self.0]).output();
    }
}

fn docker(arguments: &[&str]) {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const THREE_LINES: &str = "for n in 1 2 3; do echo line $n; done";

fn text<'a>(record: &'a Record, field: &str) -> &'a str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn check(records: &[Record], image: &Image) {
    let lines: Vec<_> = records.iter().map(|record| text(record, "log")).collect();
    assert_eq!(lines, ["line 1", "line 2", "line 3"]);
    for record in records {
        assert_eq!(&*record.tag, format!("docker.{}", image.0));
        assert_eq!(text(record, "source"), "stdout");
        assert_eq!(text(record, "container_id").len(), 64);
        assert!(text(record, "container_name").starts_with('/'));
    }
}

#[tokio::test]
async fn docker_sends_logs_with_every_option_of_its_driver() {
    let image = Image::build();
    let socket = Folder::new();
    let path = socket.path().join("fluent.sock");
    let collector =
        Collector::with(ListenOptions { unix: Some(path.clone()), ..ListenOptions::at(LOCAL) })
            .await;
    let tcp = format!("tcp://{}", collector.listener.address());
    let unix = format!("unix://{}", path.display());
    let precise = "fluentd-sub-second-precision=true";
    let acknowledged = "fluentd-request-ack=true";
    let all: [&[&str]; 4] =
        [&[], &[precise], &[acknowledged], &[precise, acknowledged, "fluentd-async=true"]];
    let mut seen = 0;
    for address in [&tcp, &unix] {
        for options in all {
            image.run(address, options, THREE_LINES).await;
            let records = collector.wait_for(seen + 3).await;
            check(&records[seen..], &image);
            let fractions = records[seen..].iter().any(|record| record.time.nanos > 0);
            assert_eq!(fractions, options.contains(&precise), "{options:?}");
            seen += 3;
        }
    }
    let received = collector.listener.received();
    assert_eq!((received.records, received.acknowledged), (24, 12));
    assert_eq!(received.errors, Default::default());
}

#[tokio::test]
async fn docker_sends_again_what_was_not_acknowledged() {
    let image = Image::build();
    let (listener, mut batches) = Listener::bind(ListenOptions::at(LOCAL)).await.unwrap();
    let consumer = tokio::spawn(async move {
        let (mut taken, mut dropped) = (Vec::new(), 0);
        while taken.len() < 3 {
            let batch = timeout(SOON, batches.recv()).await.unwrap().unwrap();
            if dropped <= taken.len() {
                dropped += 1;
                continue;
            }
            taken.extend(batch.records());
            batch.ack.done();
        }
        taken
    });
    let address = listener.address().to_string();
    image.run(&address, &["fluentd-request-ack=true"], THREE_LINES).await;
    check(&timeout(SOON, consumer).await.unwrap().unwrap(), &image);
    assert_eq!(listener.received().dropped, 3);
}
