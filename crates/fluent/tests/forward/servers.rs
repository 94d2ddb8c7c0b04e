//! Our forwarder, and a server that others wrote.

use std::process::Stdio;

use launcher_fluent::handshake::Greeting;
use launcher_fluent::wire::{Frame, Framer, Limits, write_ack};
use launcher_fluent::{EventTime, ForwardOptions, Forwarder, Security, Server, User};
use launcher_testkit::Folder;
use launcher_testkit::wait::{SOON, until};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::clients::program;
use crate::ground::{Certificate, LOCAL, number, numbered, security};

/// The server for Node.js.
struct Node {
    port: u16,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Node {
    async fn start(options: &Value) -> Self {
        let mut process =
            program("server.js").arg(options.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        Self { port: port.parse().unwrap(), lines, _process: process }
    }

    async fn next(&mut self) -> Value {
        let line = timeout(SOON, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// Sends to the server, and checks what comes there.
async fn send(node: &mut Node, server: Server, compress: bool) {
    let folder = Folder::new();
    let options = ForwardOptions { compress, ..ForwardOptions::new(vec![server], folder.path()) };
    let forwarder = Forwarder::start(options).unwrap();
    for number in 0..300 {
        forwarder.send(&numbered(number)).unwrap();
        if number == 100 {
            forwarder.buffered().await;
        }
    }
    timeout(SOON, forwarder.delivered()).await.expect("everything is acknowledged");
    for number in 0..300 {
        let expected = json!({
            "tag": "test.numbered",
            "seconds": 1_600_000_000,
            "nanos": 250_000_000,
            "record": { "number": number },
        });
        assert_eq!(node.next().await, expected);
    }
    let sent = forwarder.sent();
    assert_eq!((sent.records, sent.again, sent.failures, sent.waiting_records), (300, 0, 0, 0));
    assert!(forwarder.close(SOON).await);
}

#[tokio::test]
async fn a_server_for_node_takes_packed_and_compressed_chunks() {
    for compress in [false, true] {
        let mut node = Node::start(&json!({})).await;
        let server = Server::at("127.0.0.1", node.port);
        send(&mut node, server, compress).await;
    }
}

fn server_options() -> Value {
    json!({
        "security": {
            "serverHostname": "node", "sharedKey": "the key", "authorize": true,
            "userDict": { "ann": "sesame" },
        },
    })
}

fn known(port: u16, security: Security, password: &str) -> Server {
    let user = Some(User { name: "ann".to_owned(), password: password.into() });
    Server { security: Some(security), user, ..Server::at("127.0.0.1", port) }
}

#[tokio::test]
async fn a_server_for_node_recognizes_the_forwarder_with_and_without_tls() {
    let certificate = Certificate::new();
    let mut options = server_options();
    let mut node = Node::start(&options).await;
    let server = known(node.port, security("forwarder"), "sesame");
    send(&mut node, server, true).await;

    options["tlsOptions"] = json!({ "cert": certificate.pem, "key": certificate.key });
    let mut node = Node::start(&options).await;
    let tls = Some(certificate.connector());
    let server = Server { tls, ..known(node.port, security("forwarder"), "sesame") };
    send(&mut node, server, false).await;
}

#[tokio::test]
async fn a_server_that_does_not_recognize_the_forwarder_gets_nothing() {
    let node = Node::start(&server_options()).await;
    let other_certificate = Some(Certificate::new().connector());
    for server in [
        known(node.port, security("forwarder"), "another password"),
        Server::at("127.0.0.1", node.port),
        Server { tls: other_certificate, ..known(node.port, security("forwarder"), "sesame") },
    ] {
        let folder = Folder::new();
        let forwarder = Forwarder::start(ForwardOptions::new(vec![server], folder.path())).unwrap();
        forwarder.send(&numbered(1)).unwrap();
        until("two failures", SOON, async || (forwarder.sent().failures > 1).then_some(())).await;
        let sent = forwarder.sent();
        assert_eq!((sent.records, sent.waiting_records), (0, 1));
    }
}

/// As the specification has it, a server may want a connection for each chunk.
#[tokio::test]
async fn a_server_that_wants_a_connection_for_each_chunk_gets_it() {
    let socket = TcpListener::bind(LOCAL).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (security, mut numbers) = (security("server"), Vec::new());
        while numbers.len() < 3 {
            let (mut stream, _) = socket.accept().await.unwrap();
            let greeting = Greeting::new(&security, &[], [1; 16], [2; 16]);
            let mut helo = greeting.helo();
            // The last that it says is whether connections live on.
            assert_eq!(std::mem::replace(helo.last_mut().unwrap(), 0xc2), 0xc3);
            stream.write_all(&helo).await.unwrap();
            let (pong, recognized) = greeting.answer(&frame(&mut stream).await);
            recognized.unwrap();
            stream.write_all(&pong).await.unwrap();
            let frame = frame(&mut stream).await;
            let Frame::Events(mut events) = Frame::decode(&frame, &Limits::default()).unwrap()
            else {
                panic!("no events");
            };
            let mut ack = Vec::new();
            write_ack(&events.chunk.take().unwrap(), &mut ack);
            let entries = events.entries(&Limits::default(), EventTime::now()).unwrap();
            numbers.extend(entries.iter().map(|record| number(&record)));
            stream.write_all(&ack).await.unwrap();
            // It leaves, and nothing more came.
            assert_eq!(timeout(SOON, stream.read(&mut [0])).await.unwrap().unwrap(), 0);
        }
        numbers
    });
    let folder = Folder::new();
    let server_options =
        Server { security: Some(security("forwarder")), ..Server::at("127.0.0.1", port) };
    let forwarder =
        Forwarder::start(ForwardOptions::new(vec![server_options], folder.path())).unwrap();
    for number in 0..3 {
        forwarder.send(&numbered(number)).unwrap();
        forwarder.buffered().await;
    }
    timeout(SOON, forwarder.delivered()).await.unwrap();
    assert_eq!(timeout(SOON, server).await.unwrap().unwrap(), [0, 1, 2]);
    assert_eq!((forwarder.sent().failures, forwarder.sent().connections), (0, 3));
}

async fn frame(stream: &mut TcpStream) -> bytes::Bytes {
    let mut framer = Framer::new(&Limits::default());
    loop {
        if let Some(frame) = framer.next_frame().unwrap() {
            return frame;
        }
        assert!(stream.read_buf(framer.buffer()).await.unwrap() > 0);
    }
}
