//! Follows the scheduler's events, and looks at everything now and then.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use futures_util::StreamExt;
use jiff::Timestamp;
use launcher_model::container::Container;
use launcher_model::environment::EnvironmentState;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::{ServiceName, VersionNumber};
use launcher_scheduler::Change;

use crate::Inner;

/// Whether the engine answers.
#[derive(Debug, Clone, Default)]
pub(crate) enum EngineState {
    /// Not known yet.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Lost { since: Timestamp, why: String },
}

/// Runs until the control plane is shut down.
pub(crate) async fn follow(inner: Arc<Inner>) {
    let mut changes = inner.scheduler.watch();
    let mut full_look = tokio::time::interval(inner.config.full_look);
    full_look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    full_look.tick().await;
    loop {
        tokio::select! {
            () = inner.stopping().cancelled() => return,
            change = changes.next() => match change {
                Some(change) => hear(&inner, change).await,
                // A driver's stream does not end; one that does is begun anew.
                None => changes = inner.scheduler.watch(),
            },
            _ = full_look.tick() => look_again(&inner).await,
        }
    }
}

async fn hear(inner: &Arc<Inner>, change: Change) {
    match change {
        Change::Service(service) => {
            if let Some(slot) = inner.slot(&service) {
                slot.look_again();
            }
        }
        Change::Ended { service, container } => {
            if let Some(slot) = inner.slot(&service) {
                slot.has_ended(container);
            }
        }
        Change::Everything => {
            let before = turn(inner, EngineState::Up);
            if let EngineState::Lost { since, .. } = before {
                let away = inner.now().duration_since(since).as_secs();
                tell(
                    inner,
                    EventKind::EngineBack,
                    format!("the engine answers again, after {away} s"),
                )
                .await;
            }
            look_at_everything(inner).await;
        }
        Change::Lost { why } => {
            let lost = EngineState::Lost { since: inner.now(), why: why.clone() };
            if !matches!(turn(inner, lost), EngineState::Lost { .. }) {
                let text = format!("the engine cannot be reached: {why}; what runs is served on");
                tell(inner, EventKind::EngineLost, text).await;
                for slot in inner.slots() {
                    slot.wake();
                }
            }
        }
    }
}

/// Takes the new state, unless both say lost, and gives back the one before.
fn turn(inner: &Inner, next: EngineState) -> EngineState {
    let mut state = inner.engine.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!((&*state, &next), (EngineState::Lost { .. }, EngineState::Lost { .. })) {
        return state.clone();
    }
    std::mem::replace(&mut *state, next)
}

async fn tell(inner: &Inner, kind: EventKind, text: String) {
    if let Err(error) = inner.store.record(&[NewEvent::new(kind, text)], inner.now()).await {
        tracing::error!(%error, "an event of the engine could not be recorded");
    }
}

/// One look at all there is comes first: it tells the driver which services have to be looked at closer,
/// so that the engine is not asked for each of them.
async fn look_again(inner: &Arc<Inner>) {
    let observed = inner.scheduler.observe(None).await;
    for slot in inner.slots() {
        slot.look_again();
    }
    look_at_the_rest(inner, observed).await;
}

/// Services do not wait for what is not theirs.
async fn look_at_everything(inner: &Arc<Inner>) {
    for slot in inner.slots() {
        slot.look_again();
    }
    look_at_the_rest(inner, inner.scheduler.observe(None).await).await;
}

async fn look_at_the_rest(
    inner: &Arc<Inner>,
    observed: launcher_scheduler::Result<Vec<Container>>,
) {
    crate::drains::end_what_is_over(inner).await;
    let removed = match observed {
        Ok(observed) => remove_orphans(inner, observed).await,
        Err(error) => Err(error.into()),
    };
    let removed = match removed {
        Ok(()) => remove_unseen_orphans(inner).await,
        failed => failed,
    };
    if let Err(error) = removed {
        tracing::warn!(%error, "containers of services that are gone could not be looked for");
    }
    if let Err(error) = inner.scheduler.tidy(inner.config.stop_grace).await {
        tracing::warn!(%error, "what no environment needs any more could not be removed");
    }
    if let Ok(hosts) = inner.scheduler.hosts().await {
        inner.keep_closed(&hosts).await;
        if let Err(error) = inner.store.record_hosts(&hosts, inner.now()).await {
            tracing::warn!(%error, "the hosts could not be recorded");
        }
    }
}

/// Removes containers that bear our labels and whose service is not there any more. Those of a service that is
/// there are its loop's business.
async fn remove_orphans(inner: &Arc<Inner>, observed: Vec<Container>) -> crate::Result<()> {
    let orphans: BTreeSet<(ServiceName, VersionNumber)> = observed
        .into_iter()
        .filter(|container| inner.slot(&container.service).is_none())
        .map(|container| (container.service, container.version))
        .collect();
    for (service, version) in orphans {
        // A service that was put a moment ago is in the store before it has its loop.
        if inner.store.service(&service).await?.is_none() {
            tracing::info!(%service, %version, "removing containers of a service that is gone");
            inner.remove(&service, version).await?;
        }
    }
    Ok(())
}

/// Removes what the engine has of environments that are gone, and that no look at containers shows: no
/// service's loop learns of it.
async fn remove_unseen_orphans(inner: &Inner) -> crate::Result<()> {
    for (service, version) in inner.scheduler.unseen().await? {
        let environment = inner.store.environment(&service, version).await?;
        // One that is stopped may be like that, and one that is being made.
        if environment.is_none_or(|one| one.state == EnvironmentState::Destroyed) {
            tracing::info!(%service, %version, "removing what is left of an environment that is gone");
            inner.remove(&service, version).await?;
        }
    }
    Ok(())
}
