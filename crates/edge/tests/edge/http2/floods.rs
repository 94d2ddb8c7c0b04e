//! Clients that send what costs the edge something and them nothing.

use std::time::Duration;

use launcher_edge::Limits;
use tokio::io::AsyncWriteExt;

use crate::support::*;

const ENHANCE_YOUR_CALM: u32 = 11;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// What this process has in memory, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

async fn lab() -> (Lab, Container) {
    let container = Container::named("calm").await;
    (Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await, container)
}

/// That the edge serves others as before.
async fn still_serves(lab: &Lab) {
    assert_eq!(lab.get("/").await.body, "calm");
    assert_eq!(Http2::connect(lab.edge.http).await.get("/").await.body, "calm");
}

#[tokio::test]
async fn requests_taken_back_at_once_break_their_connection() {
    let (lab, container) = lab().await;
    let mut frames = Frames::connect(lab.edge.http).await;
    let head = fields("GET", "/", HOST);
    let mut pairs = Vec::new();
    for n in 0..5_000 {
        pairs.extend(frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head));
        pairs.extend(frame(RST_STREAM, 0, 2 * n + 1, &CANCEL));
    }
    frames.write(&pairs).await;
    let away = frames.next_of(&[GOAWAY]).await.expect("GOAWAY");
    assert_eq!(away.code(), ENHANCE_YOUR_CALM);
    assert!(container.requests() < 1_000, "{}", container.requests());
    still_serves(&lab).await;
}

/// It would hold the connection for as long as it likes: nothing else can come meanwhile.
#[tokio::test]
async fn a_head_that_does_not_end_breaks_its_connection() {
    let container = Container::serve("never", |_| std::future::pending()).await;
    let calm = Container::named("calm").await;
    let table = shop(1, &[(2, 100)], &[(1, &[&container]), (2, &[&calm])]);
    let limits = Limits { head_timeout: Duration::from_millis(300), ..Limits::default() };
    let lab = Lab::with(&[table], limits).await;
    for busy in [false, true] {
        let mut frames = Frames::connect(lab.edge.http).await;
        if busy {
            let head = fields("GET", "/", "v1.shop.preview.test");
            frames.write(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)).await;
            until("the request", || container.requests() == 1).await;
        }
        frames.write(&frame(HEADERS, END_STREAM, 3, &fields("GET", "/", HOST))).await;
        let socket = socket2::SockRef::from(&frames.0).try_clone().unwrap();
        let mut stream = tokio::net::TcpStream::from_std(socket.into()).unwrap();
        // Now and then a field more, of which there is room for many.
        let drips = tokio::spawn(async move {
            let more = frame(CONTINUATION, 0, 3, &field("x", b"y"));
            while stream.write_all(&more).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let away = frames.next_of(&[GOAWAY]).await.expect("GOAWAY");
        assert_eq!(away.code(), ENHANCE_YOUR_CALM);
        while frames.next().await.is_some() {}
        soon("the drip to end", drips).await.unwrap();
    }
    until("all to end", || {
        lab.edge.counters.read().iter().all(|version| version.counted.previews.requests == 0)
    })
    .await;
    still_serves(&lab).await;
}

#[tokio::test]
async fn so_do_those_taken_back_when_they_are_under_way() {
    // It answers none, so that there is time to take each back.
    let container = Container::serve("never", |_| std::future::pending()).await;
    let calm = Container::named("calm").await;
    let pools: &[(u32, &[&Container])] = &[(1, &[&container]), (2, &[&calm])];
    let mut lab = Lab::new(&[shop(1, &[(1, 100)], pools)]).await;
    let mut frames = Frames::connect(lab.edge.http).await;
    let head = fields("GET", "/", HOST);
    for batch in 1..=8 {
        let streams = (batch - 1) * 50..batch * 50;
        for n in streams.clone() {
            let opens = frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head);
            assert!(frames.write(&opens).await);
        }
        let all = usize::try_from(batch * 50).unwrap();
        until("all are there", || container.requests() == all).await;
        for n in streams {
            assert!(frames.write(&frame(RST_STREAM, 0, 2 * n + 1, &CANCEL)).await);
        }
        until("all are gone", || lab.edge.in_flight() == 0).await;
    }
    let away = frames.next_of(&[GOAWAY]).await.expect("GOAWAY");
    assert_eq!(away.code(), ENHANCE_YOUR_CALM);
    lab.control.switch(7, &shop(2, &[(2, 100)], pools)).await;
    still_serves(&lab).await;
}

#[tokio::test]
async fn a_head_without_an_end_breaks_its_connection() {
    let (lab, container) = lab().await;
    let before = memory();
    let mut frames = Frames::connect(lab.edge.http).await;
    let mut head = fields("GET", "/", HOST);
    assert!(frames.write(&frame(HEADERS, END_STREAM, 1, &head)).await);
    head.clear();
    while head.len() < 16_000 {
        head.extend(field("x-more", &[b'x'; 100]));
    }
    let flood = frames.flood(frame(CONTINUATION, 0, 1, &head));
    let away = frames.next_of(&[GOAWAY]).await.expect("GOAWAY");
    assert_ne!(away.code(), 0);
    assert!(memory() < before + (64 << 20), "{} bytes more", memory().saturating_sub(before));
    flood.abort();
    assert_eq!(container.requests(), 0);
    still_serves(&lab).await;
}

