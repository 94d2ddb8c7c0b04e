//! Programs of others that are told something, and say what.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use launcher_testkit::wait::{SOON, until};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A program that prints a line of JSON for each thing that it is told; the first line has its port.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    told: Arc<Mutex<Vec<Value>>>,
    _child: Child,
}

impl Receiver {
    /// One that takes webhooks, after it has refused the first few with these statuses.
    pub(crate) async fn webhooks(refusals: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notify/receiver.py");
        let mut command = Command::new("python3");
        command.arg(script).args(refusals);
        Self::start(command).await
    }

    pub(crate) async fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().expect("it starts");
        let first: Value = serde_json::from_str(&first).unwrap();
        let port = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { port, told, _child: child }
    }

    pub(crate) fn all(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }

    /// Waits until it was told so many things.
    pub(crate) async fn told(&self, number: usize) -> Vec<Value> {
        until(&format!("{number} messages arriving"), SOON, || async {
            let all = self.all();
            (all.len() >= number).then_some(all)
        })
        .await
    }
}
