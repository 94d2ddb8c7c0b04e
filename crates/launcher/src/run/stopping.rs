//! When a process shall end, or be replaced.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Told to a child by its supervisor: end when standard input does, because that means that the supervisor is
/// gone.
pub(crate) const SUPERVISED: &str = "LAUNCHER_SUPERVISED";

/// Ready when the process is told to end: by SIGTERM, by ctrl-C, or by the end of its supervisor.
pub(crate) fn told_to_stop() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let supervised = is_supervised();
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            // A terminal sends it to the supervisor and its children alike; the supervisor then says SIGTERM.
            _ = interrupt.recv(), if !supervised => {}
            () = end_of_supervisor(), if supervised => {}
        }
    })
}

fn is_supervised() -> bool {
    std::env::var_os(SUPERVISED).is_some()
}

async fn end_of_supervisor() {
    let mut stdin = tokio::io::stdin();
    let mut nothing = [0; 64];
    while matches!(stdin.read(&mut nothing).await, Ok(read) if read > 0) {}
}

/// Requests to replace the process by what its file holds now: SIGHUP.
///
/// On a terminal that signal keeps its meaning, the end. A process that is supervised leaves it to its
/// supervisor, which gets it too.
pub(crate) struct Replacements(Option<Signal>);

impl Replacements {
    /// Listens for them from now on.
    pub(crate) fn listen() -> Result<Self> {
        if std::io::stdin().is_terminal() {
            return Ok(Self(None));
        }
        let hangup = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
        Ok(Self(Some(hangup)))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        let Some(hangup) = &mut self.0 else { return std::future::pending().await };
        loop {
            if hangup.recv().await.is_none() {
                return std::future::pending().await;
            }
            if !is_supervised() {
                return;
            }
        }
    }
}
