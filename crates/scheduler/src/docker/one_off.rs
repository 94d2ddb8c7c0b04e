//! One-off containers: a version's release command, and commands of people.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use rand::RngExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Engine;
use super::connection::Call;
use super::create::{Started, start};
use super::follow::{BUFFER, Follower};
use super::halt;
use crate::identity::{Identity, Part, RUN};
use crate::{Error, OneOff, OneOffRole, Output, Result};

/// Starts a one-off container, or joins it, and tells what it prints and how it ends.
pub(super) async fn run(
    engine: Arc<Engine>,
    one_off: &OneOff,
) -> Result<BoxStream<'static, Result<Output>>> {
    let call = engine.connection.call("running a one-off container").await?;
    let version = &one_off.version;
    let part = match one_off.role {
        OneOffRole::Release => Part::Release,
        OneOffRole::Run => Part::Run { nonce: format!("{:08x}", rand::rng().random::<u32>()) },
    };
    let identity = Identity { service: version.service.clone(), version: version.number, part };
    let body = engine.body(&identity, version, &one_off.variables, Some(&one_off.command));
    let guard = (one_off.role == OneOffRole::Run)
        .then(|| RunGuard::new(&engine, &call, engine.installation.name(&identity)));
    let made = engine.create(&call, &engine.installation.name(&identity), &body).await?;
    if made.is_unstarted() {
        match start(&call, &made.id).await? {
            Started::Yes => {}
            Started::Gone => return Err(Error::NoContainer(made.id)),
            Started::Refused(why) => {
                return Err(Error::Refused { doing: "starting a one-off container", why });
            }
        }
    }
    let follower = Follower::new(call, made, &one_off.command, one_off.timeout);
    let (to, output) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        tokio::select! {
            outcome = follower.follow(&to) => {
                let _ = to.send(outcome.map(|code| Output::Exit { code })).await;
            }
            () = to.closed() => {}
        }
        drop(guard);
    });
    Ok(ReceiverStream::new(output).boxed())
}

/// The names of the containers that run a person's command for this process.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<HashSet<String>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contain(&self, name: &str) -> bool {
        self.lock().contains(name)
    }
}

/// Removes the container of a person's command when nobody listens to it any more.
struct RunGuard {
    engine: Arc<Engine>,
    call: Call,
    name: String,
}

impl RunGuard {
    fn new(engine: &Arc<Engine>, call: &Call, name: String) -> Self {
        engine.runs.lock().insert(name.clone());
        Self { engine: Arc::clone(engine), call: call.to("removing a one-off container"), name }
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        let (engine, call) = (Arc::clone(&self.engine), self.call.clone());
        let name = std::mem::take(&mut self.name);
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = discard_own(&engine, &call, &name).await {
                tracing::warn!(%name, %error, "a one-off container is left for later");
            }
            engine.runs.lock().remove(&name);
        });
    }
}

async fn discard_own(engine: &Engine, call: &Call, name: &str) -> Result<()> {
    match engine.own(call, name).await {
        Ok(_) => halt::discard(call, name).await,
        Err(Error::NoContainer(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Engine {
    /// Removes the containers of people's commands that a process which is no more has left behind.
    pub(super) async fn sweep_runs(&self, call: &Call) {
        let call = call.to("removing a one-off container");
        let found = match self.list(&call, None, None, Some(RUN)).await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "one-off containers cannot be listed"),
        };
        for container in found {
            let names = container.names.unwrap_or_default();
            let (Some(id), Some(name)) = (container.id, names.first()) else { continue };
            if self.runs.contain(name.trim_start_matches('/')) {
                continue;
            }
            if let Err(error) = halt::discard(&call, &id).await {
                tracing::warn!(%id, %error, "a one-off container is left for later");
            }
        }
    }
}
