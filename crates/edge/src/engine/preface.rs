//! Which protocol a client's connection begins with: HTTP/2 by prior knowledge (RFC 9113 §3.3) begins
//! with bytes that no request of HTTP/1 begins with.

use std::io;

use tokio::io::Interest;
use tokio::net::TcpStream;

/// What a connection of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// So often the system may say that more has come when it has not.
const MOST_STALLS: u32 = 8;

/// Whether a client speaks HTTP/2. Waits until that is certain, and leaves all that has come where it is.
/// That costs one look at what has come, and none at all after it.
pub(super) async fn is_http2(stream: &TcpStream) -> bool {
    let (mut seen, mut before, mut stalls) = ([0; PREFACE.len()], 0, 0);
    loop {
        // A connection that breaks is noticed by whoever serves it.
        let Ok(n) = stream.peek(&mut seen).await else { return false };
        if n == 0 || seen[..n] != PREFACE[..n] {
            return false;
        }
        if n == PREFACE.len() {
            return true;
        }
        stalls = if n > before { 0 } else { stalls + 1 };
        if stalls > MOST_STALLS {
            return false;
        }
        before = n;
        // What has come stays there, so the socket is ready all the time: the next that comes is
        // waited for only when it is thought not to be.
        let _ = stream.try_io(Interest::READABLE, || {
            Err::<(), _>(io::Error::from(io::ErrorKind::WouldBlock))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn a_preface_is_known_however_it_is_cut() {
        let (mut client, server) = pair().await;
        let sends = async {
            for byte in PREFACE {
                client.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (http2, ()) = tokio::join!(is_http2(&server), sends);
        assert!(http2);
        let mut there = [0; 24];
        assert_eq!(server.peek(&mut there).await.unwrap(), 24);
    }

    #[tokio::test]
    async fn all_else_is_not_http2() {
        for begin in ["GET / HTTP/1.1\r\n", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "PUT / H", ""] {
            let (mut client, server) = pair().await;
            client.write_all(begin.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            assert!(!is_http2(&server).await, "{begin}");
        }
    }
}
