//! What systemd hands to a process that it starts, and wants to be told.

use std::net::TcpListener;

use anyhow::{Context, Result};
use listenfd::ListenFd;
use sd_notify::NotifyState;

/// The variables by which sockets are handed to this process, and to none that it starts.
pub(crate) const HANDED: [&str; 3] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

/// The variable that says where systemd is told how a process is.
pub(crate) const NOTIFIED: &str = "NOTIFY_SOCKET";

/// The sockets of the socket units (sd_listen_fds(3)), none when there are none.
///
/// # Errors
/// When one of them is no TCP socket that listens.
pub(crate) fn sockets() -> Result<Vec<TcpListener>> {
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for n in 0..handed.len() {
        let socket = handed.take_tcp_listener(n).with_context(|| {
            format!("socket {n} that systemd handed over is not one for ListenStream= and TCP")
        })?;
        sockets.extend(socket);
    }
    Ok(sockets)
}

/// Tells systemd (sd_notify(3)) that this process serves, and is the service's main one.
pub(crate) fn is_ready() {
    notify(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
}

/// Tells systemd that this process is about to end.
pub(crate) fn is_stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(state: &[NotifyState<'_>]) {
    // Without systemd this does nothing.
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell systemd how this process is");
    }
}
