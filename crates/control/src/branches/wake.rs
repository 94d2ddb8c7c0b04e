//! Starting an environment that is asleep, because somebody wants to see it.

use std::sync::Arc;

use launcher_model::environment::{Environment, EnvironmentState, Wanted};
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::{ServiceName, VersionNumber};

use crate::{Inner, Result};

/// Starts it, if it is asleep. Not on the caller's time: edges have more to tell.
pub(crate) fn wake(inner: &Arc<Inner>, service: ServiceName, version: VersionNumber) {
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        if let Err(error) = start(&inner, &service, version).await {
            tracing::warn!(%service, %version, %error, "an environment could not be woken");
        }
    });
}

async fn start(inner: &Inner, service: &ServiceName, version: VersionNumber) -> Result<()> {
    let Some(slot) = inner.slot(service) else { return Ok(()) };
    let _turn = slot.turn().await;
    let environment = inner.store.environment(service, version).await?;
    if !environment.is_some_and(|environment| is_asleep(&environment)) {
        return Ok(());
    }
    let text = format!("{version} is started again, as somebody wants to see it");
    let event = NewEvent::new(EventKind::EnvironmentWoken, text).service(service).version(version);
    let now = inner.now();
    let change = crate::commands::starting_again();
    inner.store.change_environment(service, version, change, &[event], now).await?;
    launcher_fault::point("branch.woken");
    Ok(())
}

fn is_asleep(environment: &Environment) -> bool {
    environment.asleep
        && environment.wanted == Wanted::Stopped
        && matches!(environment.state, EnvironmentState::Ready | EnvironmentState::Stopped)
}
