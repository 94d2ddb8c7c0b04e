//! What the forwarder does with servers that are not to be relied on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use launcher_fluent::{
    Error, ForwardOptions, Forwarder, Full, ListenOptions, Listener, Server as To, User,
};
use launcher_testkit::Folder;
use launcher_testkit::wait::{SOON, until};
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::timeout;

use crate::ground::{Certificate, Does, LOCAL, Server, numbered, security};

/// Small chunks and little patience.
fn options(server: SocketAddr, folder: &Folder) -> ForwardOptions {
    ForwardOptions {
        flush: Duration::from_millis(10),
        chunk: 512,
        window: 4,
        acknowledge: Duration::from_millis(300),
        retry: Duration::from_millis(5),
        retry_most: Duration::from_millis(50),
        ..ForwardOptions::new(vec![to(server)], folder.path())
    }
}

fn to(server: SocketAddr) -> To {
    To::at(server.ip().to_string(), server.port())
}

/// An address at which nobody listens, and which nobody is given by chance.
fn nobody() -> SocketAddr {
    let address = Ipv4Addr::new(127, rand::random(), rand::random(), rand::random_range(1..255));
    let socket = TcpListener::bind((address, 0)).unwrap();
    socket.local_addr().unwrap()
}

fn send(forwarder: &Forwarder, numbers: std::ops::Range<u64>) {
    for number in numbers {
        forwarder.send(&numbered(number)).unwrap();
    }
}

async fn delivered(forwarder: &Forwarder) {
    timeout(SOON, forwarder.delivered()).await.expect("everything is delivered");
}

fn all(server: &Server) -> Vec<u64> {
    server.seen(|seen| seen.taken.keys().copied().collect())
}

