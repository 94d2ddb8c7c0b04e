//! A process that is killed while it forwards.

use std::process::Stdio;
use std::time::Duration;

use launcher_fluent::{ForwardOptions, Forwarder, Server as To};
use launcher_testkit::Folder;
use launcher_testkit::wait::SOON;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::ground::{Does, Server, numbered};

const BUFFER: &str = "FLUENT_TEST_BUFFER";
const PORT: &str = "FLUENT_TEST_PORT";
const FIRST: &str = "FLUENT_TEST_FIRST";
const ROUNDS: u64 = 8;

fn options(port: u16, buffer: &str) -> ForwardOptions {
    ForwardOptions {
        flush: Duration::from_millis(5),
        chunk: 2000,
        acknowledge: Duration::from_secs(1),
        retry: Duration::from_millis(5),
        retry_most: Duration::from_millis(50),
        ..ForwardOptions::new(vec![To::at("127.0.0.1", port)], buffer)
    }
}

/// What is killed: it says up to which number records are in the buffer.
#[tokio::test]
#[ignore = "it is a part of the next one, which runs it as a process of its own"]
async fn forwards_until_it_is_killed() {
    let of = |name| std::env::var(name).ok();
    let (Some(buffer), Some(port), Some(first)) = (of(BUFFER), of(PORT), of(FIRST)) else { return };
    let forwarder = Forwarder::start(options(port.parse().unwrap(), &buffer)).unwrap();
    let mut number: u64 = first.parse().unwrap();
    loop {
        for _ in 0..100 {
            forwarder.send(&numbered(number)).unwrap();
            number += 1;
        }
        forwarder.buffered().await;
        println!("\nbuffered {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_buffered_arrives_however_often_the_process_is_killed() {
    let random = std::sync::Mutex::new(rand::rngs::SmallRng::seed_from_u64(3));
    let server = Server::start(move |_| match random.lock().unwrap().random_range(0..40) {
        0 => Does::Drop,
        1 => Does::DropTaken,
        2 => Does::Slowly(Duration::from_millis(20)),
        _ => Does::Acknowledge,
    })
    .await;
    let folder = Folder::new();
    let (port, buffer) = (server.address.port(), folder.path().to_str().unwrap());
    let mut expected = Vec::new();
    for round in 0..ROUNDS {
        let first = round * 1_000_000;
        let buffered = forward_and_kill(port, buffer, first, 5 + round * 7).await;
        assert!(buffered > first);
        expected.extend(first..buffered);
    }
    let forwarder = Forwarder::start(options(port, buffer)).unwrap();
    timeout(SOON, forwarder.delivered()).await.expect("everything is delivered");
    assert_eq!(forwarder.sent().lost, 0);
    server.seen(|seen| {
        let missing: Vec<_> =
            expected.iter().filter(|number| !seen.taken.contains_key(number)).collect();
        assert!(missing.is_empty(), "{} of {} are lost", missing.len(), expected.len());
    });
}

/// Up to which number it had buffered records when it was killed, which is after it has said so often.
async fn forward_and_kill(port: u16, buffer: &str, first: u64, words: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::forwards_until_it_is_killed", "--ignored", "--nocapture"])
        .env(BUFFER, buffer)
        .env(PORT, port.to_string())
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut buffered, mut said, mut killed) = (first, 0, false);
    while let Some(line) = timeout(SOON, lines.next_line()).await.unwrap().unwrap() {
        let Some(number) = line.strip_prefix("buffered ") else { continue };
        // The last line may have been cut off.
        if let Ok(number) = number.parse::<u64>()
            && number % 100 == 0
            && number > buffered
        {
            buffered = buffered.max(number.min(buffered + 100));
        }
        said += 1;
        if said >= words && !killed {
            killed = true;
            child.start_kill().unwrap();
        }
    }
    child.wait().await.unwrap();
    buffered
}
