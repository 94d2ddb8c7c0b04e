//! What the listener does with clients that are not as they should be, and with a consumer that is slow.

use std::time::Duration;

use launcher_fluent::wire::{Limits, deflate, write_message, write_packed};
use launcher_fluent::{Batch, ListenOptions, Listener, Record};
use launcher_testkit::Folder;
use launcher_testkit::wait::{SOON, until};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::time::timeout;

use crate::ground::{Collector, LOCAL, number, numbered, security};

/// Long enough for what must not happen to happen.
const A_WHILE: Duration = Duration::from_millis(200);

fn message(number: u64, chunk: Option<&str>) -> Vec<u8> {
    let mut frame = Vec::new();
    write_message(&numbered(number), chunk, &mut frame);
    frame
}

/// A frame of about so many bytes.
fn long(bytes: usize, chunk: Option<&str>) -> Vec<u8> {
    let record = Record::new("long", numbered(0).time, [("text", "x".repeat(bytes))]);
    let mut frame = Vec::new();
    write_message(&record, chunk, &mut frame);
    frame
}

async fn connect(listener: &Listener) -> TcpStream {
    TcpStream::connect(listener.address()).await.unwrap()
}

/// Connects, sends this, and waits until the listener closes the connection; what it has said before.
async fn closed_after(listener: &Listener, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(listener).await;
    // It may close before all is sent.
    let _ = stream.write_all(bytes).await;
    let mut said = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut said)).await.expect("it closes the connection");
    said
}

#[tokio::test]
async fn heartbeats_are_answered_over_udp_and_taken_over_tcp() {
    let collector = Collector::start().await;
    let socket = UdpSocket::bind(LOCAL).await.unwrap();
    socket.connect(collector.listener.address()).await.unwrap();
    socket.send(&[0]).await.unwrap();
    let mut answer = [1; 8];
    let length = timeout(SOON, socket.recv(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer[..length], [0]);
    let mut stream = connect(&collector.listener).await;
    stream.write_all(&[&[0xc0, 0xc0][..], &message(1, None)].concat()).await.unwrap();
    collector.wait_for(1).await;
    let received = collector.listener.received();
    assert_eq!((received.heartbeats, received.frames, received.open), (3, 3, 1));
}

#[tokio::test]
async fn what_is_no_frame_is_counted_and_ends_its_connection_alone() {
    let collector = Collector::start().await;
    let mut good = connect(&collector.listener).await;
    good.write_all(&message(1, None)).await.unwrap();
    collector.wait_for(1).await;
    for bad in
        [&b"\xc1"[..], b"GET / HTTP/1.1\r\n\r\n", b"[\"tag\", 5, {}]", b"\x93\xa1a\x05\x05\x05\x05"]
    {
        assert_eq!(closed_after(&collector.listener, bad).await, b"");
    }
    for too_large in [&b"\xc6\xff\xff\xff\xff"[..], &[0x91; 100]] {
        assert_eq!(closed_after(&collector.listener, too_large).await, b"");
    }
    good.write_all(&message(2, None)).await.unwrap();
    collector.wait_for(2).await;
    let errors = collector.listener.received().errors;
    assert_eq!((errors.malformed, errors.too_large), (4, 2));
}

#[tokio::test]
async fn an_entry_that_is_none_is_left_out_and_its_chunk_acknowledged() {
    let collector = Collector::start().await;
    let mut stream = connect(&collector.listener).await;
    stream.write_all(b"\x93\xa1a\x91\x92\x05\xc0\x81\xa5chunk\xa2id").await.unwrap();
    let mut answer = [0; 8];
    timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"\x81\xa3ack\xa2id");
    let received = collector.listener.received();
    assert_eq!((received.errors.entries, received.records, received.acknowledged), (1, 0, 1));
}

#[tokio::test]
async fn a_chunk_is_acknowledged_once_the_consumer_has_it() {
    let (listener, mut batches) = Listener::bind(ListenOptions::at(LOCAL)).await.unwrap();
    let mut stream = connect(&listener).await;
    stream.write_all(&message(7, Some("id"))).await.unwrap();
    let batch = timeout(SOON, batches.recv()).await.unwrap().unwrap();
    assert_eq!(batch.records().map(|record| number(&record)).collect::<Vec<_>>(), [7]);
    let mut answer = [0; 8];
    assert!(timeout(A_WHILE, stream.read(&mut answer)).await.is_err(), "it says so too early");
    batch.ack.done();
    timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"\x81\xa3ack\xa2id");
}

