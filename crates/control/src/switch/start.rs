//! Starting what shall go live and does not run.

use launcher_model::VersionNumber;
use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use tokio::sync::watch;

use crate::engine::EngineState;
use crate::slot::Slot;
use crate::{Error, Inner, Result};

/// Starts stopped environments, and waits until all are ready.
pub(super) async fn all(inner: &Inner, slot: &Slot, numbers: &[VersionNumber]) -> Result<()> {
    let mut passes = slot.passes();
    for number in numbers {
        let change = crate::commands::starting_again();
        inner.store.change_environment(&slot.name, *number, change, &[], inner.now()).await?;
    }
    slot.wake();
    for number in numbers {
        ready(inner, slot, *number, &mut passes).await?;
    }
    Ok(())
}

/// Waits until an environment that is being started is ready.
async fn ready(
    inner: &Inner,
    slot: &Slot,
    number: VersionNumber,
    passes: &mut watch::Receiver<u64>,
) -> Result<()> {
    loop {
        let environment = inner.store.environment(&slot.name, number).await?;
        match environment {
            Some(Environment { state: EnvironmentState::Ready, .. }) => return Ok(()),
            Some(Environment { state: EnvironmentState::Failed, failure, .. }) => {
                let why = failure.map(|failure| failure.reason).unwrap_or_default();
                return Err(Error::Refused(format!("{number} could not be started: {why}")));
            }
            Some(Environment { wanted: Wanted::Running, .. }) => {
                // Others may want to switch to what runs meanwhile.
                if let EngineState::Lost { why, .. } = inner.engine_state() {
                    let reason = format!("{number} cannot be started: {why}");
                    return Err(Error::Refused(reason));
                }
            }
            _ => return Err(Error::Refused(format!("{number} was stopped while it was started"))),
        }
        if passes.changed().await.is_err() {
            return Err(Error::NoService(slot.name.clone()));
        }
    }
}
