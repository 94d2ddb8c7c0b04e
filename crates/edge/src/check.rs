//! One health check of one container, over the network.
//!
//! The control plane checks every container with it from its own place, and a preparing edge from its.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use launcher_model::service::{Contact, Probe, Protocol};
use tokio::net::TcpStream;

mod grpc;
mod h2c;

/// Checks the container at `address` as `contact` says, in the protocol that it speaks. A command in the container (`exec`) is its
/// engine's to run; from here, taking a connection passes.
///
/// # Errors
/// One sentence for a person: what was asked, and what came back.
pub async fn check(address: SocketAddr, contact: &Contact) -> Result<(), String> {
    let (within, probe) = (contact.health.timeout.duration(), contact.health.probe());
    let asked = async {
        match (probe, contact.protocol) {
            (Probe::Http(path), Protocol::Http1) => http(address, path).await,
            (Probe::Http(path), Protocol::H2c) => h2c::get(address, path).await,
            (Probe::Grpc, _) => grpc::check(address).await,
            (Probe::Tcp | Probe::Exec(_), _) => tcp(address).await,
        }
    };
    tokio::time::timeout(within, asked).await.unwrap_or_else(|_| Err(late(address, probe, within)))
}

fn late(address: SocketAddr, probe: Probe<'_>, within: Duration) -> String {
    let asked = match probe {
        Probe::Http(path) => format!("GET {path} at {address}"),
        Probe::Grpc => format!("{} at {address}", grpc::METHOD),
        Probe::Tcp | Probe::Exec(_) => format!("a connection to {address}"),
    };
    format!("{asked} had no answer within {} ms", within.as_millis())
}

async fn tcp(address: SocketAddr) -> Result<(), String> {
    match TcpStream::connect(address).await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("a connection to {address} was not taken: {error}")),
    }
}

/// What checks call themselves.
const AGENT: &str = "rocket-launcher-health";

/// As much of a failing answer's body as is read to quote its first line.
const BODY_LIMIT: usize = 4096;
/// As much of that line as is quoted, in characters.
const QUOTE_LIMIT: usize = 160;

async fn http(address: SocketAddr, path: &str) -> Result<(), String> {
    let broken = |error: hyper::Error| format!("GET {path} at {address} failed: {error}");
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("a connection to {address} was not taken: {error}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request = Request::get(path)
        .header(HOST, address.to_string())
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|error| format!("GET {path} cannot be asked: {error}"))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        if status.is_success() || status.is_redirection() {
            return Ok(());
        }
        let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(refusal(path, status.as_u16(), &body))
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        outcome = &mut exchange => outcome,
        // The connection ends when its exchange has; whichever is seen first, the exchange counts.
        _ = &mut connection => exchange.await,
    }
}

fn refusal(path: &str, status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.trim_start().lines().next().unwrap_or_default().chars().collect();
    let quote: String = line.trim().chars().take(QUOTE_LIMIT).collect();
    if quote.is_empty() {
        format!("GET {path} answered {status}")
    } else {
        format!("GET {path} answered {status}: {quote}")
    }
}
