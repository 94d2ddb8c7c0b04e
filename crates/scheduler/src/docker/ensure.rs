//! One pass of a plan: what is missing is created and started, what is too much is removed.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use launcher_model::container::Container;
use launcher_model::plan::containers::{self, ContainerStep};

use super::Engine;
use super::connection::Call;
use super::create::{Started, start};
use super::halt;
use super::logs;
use crate::identity::{Identity, Part};
use crate::{Ensured, LogOptions, Placement, Result};

impl Engine {
    pub(super) async fn ensure(&self, placement: &Placement) -> Result<Ensured> {
        let version = &placement.version;
        let observed = self.observe_version(&version.service, version.number).await?;
        let now = Timestamp::now();
        let Placement { replicas, released, since, .. } = placement;
        let plan = containers::plan(*replicas, &observed, released, *since, now);
        let call = self.connection.call("creating containers").await?;
        if plan.steps.iter().any(|step| matches!(step, ContainerStep::Create { .. })) {
            Box::pin(self.make_ready(&call, version)).await?;
        }
        let outcomes: Vec<Result<Started>> = stream::iter(plan.steps)
            .map(|step| Box::pin(self.carry_out(&call, placement, &observed, step)))
            .buffer_unordered(self.concurrency)
            .collect()
            .await;
        let outcomes = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
        // The engine sends no event for a container that it could not start.
        let unseen = outcomes.iter().any(|outcome| *outcome != Started::Yes);
        Ok(Ensured { again_at: if unseen { Some(now) } else { plan.again_at } })
    }

    async fn carry_out(
        &self,
        call: &Call,
        placement: &Placement,
        observed: &[Container],
        step: ContainerStep,
    ) -> Result<Started> {
        match step {
            ContainerStep::Create { slot, attempt, failures } => {
                let port = placement.version.spec.service.port;
                let part = Part::Serve { slot, attempt, failures, port };
                self.create_and_start(call, placement, part).await
            }
            ContainerStep::Start { id } => start(&call.to("starting a container"), &id).await,
            ContainerStep::Remove { id } => {
                let container = observed.iter().find(|container| container.id == id);
                self.retire(call, &id, container).await?;
                Ok(Started::Yes)
            }
        }
    }

    /// Removes a container of an environment that stays, so what it has printed stays too.
    async fn retire(&self, call: &Call, id: &str, container: Option<&Container>) -> Result<()> {
        halt::stop(&call.to("stopping a container"), id, None).await?;
        if let (Some(keeper), Some(container)) = (&self.keeper, container) {
            // How it has ended now is kept with it.
            let ended = self.look(&call.to("looking at a container"), id.to_owned()).await?;
            let log = logs::read(&call.to("reading a log"), id, LogOptions::default());
            keeper.keep(ended.as_ref().unwrap_or(container), log).await;
        }
        halt::discard(&call.to("removing a container"), id).await
    }

    async fn create_and_start(
        &self,
        call: &Call,
        placement: &Placement,
        part: Part,
    ) -> Result<Started> {
        let version = &placement.version;
        let identity = Identity { service: version.service.clone(), version: version.number, part };
        let body = self.body(&identity, version, &placement.variables, None);
        let name = self.installation.name(&identity);
        let made = self.create(&call.to("creating a container"), &name, &body).await?;
        if !made.is_unstarted() {
            return Ok(Started::Yes);
        }
        let started = start(&call.to("starting a container"), &made.id).await?;
        if let Started::Refused(why) = &started {
            tracing::warn!(service = %version.service, version = %version.number, %why, "a container cannot be started");
        }
        Ok(started)
    }
}