#[tokio::test]
async fn records_come_once_in_order_and_soon() {
    let server = Server::start(|_| Does::Acknowledge).await;
    let folder = Folder::new();
    let port = server.address.port();
    let options = ForwardOptions::new(vec![To::at("localhost", port)], folder.path());
    let forwarder = Forwarder::start(options).unwrap();
    for number in 0..5 {
        let began = Instant::now();
        forwarder.send(&numbered(number)).unwrap();
        until("it comes", SOON, async || (all(&server).len() as u64 > number).then_some(())).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    send(&forwarder, 5..20_000);
    delivered(&forwarder).await;
    let expected: Vec<_> = (0..20_000).collect();
    server.seen(|seen| {
        assert_eq!(seen.order, expected);
        assert_eq!(seen.connections, 1);
    });
    let sent = forwarder.sent();
    assert_eq!((sent.given, sent.records, sent.again, sent.lost), (20_000, 20_000, 0, 0));
    assert_eq!((sent.waiting_records, sent.memory_bytes, sent.failures), (0, 0, 0));
    assert!(forwarder.close(SOON).await);
}

/// Sends to a server that fails in every way it can, at random.
async fn send_to_unreliable(seed: u64, compress: bool) {
    let random = Mutex::new(rand::rngs::SmallRng::seed_from_u64(seed));
    let server = Server::start(move |_| match random.lock().unwrap().random_range(0..20) {
        0 => Does::Withhold,
        1 => Does::Confuse,
        2 | 3 => Does::Drop,
        4 | 5 => Does::DropTaken,
        6 => Does::Slowly(Duration::from_millis(5)),
        _ => Does::Acknowledge,
    })
    .await;
    let folder = Folder::new();
    let options = ForwardOptions { compress, ..options(server.address, &folder) };
    let forwarder = Forwarder::start(options).unwrap();
    for part in 0..20 {
        send(&forwarder, part * 100..(part + 1) * 100);
        forwarder.buffered().await;
    }
    delivered(&forwarder).await;
    assert_eq!(all(&server), (0..2000).collect::<Vec<_>>());
    let sent = forwarder.sent();
    assert_eq!((sent.records, sent.lost, sent.refused), (2000, 0, 0));
    assert!(sent.again > 0 && sent.failures > 0, "{sent:?}");
}

#[tokio::test]
async fn nothing_is_lost_to_a_server_that_is_not_to_be_relied_on() {
    send_to_unreliable(1, false).await;
    send_to_unreliable(2, true).await;
}

#[tokio::test]
async fn a_server_that_is_slow_and_goes_on_is_not_left() {
    let server = Server::start(|_| Does::Slowly(Duration::from_millis(100))).await;
    let folder = Folder::new();
    let forwarder = Forwarder::start(options(server.address, &folder)).unwrap();
    // More than its patience of 300 ms for the window as a whole.
    send(&forwarder, 0..200);
    delivered(&forwarder).await;
    let sent = forwarder.sent();
    assert_eq!((sent.records, sent.again, sent.failures), (200, 0, 0));
    assert!(sent.chunks > 4, "{sent:?}");
}

#[tokio::test]
async fn what_was_not_acknowledged_outlives_the_forwarder() {
    let folder = Folder::new();
    let nobody = nobody();
    let forwarder = Forwarder::start(options(nobody, &folder)).unwrap();
    send(&forwarder, 0..1000);
    assert!(!forwarder.close(Duration::from_millis(100)).await);
    let forwarder = Forwarder::start(options(nobody, &folder)).unwrap();
    assert_eq!(forwarder.sent().waiting_records, 1000);
    send(&forwarder, 1000..1100);
    forwarder.buffered().await;
    let server = Server::at(nobody, |_| Does::Acknowledge).await;
    delivered(&forwarder).await;
    server.seen(|seen| assert_eq!(seen.order, (0..1100).collect::<Vec<_>>()));
    assert!(forwarder.close(SOON).await);
    let forwarder = Forwarder::start(options(nobody, &folder)).unwrap();
    assert_eq!(forwarder.sent().waiting_records, 0);
}

#[tokio::test]
async fn another_server_takes_over_and_the_first_one_is_found_again() {
    let folder = Folder::new();
    let (nobody, second) = (nobody(), Server::start(|_| Does::Acknowledge).await);
    let servers = vec![to(nobody), to(second.address)];
    let forwarder =
        Forwarder::start(ForwardOptions { servers, ..options(nobody, &folder) }).unwrap();
    send(&forwarder, 0..100);
    delivered(&forwarder).await;
    assert_eq!(all(&second).len(), 100);
    let first = Server::at(nobody, |_| Does::Acknowledge).await;
    let mut next = 100;
    let began = Instant::now();
    while all(&first).is_empty() {
        assert!(began.elapsed() < SOON, "the first is not used");
        send(&forwarder, next..next + 1);
        next += 1;
        delivered(&forwarder).await;
    }
    let both = all(&first).len() + all(&second).len();
    assert_eq!(both as u64, next, "nothing came twice");
    drop(first);
    send(&forwarder, next..next + 100);
    delivered(&forwarder).await;
    assert!(all(&second).contains(&(next + 99)));
}

#[tokio::test]
async fn a_buffer_that_is_full_drops_the_oldest_and_counts_it() {
    let folder = Folder::new();
    let nobody = nobody();
    let options = ForwardOptions { buffer_limit: 20_000, ..options(nobody, &folder) };
    let forwarder = Forwarder::start(options).unwrap();
    for part in 0..50 {
        send(&forwarder, part * 100..(part + 1) * 100);
        forwarder.buffered().await;
    }
    let sent = forwarder.sent();
    assert!(sent.waiting_bytes <= 20_000 && sent.lost > 0, "{sent:?}");
    assert_eq!(sent.lost + sent.waiting_records, 5000);
    let server = Server::at(nobody, |_| Does::Acknowledge).await;
    delivered(&forwarder).await;
    let kept = all(&server);
    assert_eq!(kept, (sent.lost..5000).collect::<Vec<_>>());
}

#[tokio::test]
async fn records_for_which_there_is_no_room_are_refused_and_counted() {
    let folder = Folder::new();
    let chunk = 1 << 20;
    let options =
        ForwardOptions { chunk, memory: chunk, flush: SOON, ..options(nobody(), &folder) };
    let forwarder = Forwarder::start(options).unwrap();
    let mut numbers = 0..;
    let full = numbers.find_map(|number| forwarder.send(&numbered(number)).err());
    assert_eq!(full, Some(Full::Memory));
    assert_eq!(forwarder.sent().refused, 1);
    // It is written at once then, and there is room again.
    until("there is room", SOON, async || forwarder.send(&numbered(0)).ok()).await;
    let mut long = numbered(1);
    long.fields.push(("text".into(), "x".repeat(2 << 20).into()));
    assert_eq!(forwarder.send(&long), Err(Full::Record));
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let folder = Folder::new();
    let nowhere = Forwarder::start(ForwardOptions::new(Vec::new(), folder.path())).unwrap_err();
    assert!(matches!(nowhere, Error::NoServer));
    let user = Some(User { name: "ann".to_owned(), password: "sesame".into() });
    let nameless = To { user, ..To::at("127.0.0.1", 1) };
    let refused = Forwarder::start(ForwardOptions::new(vec![nameless], folder.path())).unwrap_err();
    assert!(matches!(refused, Error::UserWithoutKey));
    let forwarder = Forwarder::start(options(nobody(), &folder)).unwrap();
    let taken = Forwarder::start(options(nobody(), &folder)).unwrap_err();
    assert!(matches!(taken, Error::BufferTaken { .. }));
    drop(forwarder);
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let unusable = ForwardOptions::new(vec![To::at("127.0.0.1", 1)], file);
    assert!(matches!(Forwarder::start(unusable).unwrap_err(), Error::Buffer { .. }));
}

#[tokio::test]
async fn both_ends_agree_and_nothing_is_lost_to_a_consumer_that_drops_batches() {
    let certificate = Certificate::new();
    let options_in = ListenOptions {
        tls: Some(certificate.acceptor()),
        security: Some(security("listener")),
        ..ListenOptions::at(LOCAL)
    };
    let (listener, mut batches) = Listener::bind(options_in).await.unwrap();
    let folder = Folder::new();
    let server = To {
        tls: Some(certificate.connector()),
        security: Some(security("forwarder")),
        ..to(listener.address())
    };
    let options = ForwardOptions {
        servers: vec![server],
        compress: true,
        ..options(listener.address(), &folder)
    };
    let forwarder = Forwarder::start(options).unwrap();
    send(&forwarder, 0..3000);
    let mut taken = std::collections::BTreeSet::new();
    let mut count = 0;
    while taken.len() < 3000 {
        let batch = timeout(SOON, batches.recv()).await.unwrap().unwrap();
        count += 1;
        if count % 7 != 0 {
            taken.extend(batch.records().map(|record| crate::ground::number(&record)));
            batch.ack.done();
        }
    }
    delivered(&forwarder).await;
    let received = listener.received();
    assert!(received.dropped > 0 && received.acknowledged > 0, "{received:?}");
}
