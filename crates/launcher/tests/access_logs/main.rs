//! Access logs, out of edges and into the server: real processes, a real engine, clients and servers that
//! others wrote.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod containers;
mod fluentd;
mod ground;
mod inward;
mod outward;
mod tls;