#[tokio::test]
async fn so_does_one_of_empty_frames() {
    let (lab, container) = lab().await;
    let mut frames = Frames::connect(lab.edge.http).await;
    let head = fields("GET", "/", HOST);
    assert!(frames.write(&frame(HEADERS, END_STREAM, 1, &head)).await);
    let flood = frames.flood(frame(CONTINUATION, 0, 1, &[]).repeat(100));
    let away = frames.next_of(&[GOAWAY]).await.expect("GOAWAY");
    assert_ne!(away.code(), 0);
    flood.abort();
    assert_eq!(container.requests(), 0);
    still_serves(&lab).await;
}

#[tokio::test]
async fn a_connection_has_so_many_requests_under_way_and_no_more() {
    let container = Container::serve("never", |_| std::future::pending()).await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut frames = Frames::connect(lab.edge.http).await;
    let head = fields("GET", "/", HOST);
    for n in 0..200 {
        frames.write(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head)).await;
    }
    for _ in 128..200 {
        let refused = frames.next_of(&[RST_STREAM, GOAWAY]).await.unwrap();
        assert_eq!((refused.kind, refused.code()), (RST_STREAM, 7), "{refused:?}");
    }
    until("the others are there", || container.requests() == 128).await;
}

const WINDOW_UPDATE: u8 = 8;

#[tokio::test]
async fn requests_that_the_edge_is_made_to_take_back_break_their_connection() {
    // It answers none, so that there is something to take back.
    let container = Container::serve("never", |_| std::future::pending()).await;
    let lab = Lab::new(&[shop(1, &[(1, 100)], &[(1, &[&container])])]).await;
    let mut frames = Frames::connect(lab.edge.http).await;
    let head = fields("GET", "/", HOST);
    let mut pairs = Vec::new();
    for n in 0..5_000 {
        pairs.extend(frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head));
        // A window may not grow so large (RFC 9113 §6.9.1).
        pairs.extend(frame(WINDOW_UPDATE, 0, 2 * n + 1, &[0x7f, 0xff, 0xff, 0xff]));
    }
    frames.write(&pairs).await;
    let away = frames.next_of(&[GOAWAY]).await.expect("GOAWAY");
    assert_eq!(away.code(), ENHANCE_YOUR_CALM);
    assert!(container.requests() < 1_000, "{}", container.requests());
    until("nothing is left of them", || lab.edge.in_flight() == 0).await;
}

/// Each costs its sender some bytes; what the edge would have to say to it is not read.
#[tokio::test]
async fn small_frames_without_end_cost_no_memory() {
    const PRIORITY: u8 = 2;
    const PING: u8 = 6;
    const UNKNOWN: u8 = 0xfa;
    let (lab, _container) = lab().await;
    let open = frame(HEADERS, END_HEADERS, 1, &fields("POST", "/", HOST));
    for (what, small) in [
        ("PING", frame(PING, 0, 0, &[1; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("SETTINGS that say something", frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        ("empty DATA", frame(DATA, 0, 1, &[])),
        ("an unknown frame", frame(UNKNOWN, 0, 0, &[1; 8])),
    ] {
        let before = memory();
        let mut frames = Frames::connect(lab.edge.http).await;
        assert!(frames.write(&open).await, "{what}");
        let many = small.repeat(16_384 / small.len());
        let writes = async {
            for _ in 0..2_000 {
                if !frames.write(&many).await {
                    break;
                }
            }
        };
        // Or the edge takes no more of them, as nobody takes its answers.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), writes).await;
        let more = memory().saturating_sub(before);
        assert!(more < 32 << 20, "{what}: {more} bytes more");
        still_serves(&lab).await;
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_a_response_is_given_up() {
    let large = bytes::Bytes::from(vec![b'x'; 8 << 20]);
    let container = Container::serve("large", move |_| {
        let large = large.clone();
        async move { text(large) }
    })
    .await;
    let limits =
        Limits { write_timeout: std::time::Duration::from_millis(300), ..Limits::default() };
    let lab = Lab::with(&[shop(1, &[(1, 100)], &[(1, &[&container])])], limits).await;
    let before = memory();
    let mut frames = Frames::connect(lab.edge.http).await;
    let head = fields("GET", "/", HOST);
    for n in 0..100 {
        assert!(frames.write(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head)).await);
    }
    until("all are there", || container.requests() == 100).await;
    let more = memory().saturating_sub(before);
    assert!(more < 128 << 20, "of 800 MiB, {more} bytes");
    until("nothing is under way", || lab.edge.in_flight() == 0).await;
    assert_eq!(lab.get("/").await.status, 200);
}

#[tokio::test]
async fn a_head_without_an_end_keeps_its_connection_no_longer_than_nothing_does() {
    let (container, limits) = (
        Container::named("calm").await,
        Limits { keep_alive: std::time::Duration::from_millis(200), ..Limits::default() },
    );
    let lab = Lab::with(&[shop(1, &[(1, 100)], &[(1, &[&container])])], limits).await;
    let mut frames = Frames::connect(lab.edge.http).await;
    let head = fields("GET", "/", HOST);
    assert!(frames.write(&frame(HEADERS, END_STREAM, 1, &head)).await);
    while frames.next().await.is_some() {}
    assert_eq!(container.requests(), 0);
    still_serves(&lab).await;
}
