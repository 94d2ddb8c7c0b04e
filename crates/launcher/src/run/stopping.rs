//! When a process shall end.

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Told to a child by its supervisor: end when standard input does, because that means that the supervisor is
/// gone.
pub(crate) const SUPERVISED: &str = "LAUNCHER_SUPERVISED";

/// Ready when the process is told to end: by SIGTERM, by ctrl-C, or by the end of its supervisor.
pub(crate) fn told_to_stop() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let supervised = std::env::var_os(SUPERVISED).is_some();
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            // A terminal sends it to the supervisor and its children alike; the supervisor then says SIGTERM.
            _ = interrupt.recv(), if !supervised => {}
            () = end_of_supervisor(), if supervised => {}
        }
    })
}

async fn end_of_supervisor() {
    let mut stdin = tokio::io::stdin();
    let mut nothing = [0; 64];
    while matches!(stdin.read(&mut nothing).await, Ok(read) if read > 0) {}
}
