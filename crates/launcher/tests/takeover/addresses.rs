use launcher_testkit::wait::{SOON, until};
use tokio::net::TcpStream;

use super::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_other_addresses_and_other_threads() {
    let lab = Lab::new().await;
    let first = lab.first_edge().await;
    let (old, new) = (lab.http, free());
    let second = lab.start_edge_on(&[old, new], &["--threads", "5"]);
    first.has_ended_well().await;
    for _ in 0..20 {
        assert_eq!((get(old).await, get(new).await), (Ok(1), Ok(1)));
    }
    let third = lab.start_edge_on(&[new], &["--threads", "1"]);
    second.has_ended_well().await;
    for _ in 0..20 {
        assert_eq!(get(new).await, Ok(1));
    }
    assert!(TcpStream::connect(old).await.is_err(), "nobody serves there any more");
    drop(third);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_an_edge_that_cannot_serve_where_it_shall_takes_nothing_over() {
    let lab = Lab::new().await;
    let mut edge = lab.first_edge().await;
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let next = lab.start_edge_on(&[lab.http, taken.local_addr().unwrap()], &[]);
    assert_eq!(next.has_ended().await.code(), Some(1));
    assert!(lab.log_text().contains("cannot serve HTTP on"), "{}", lab.log_text());
    let next = lab.start_edge_on(&[lab.http], &["--no-takeover"]);
    assert_eq!(next.has_ended().await.code(), Some(1));
    assert!(lab.log_text().contains("another edge uses"), "{}", lab.log_text());
    assert_eq!(get(lab.http).await, Ok(1));
    assert!(edge.ended().is_none());
}

/// Whoever is no successor costs nothing, whatever it does at the socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_nonsense_at_the_socket_costs_nothing() {
    use tokio::io::AsyncWriteExt;
    let lab = Lab::new().await;
    let edge = lab.first_edge().await;
    let path = lab.dir.path().join("edge/takeover.sock");
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let ask = br#"{"take_over":{"protocol":1,"version":"0","pid":1}}"#;
    let ask_of_another = br#"{"take_over":{"protocol":9,"version":"0","pid":1}}"#;
    let hand_over = br#""hand_over""#;
    let frame = |text: &[u8]| {
        let mut frame = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(text);
        frame
    };
    let all = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        Vec::new(),
        frame(b"[]"),
        frame(ask_of_another),
        frame(ask),
        [frame(ask), frame(hand_over)].concat(),
        [frame(ask), frame(ask)].concat(),
    ];
    for nonsense in all {
        let mut stream = until("the socket", SOON, || async {
            tokio::net::UnixStream::connect(&path).await.ok()
        })
        .await;
        stream.write_all(&nonsense).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        assert_eq!(get(lab.http).await, Ok(1));
    }
    lab.hub.wait_for_an_edge(SOON).await;
    let _next = lab.take_over(edge).await;
    assert_eq!(get(lab.http).await, Ok(1));
}
