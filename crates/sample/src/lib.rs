//! A small web application that the demonstration, the tests and the benchmarks deploy.
//!
//! It shows which version and which container answered, can be told to start slowly, to be broken in
//! the ways in which real applications are, and to fail while it runs. It is fast, because the
//! benchmarks also measure a proxy in front of it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | a page in the version's colour: blue for odd ones, green for even ones |
//! | `GET /version` | the version, as plain text |
//! | `GET /healthz` | 200 once it has warmed up and while it is healthy |
//! | `GET /bytes?n=65536` | so many bytes |
//! | `GET /slow?ms=500` | the version, after so long |
//! | `POST /echo` | the request's body, streamed back |
//! | `GET /ws` | a WebSocket that sends the version, and then what it receives |
//! | `GET /env?name=X` | an environment variable's value, or 404 |
//! | `GET /print?lines=10&from=1&stream=stdout` | how many numbered lines it has printed, once it has; `stream` may be `stderr` |
//! | `GET /exit?code=3` | none: the process exits at once |
//! | `POST /health/fail`, `POST /health/pass` | 204; the health check fails, or passes again |
//!
//! Every answer bears the version as `x-version` and the container's hostname as `x-container`.
//! [`Options::from_env`] lists the environment variables.

mod app;
mod body;
mod command;
mod options;
mod page;
mod server;
mod stopping;
mod websocket;

pub use command::main_with;
pub use options::{Broken, Options};
pub use server::Server;

/// Why the application does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An environment variable holds what it must not.
    #[error("{name} is {value:?}; it must be {expected}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {listen}: {source}; is another process using the port?")]
    Listen {
        /// The address.
        listen: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread, a runtime or a signal handler could not be had.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
}
