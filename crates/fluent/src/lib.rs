//! Fluentd's Forward protocol, both ends of it, and nothing else: what a record means is for others.
//!
//! A [`Listener`] takes records from Fluentd, Fluent Bit, Docker's log driver `fluentd` and the clients
//! of many languages, in all of the protocol's modes. A [`Forwarder`] sends records to any of its
//! servers, at least once, through a buffer on disk that outlives the process.
//!
//! The protocol is [Forward Protocol Specification v1]; "the specification" in these pages. Where it
//! leaves something open this does as Fluentd's own `in_forward` and `out_forward` do.
//!
//! [Forward Protocol Specification v1]: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1

mod buffer;
mod error;
pub mod handshake;
pub mod receive;
mod record;
pub mod send;
mod stream;
pub mod tls;
pub mod wire;

pub use error::{Error, Result};
pub use handshake::{Security, SharedKey, User};
pub use receive::{Ack, Batch, ListenOptions, Listener};
pub use record::{EventTime, Record};
pub use send::{ForwardOptions, Forwarder, Full, Sent, Server};
