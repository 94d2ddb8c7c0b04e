//! Load, by programs of others, and what they say of it.

mod h2load;
mod wrk;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use crate::wire::Wire;

/// Connections that are kept. Over HTTP/1.1 each has one request after the other, over HTTP/2 a few at once.
const CONNECTIONS: u32 = 64;

/// What one turn of load has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// All requests.
    pub(crate) requests: f64,
    /// Requests in a second.
    pub(crate) rate: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub(crate) p99_ms: f64,
}

/// Who is asked, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) wire: Wire,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
}

/// Asks as fast as it is answered, for so long.
///
/// # Errors
/// When the program cannot be run, or one request is not answered as it should be.
pub(crate) async fn load(asked: Asked<'_>, lasting: Duration) -> Result<Outcome> {
    match asked.wire {
        Wire::Plain | Wire::Tls => wrk::load(asked, lasting).await,
        Wire::Http2 => h2load::load(asked, lasting).await,
    }
}
