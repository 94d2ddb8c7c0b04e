//! Asking nginx which configuration it serves.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a worker may take to answer; it may be busy.
const WITHIN: Duration = Duration::from_secs(2);

/// As long as an answer may be, in bytes.
const LONGEST: u64 = 4096;

/// The stamp of the configuration that a worker serves which takes connections; `None` when nobody
/// answers, or what answers is not served by our files.
pub(super) async fn stamp(internal: SocketAddr) -> Option<String> {
    let answer = tokio::time::timeout(WITHIN, ask(internal)).await.ok()?.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let stamp = body.trim();
    let is_stamp = !stamp.is_empty() && stamp.bytes().all(|b| b.is_ascii_hexdigit());
    (head.starts_with("HTTP/1.1 200 ") && is_stamp).then(|| stamp.to_owned())
}

async fn ask(internal: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(internal).await?;
    stream
        .write_all(b"GET /stamp HTTP/1.1\r\nhost: launcher.invalid\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer).await?;
    Ok(answer)
}
