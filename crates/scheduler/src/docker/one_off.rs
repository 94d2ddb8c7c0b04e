//! One-off containers: a version's release command, and commands of people.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use rand::RngExt;

use super::Engine;
use super::connection::Call;
use super::create::{Started, start};
use super::follow::Follower;
use super::halt;
use crate::identity::{Identity, Part, RUN};
use crate::runs::{RunGuard, tell};
use crate::{Error, OneOff, OneOffRole, Output, Result};

/// Starts a one-off container, or joins it, and tells what it prints and how it ends.
pub(super) async fn run(
    engine: Arc<Engine>,
    one_off: &OneOff,
) -> Result<BoxStream<'static, Result<Output>>> {
    let call = engine.connection.call("running a one-off container").await?;
    let version = &one_off.version;
    Box::pin(engine.make_ready(&call, version)).await?;
    let part = match one_off.role {
        OneOffRole::Release => Part::Release,
        OneOffRole::Run => Part::Run { nonce: format!("{:08x}", rand::rng().random::<u32>()) },
    };
    let identity = Identity { service: version.service.clone(), version: version.number, part };
    let body = engine.body(&identity, version, &one_off.variables, Some(&one_off.command));
    let guard = (one_off.role == OneOffRole::Run)
        .then(|| guarded(&engine, &call, engine.installation.name(&identity)));
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
    Ok(tell(async move |to| follower.follow(&to).await, guard))
}

/// Removes the container of a person's command when nobody listens to it any more.
fn guarded(engine: &Arc<Engine>, call: &Call, name: String) -> RunGuard {
    let (discarding, own) = (Arc::clone(engine), name.clone());
    let call = call.to("removing a one-off container");
    engine.runs.guard(name, async move { discard_own(&discarding, &call, &own).await })
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
