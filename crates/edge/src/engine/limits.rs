//! Bounds on what clients and containers may take.

use std::time::Duration;

/// Bounds of one edge process. The timeouts of a service's own traffic are in its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Client connections that are open at one time; more wait in the system's queue.
    pub connections: usize,
    /// Bytes in the head of a request or a response.
    pub head_bytes: usize,
    /// How long the handshake of TLS may take.
    pub handshake_timeout: Duration,
    /// Handshakes of TLS that are under way at one time; more clients wait for their turn, within that time.
    pub handshakes: usize,
    /// How long a client may take to send the head of a request.
    pub head_timeout: Duration,
    /// How long a client's connection may stay open without a request.
    pub keep_alive: Duration,
    /// How long a client may take none of the bytes that are ready for it.
    pub write_timeout: Duration,
    /// Unused connections that a thread keeps to one container.
    pub idle_per_container: usize,
    /// How long an unused connection to a container is kept.
    pub idle_timeout: Duration,
    /// Whether it is measured how long requests take. Without it there are no graphs; it shows what measuring
    /// costs.
    pub measures: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            head_bytes: 64 << 10,
            handshake_timeout: Duration::from_secs(10),
            handshakes: 4096,
            head_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            idle_per_container: 64,
            idle_timeout: Duration::from_secs(60),
            measures: true,
        }
    }
}

impl Limits {
    /// How often a thread looks for what has taken too long: often enough for the shortest of the
    /// bounds, and not so often that it costs anything.
    pub(super) fn tick(&self) -> Duration {
        let shortest =
            self.head_timeout.min(self.keep_alive).min(self.write_timeout).min(self.idle_timeout);
        (shortest / 8).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}
