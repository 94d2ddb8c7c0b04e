//! A client that says what git's own would not.

use std::io::Write;
use std::process::Stdio;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use launcher_testkit::Checkout;
use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Remote;

/// The answer to a request, as text.
pub(super) async fn send(
    remote: &Remote,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> String {
    exchange(remote, &head(method, path, token, "", body.len()), body).await
}

/// The answer to a push.
pub(super) async fn receive(remote: &Remote, body: &[u8]) -> String {
    let token = Some(remote.world.token.as_str());
    send(remote, "POST", "/git/shop.git/git-receive-pack", token, body).await
}

/// The answer to a question that is compressed.
pub(super) async fn fetch_compressed(remote: &Remote, body: &[u8]) -> String {
    let token = Some(remote.world.token.as_str());
    let more = "content-encoding: gzip\r\n";
    let head = head("POST", "/git/shop.git/git-upload-pack", token, more, body.len());
    exchange(remote, &head, body).await
}

/// Sends the beginning of a push, and goes away.
pub(super) async fn break_off(remote: &Remote, body: &[u8], promised: usize) {
    let token = Some(remote.world.token.as_str());
    let head = head("POST", "/git/shop.git/git-receive-pack", token, "", promised);
    let mut connection = TcpStream::connect(remote.address).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(body).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
}

fn head(method: &str, path: &str, token: Option<&str>, more: &str, length: usize) -> String {
    let login = token.map(|token| BASE64_STANDARD.encode(format!("anna:{token}")));
    let login = login.map(|login| format!("authorization: Basic {login}\r\n")).unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: launcher\r\nconnection: close\r\n{login}{more}\
         content-length: {length}\r\n\r\n"
    )
}

async fn exchange(remote: &Remote, head: &str, body: &[u8]) -> String {
    let mut connection = TcpStream::connect(remote.address).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    // A server that has heard enough may close before it has read all.
    let _ = connection.write_all(body).await;
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// What git would send to have the checkout's commit as a new `name`.
pub(super) fn push_of(checkout: &Checkout, name: &str) -> Vec<u8> {
    let head = checkout.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let command = format!("{} {head} {name}\0report-status agent=test", "0".repeat(40));
    let mut push = format!("{:04x}{command}0000", command.len() + 4).into_bytes();
    let mut pack = checkout.command(&["pack-objects", "--stdout", "--revs", "--quiet"]);
    let mut pack = pack.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    pack.stdin.take().unwrap().write_all(format!("{head}\n").as_bytes()).unwrap();
    push.extend(pack.wait_with_output().unwrap().stdout);
    push
}

/// A tree with one entry that git itself would not make.
pub(super) fn tree_with(checkout: &Checkout, name: &str, blob: &str) -> String {
    let mut content = format!("100644 {name}\0").into_bytes();
    let hex = |at: usize| u8::from_str_radix(&blob[at..at + 2], 16).unwrap();
    content.extend((0..blob.len()).step_by(2).map(hex));
    let mut made = checkout.command(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"]);
    let mut made = made.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    made.stdin.take().unwrap().write_all(&content).unwrap();
    let id = made.wait_with_output().unwrap().stdout;
    String::from_utf8(id).unwrap().trim().to_owned()
}

/// Bytes that do not compress.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::rng().fill(&mut bytes[..]);
    bytes
}

/// So many zeros, compressed.
pub(super) fn bomb(length: usize) -> Vec<u8> {
    let mut gzip = std::process::Command::new("gzip")
        .arg("--fast")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = gzip.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let zeros = vec![0; 1 << 20];
        for _ in 0..length >> 20 {
            to.write_all(&zeros).unwrap();
        }
    });
    let bomb = gzip.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    bomb
}
