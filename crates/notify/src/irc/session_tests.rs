//! The connection itself, with a peer that sends whatever it wants.

use std::sync::Arc;

use async_trait::async_trait;
use launcher_model::ServiceName;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::protocol::{Lost, Protocol};
use super::session::serve;
use super::{Channel, IrcServer};
use crate::{Answers, Rule};

struct Shop;

#[async_trait]
impl Answers for Shop {
    async fn overview(&self) -> Vec<(ServiceName, String)> {
        let services = (1..=20).map(|number| ServiceName::new(format!("shop-{number}")).unwrap());
        services.map(|service| (service, "v1 is live".to_owned())).collect()
    }

    async fn status(&self, service: &ServiceName) -> Option<Vec<String>> {
        (service.as_str() == "shop-1").then(|| vec!["v1 is live".to_owned()])
    }

    async fn history(&self, service: &ServiceName) -> Option<Vec<String>> {
        (service.as_str() == "shop-1").then(Vec::new)
    }
}

fn server(services: &str) -> IrcServer {
    let rule = Rule::new(&[services.to_owned()], &["all".to_owned()]).unwrap();
    IrcServer {
        name: "test".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 6667,
        tls: None,
        nick: "launcher".to_owned(),
        password: None,
        login: None,
        channels: vec![Channel { name: "#shop".to_owned(), key: None, rule }],
    }
}

/// What becomes of a connection whose peer sends this, and what it has heard.
async fn peer_sends(services: &str, pieces: Vec<Vec<u8>>) -> (Lost, String) {
    let server = server(services);
    let desk = Arc::new(Desk::new(&server, Arc::new(Shop)));
    let (ours, mut theirs) = duplex(1 << 20);
    let (_says, mut heard) = mpsc::channel(1);
    let mut protocol = Protocol::new(&server, Instant::now());
    let stop = CancellationToken::new();
    let peer = async {
        for piece in pieces {
            if theirs.write_all(&piece).await.is_err() {
                break;
            }
        }
        let _ = theirs.shutdown().await;
        let mut text = Vec::new();
        let _ = theirs.read_to_end(&mut text).await;
        String::from_utf8(text).unwrap()
    };
    let serving = async {
        let stream = ours;
        serve(stream, &mut protocol, &mut heard, &desk, &stop).await
    };
    tokio::join!(serving, peer)
}

#[tokio::test]
async fn a_line_without_end_is_not_kept() {
    let (lost, _) = peer_sends("*", vec![vec![b'x'; 100_000]]).await;
    assert!(lost.0.contains("cannot be read from"), "{lost:?}");
}

#[tokio::test]
async fn what_is_asked_is_answered_as_far_as_it_is_told_there() {
    let desk = Desk::new(&server("shop-1*"), Arc::new(Shop));
    let here = ["#shop".to_owned()];
    let ask = async |text: &str| {
        desk.answer(super::ask::Ask::parse(text, true).unwrap(), &here).await.join("\n")
    };
    assert_eq!(ask("status shop-1").await, "v1 is live");
    assert!(ask("status shop-2").await.contains("no service shop-2"));
    assert!(ask("history nothing").await.contains("no service nothing"));
    assert!(ask("history shop-1").await.contains("never deployed"));
    let overview = ask("status").await;
    assert_eq!(overview.lines().count(), 6);
    // 1 and 10 to 19 are eleven.
    assert!(overview.ends_with("… and 6 more") && !overview.contains("shop-2:"), "{overview}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn whatever_bytes_come_the_connection_ends_with_its_peer(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..600),
                Just(b":s 001 launcher :hello\r\n".to_vec()),
                Just(b":launcher!u@h JOIN #shop\r\n:a!b@c PRIVMSG #shop :!launcher status\r\n".to_vec()),
                Just(b"PING :\xff\xfe\r\n".to_vec()),
            ],
            0..20,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (lost, heard) = runtime.block_on(peer_sends("*", pieces));
        prop_assert!(!lost.0.is_empty());
        for line in heard.split_terminator("\r\n") {
            prop_assert!(line.len() <= 510 && !line.contains(['\r', '\n']), "{line:?}");
        }
    }
}
