//! Access logs that others send, by Fluentd's protocol: they become the samples that edges make.

mod chunks;
mod fields;
mod intake;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use launcher_control::Control;
use launcher_fluent::{Batch, Listener, SharedKey};
use launcher_server::AccessLogs;
use launcher_telemetry::Gathered;
use launcher_telemetry::access::LeftOut;
use secrecy::SecretString;
use tokio::sync::mpsc::Receiver;

use super::config::fluentd::Fluentd;
use super::secret;
use intake::Intake;

/// A listener that nobody takes anything from yet; who sends waits.
pub(crate) struct Listening {
    listener: Listener,
    batches: Receiver<Batch>,
    config: Fluentd,
    left_out: Arc<LeftOut>,
}

/// A listener whose records become samples, until it is stopped.
pub(crate) struct Listens(Listener);

impl Listening {
    /// Begins to listen.
    pub(crate) async fn at(config: &Fluentd) -> Result<Self> {
        let (listener, batches) = Listener::bind(config.options()?).await.context("[fluentd]")?;
        let address = listener.address();
        tracing::info!(%address, "access logs may be sent here, by Fluentd's protocol");
        if !address.ip().is_loopback() && !config.has_key() {
            tracing::warn!(
                %address,
                "whoever reaches this address can make measurements up; give [fluentd] a shared_key_file"
            );
        }
        Ok(Self { listener, batches, config: config.clone(), left_out: Arc::default() })
    }

    /// What the server shows of it.
    pub(crate) fn shown(&self) -> AccessLogs {
        let (receiving, left_out) = (self.listener.receiving(), Arc::clone(&self.left_out));
        AccessLogs { receiving, left_out }
    }

    /// Has what comes become samples.
    pub(crate) fn take(self, control: &Control, gathered: &Arc<Gathered>) -> Result<Listens> {
        let (control, gathered) = (control.clone(), Arc::clone(gathered));
        let intake = Intake::new(control, gathered, self.config.counts(), self.left_out);
        // Thousands of records may come together, which nothing else should wait for.
        let thread = std::thread::Builder::new().name("fluentd".into());
        let batches = self.batches;
        thread
            .spawn(move || intake.run(batches))
            .context("cannot start the thread for [fluentd]")?;
        Ok(Listens(self.listener))
    }
}

impl Listens {
    /// Takes nothing more, and waits until what came has become samples.
    pub(crate) async fn stop(self) {
        self.0.stop().await;
    }
}

/// What an end calls itself: the two of a connection must not be called the same.
pub(crate) fn hostname(role: &str) -> String {
    format!("{role}.{}", rustix::system::uname().nodename().to_string_lossy())
}

/// Reads a shared key.
pub(crate) fn read_key(path: &Path) -> Result<SharedKey> {
    Ok(SharedKey::new(secret::read("Fluentd's shared key", path)?))
}

/// Reads a password.
pub(crate) fn read_password(path: &Path) -> Result<SecretString> {
    secret::read("Fluentd's password", path)
}