#[tokio::test]
async fn a_chunk_that_the_consumer_drops_is_not_acknowledged() {
    let (listener, mut batches) = Listener::bind(ListenOptions::at(LOCAL)).await.unwrap();
    let mut stream = connect(&listener).await;
    stream.write_all(&message(7, Some("id"))).await.unwrap();
    drop(timeout(SOON, batches.recv()).await.unwrap().unwrap());
    let mut said = Vec::new();
    timeout(SOON, stream.read_to_end(&mut said)).await.unwrap().unwrap();
    assert_eq!(said, b"");
    until("it is counted", SOON, async || (listener.received().dropped == 1).then_some(())).await;
}

#[tokio::test]
async fn clients_wait_for_a_consumer_that_is_slow() {
    let options = ListenOptions { queue: 1, ..ListenOptions::at(LOCAL) };
    let (listener, mut batches) = Listener::bind(options).await.unwrap();
    let mut stream = connect(&listener).await;
    let writer = tokio::spawn(async move {
        for _ in 0..2000 {
            stream.write_all(&long(30_000, None)).await.unwrap();
        }
    });
    until("it is full", SOON, async || (listener.received().frames >= 2).then_some(())).await;
    let more =
        until("more comes in", SOON, async || (listener.received().frames > 3).then_some(()));
    assert!(timeout(A_WHILE, more).await.is_err());
    assert!(listener.received().frames <= 3, "{:?}", listener.received());
    let mut records = 0;
    while records < 2000 {
        records += timeout(SOON, batches.recv()).await.unwrap().unwrap().entries.len();
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn only_so_many_long_frames_are_in_memory() {
    let options = ListenOptions { large: 1, ..ListenOptions::at(LOCAL) };
    let (listener, mut batches) = Listener::bind(options).await.unwrap();
    let mut first = connect(&listener).await;
    first.write_all(&long(1_000_000, None)).await.unwrap();
    let held: Batch = timeout(SOON, batches.recv()).await.unwrap().unwrap();
    let mut second = connect(&listener).await;
    let writer = tokio::spawn(async move { second.write_all(&long(8_000_000, None)).await });
    assert!(timeout(A_WHILE, batches.recv()).await.is_err());
    // One that is short does not have to wait.
    let mut third = connect(&listener).await;
    third.write_all(&message(3, None)).await.unwrap();
    assert_eq!(timeout(SOON, batches.recv()).await.unwrap().unwrap().entries.bytes(), 19);
    drop(held);
    assert!(timeout(SOON, batches.recv()).await.unwrap().unwrap().entries.bytes() > 8_000_000);
    writer.await.unwrap().unwrap();
}

#[tokio::test]
async fn whoever_stalls_in_the_middle_of_a_frame_is_sent_away_and_whoever_rests_is_not() {
    let options = ListenOptions { stall: Duration::from_millis(100), ..ListenOptions::at(LOCAL) };
    let collector = Collector::with(options).await;
    let mut rests = connect(&collector.listener).await;
    rests.write_all(&message(1, None)).await.unwrap();
    collector.wait_for(1).await;
    assert_eq!(closed_after(&collector.listener, &message(2, None)[..10]).await, b"");
    assert_eq!(collector.listener.received().errors.stalled, 1);
    rests.write_all(&message(3, None)).await.unwrap();
    collector.wait_for(2).await;
}

#[tokio::test]
async fn whoever_does_not_show_the_key_in_time_is_sent_away() {
    let options = ListenOptions {
        security: Some(security("listener")),
        handshake: Duration::from_millis(100),
        ..ListenOptions::at(LOCAL)
    };
    let collector = Collector::with(options).await;
    let said = closed_after(&collector.listener, b"").await;
    assert!(said.starts_with(b"\x92\xa4HELO"), "{said:?}");
    // Without the key nothing that is long is even read.
    closed_after(&collector.listener, &long(20_000, None)).await;
    let errors = collector.listener.received().errors;
    assert_eq!((errors.handshake, errors.too_large), (1, 1));
    assert!(collector.records().is_empty());
}

#[tokio::test]
async fn there_are_only_so_many_connections() {
    let options = ListenOptions { connections: 1, ..ListenOptions::at(LOCAL) };
    let collector = Collector::with(options).await;
    let mut first = connect(&collector.listener).await;
    first.write_all(&message(1, None)).await.unwrap();
    collector.wait_for(1).await;
    assert_eq!(closed_after(&collector.listener, b"").await, b"");
    assert_eq!(collector.listener.received().refused, 1);
    drop(first);
    until("there is room again", SOON, async || {
        (collector.listener.received().open == 0).then_some(())
    })
    .await;
    let mut next = connect(&collector.listener).await;
    next.write_all(&message(2, None)).await.unwrap();
    collector.wait_for(2).await;
}

#[tokio::test]
async fn a_unix_socket_is_taken_over_from_the_dead_and_removed() {
    let folder = Folder::new();
    let path = folder.path().join("fluent.sock");
    drop(UnixListener::bind(&path).unwrap());
    let unix = || ListenOptions { unix: Some(path.clone()), ..ListenOptions::at(LOCAL) };
    let collector = Collector::with(unix()).await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(&message(1, None)).await.unwrap();
    collector.wait_for(1).await;
    let refused = Listener::bind(unix()).await.unwrap_err();
    assert!(refused.to_string().contains("fluent.sock"), "{refused}");
    collector.listener.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_in_the_way_of_a_unix_socket_is_left_there_and_told() {
    let folder = Folder::new();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "of use").unwrap();
    let options = ListenOptions { unix: Some(path.clone()), ..ListenOptions::at(LOCAL) };
    let refused = Listener::bind(options).await.unwrap_err().to_string();
    assert!(refused.contains("notes.txt: what is there is no socket"), "{refused}");
    assert!(refused.ends_with("remove it, or choose another path"), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "of use");
}

#[tokio::test]
async fn a_listener_that_stops_waits_for_its_consumer() {
    let (listener, mut batches) = Listener::bind(ListenOptions::at(LOCAL)).await.unwrap();
    let mut stream = connect(&listener).await;
    stream.write_all(&message(7, Some("id"))).await.unwrap();
    let batch = timeout(SOON, batches.recv()).await.unwrap().unwrap();
    let mut stopping = tokio::spawn(listener.stop());
    assert!(timeout(A_WHILE, &mut stopping).await.is_err());
    batch.ack.done();
    timeout(SOON, stopping).await.unwrap().unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"\x81\xa3ack\xa2id");
    assert!(batches.recv().await.is_none());
}

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn garbage_and_bombs_take_little_memory() {
    let limits = Limits { frame: 4 << 20, inflated: 8 << 20, ..Limits::default() };
    let collector = Collector::with(ListenOptions { limits, ..ListenOptions::at(LOCAL) }).await;
    let mut random = rand::rngs::SmallRng::seed_from_u64(4);
    let good = message(1, Some("id"));
    let mut bomb = Vec::new();
    write_packed("a", &deflate(&vec![0xc0; 9 << 20]), 1, true, Some("id"), &mut bomb);
    // As many entries as fit, of which none is one.
    let mut wide = vec![0x92, 0xa1, b'a', 0xdd, 0, 0x3f, 0, 0];
    wide.resize(wide.len() + 0x3f_0000, 0xc0);
    let before = peak();
    for round in 0..400 {
        let mut bytes = good.clone();
        match round % 4 {
            0 => random.fill_bytes(&mut bytes),
            1 => bytes.truncate(random.random_range(0..bytes.len())),
            2 => {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            _ if round % 80 == 3 => bytes = bomb.clone(),
            _ if round % 200 == 7 => bytes = wide.clone(),
            _ => bytes = [0x91; 2000].to_vec(),
        }
        let mut stream = connect(&collector.listener).await;
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _ = timeout(SOON, stream.read_to_end(&mut Vec::new())).await.unwrap();
    }
    let mut stream = connect(&collector.listener).await;
    stream.write_all(&message(4_000_000, None)).await.unwrap();
    until("the good one", SOON, async || {
        collector
            .records()
            .iter()
            .any(|record| record.get("number").and_then(rmpv::Value::as_u64) == Some(4_000_000))
            .then_some(())
    })
    .await;
    let received = collector.listener.received();
    assert_eq!(received.connections, 401);
    assert!(received.errors.malformed > 50 && received.errors.too_large > 80, "{received:?}");
    assert!(received.errors.entries >= 2 * 0x3f_0000, "{received:?}");
    assert!(peak() < before + 60, "{before} MiB became {} MiB", peak());
}
