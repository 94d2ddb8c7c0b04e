//! The data plane: route table, proxy engine, drain, and the edge daemon with its protocol.
//!
//! In the order of a request: [`table`] is what the control plane says; `compiled` is that in the form
//! in which requests are looked up; `engine` carries the requests. In the order of a switch: `daemon`
//! hears of it over [`wire`] in the words of [`protocol`] and hands it to a [`driver`]; `switch` is the
//! driver that is built in, `keep` its memory on disk.

#[allow(dead_code)]
mod compiled;
mod error;
pub mod protocol;
pub mod stats;
pub mod table;
pub mod wire;

pub use error::Error;
