//! The processes: the server, the edge, and the supervisor of both.

pub(crate) mod access_log;
pub(crate) mod administrator;
pub(crate) mod agent;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod edge;
mod edge_page;
pub(crate) mod edge_socket;
mod engines;
pub(crate) mod fluentd;
mod metrics;
mod notify;
mod program;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod stopping;
mod systemd;
mod traces;
pub(crate) mod up;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Has the process log to standard error: what `LAUNCHER_LOG` asks for (`info` when it is not set), as
/// JSON when `LAUNCHER_LOG_FORMAT` is `json`.
pub(crate) fn begin_log() {
    let filter = EnvFilter::try_from_env("LAUNCHER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        // What cannot be written is lost; saying so on the same standard error would panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    if std::env::var("LAUNCHER_LOG_FORMAT").is_ok_and(|format| format == "json") {
        log.json().init();
    } else {
        log.with_target(false).init();
    }
}
