//! What answers in a registry's place, as it is told to.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Answers each call with bytes that are made of its head, and closes the connection. No bytes are no
/// answer: the connection stays open.
pub(crate) struct Stranger {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Stranger {
    pub(crate) async fn answers(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        let serving = tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                let mut piece = [0; 4096];
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => head.extend_from_slice(&piece[..read]),
                    }
                    // What is no HTTP, as TLS's beginning, is answered too.
                    if head.first().is_some_and(|first| !first.is_ascii_uppercase()) {
                        break;
                    }
                }
                let bytes = answer(&String::from_utf8_lossy(&head));
                if bytes.is_empty() {
                    silent.push(stream);
                } else {
                    let _ = stream.write_all(&bytes).await;
                }
            }
        });
        Self { address, serving }
    }
}

/// An HTTP answer.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n");
    format!("{head}{headers}\r\n{body}").into_bytes()
}
