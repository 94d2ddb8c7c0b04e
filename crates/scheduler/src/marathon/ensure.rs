//! One pass: look, plan, and do it.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};

use super::Engine;
use super::change::Change;
use super::client::Call;
use super::names::Identity;
use super::plan::{Step, Wanted, plan};
use super::request;
use super::snapshot::Standing;
use super::wire::app::OneApp;
use crate::{Ensured, Error, Placement, Result};

impl Engine {
    pub(super) async fn ensure(self: &Arc<Self>, placement: &Placement) -> Result<Ensured> {
        let version = &placement.version;
        let snapshot = self.look_again().await?;
        let apps: Vec<_> = snapshot.environment(&version.service, version.number).collect();
        let wanted = Wanted {
            replicas: placement.replicas,
            avoid: &placement.avoid,
            released: &placement.released,
        };
        for step in plan(wanted, &apps) {
            self.carry_out(placement, step).await?;
        }
        if let Some(newest) = apps.last() {
            self.forgive(placement, newest).await?;
        }
        // Marathon replaces by itself, and events tell of everything.
        Ok(Ensured { again_at: None })
    }

    async fn carry_out(&self, placement: &Placement, step: Step) -> Result<()> {
        match step {
            Step::Create { attempt } => self.create(placement, attempt).await?,
            Step::Scale { app, instances } => self.scale(&app, instances).await?,
            Step::Kill { tasks } => self.kill(&tasks).await?,
            Step::Delete { app } => drop(self.delete(&app).await?),
        }
        launcher_fault::point("marathon.step_done");
        Ok(())
    }

    async fn create(&self, placement: &Placement, attempt: u32) -> Result<()> {
        const DOING: &str = "creating an app";
        let version = &placement.version;
        let identity = Identity {
            service: version.service.clone(),
            version: version.number,
            attempt,
            port: version.spec.service.port,
            avoid: placement.avoid.as_ref().clone(),
        };
        let body = request::app(
            &self.names,
            &identity,
            version,
            placement.replicas,
            &placement.variables,
            &self.common,
            self.dialect().await?,
        )?;
        let path = "/v2/apps".to_owned();
        let change = Change { method: Method::POST, path, body: Some(body), doing: DOING };
        let answer = self.change(change).await?;
        launcher_fault::point("marathon.app_created");
        match answer.status {
            StatusCode::CONFLICT => self.adopt(&self.names.app(&identity), &identity).await,
            StatusCode::NOT_FOUND => Err(Error::Refused { doing: DOING, why: answer.words() }),
            _ => Ok(()),
        }
    }

    /// Takes an app that holds the id for the one that was to be created, when it is that one.
    async fn adopt(&self, id: &str, identity: &Identity) -> Result<()> {
        const DOING: &str = "creating an app";
        let answer = self.client.send(&Call::get(format!("/v2/apps{id}"), DOING)).await?;
        if answer.status == StatusCode::NOT_FOUND {
            let why = format!("{id} is just being removed");
            return Err(Error::Busy { engine: self.client.name(), doing: DOING, why });
        }
        let told: OneApp = answer.json(DOING)?;
        let is_same = self.names.read(&told.app).is_some_and(|there| {
            (&there.service, there.version, there.attempt)
                == (&identity.service, identity.version, identity.attempt)
        });
        if is_same {
            return Ok(());
        }
        let why = format!(
            "the id {id} is taken by an app that is not ours: remove that one, or rename it"
        );
        Err(Error::Refused { doing: DOING, why })
    }

    /// Ends the delay that failures of before the environment was asked to start have brought about.
    async fn forgive(&self, placement: &Placement, newest: &Standing) -> Result<()> {
        let failed = newest.app.last_task_failure.as_ref().and_then(|failure| failure.timestamp);
        let is_old = failed
            .is_some_and(|failed| failed < placement.since && placement.since <= Timestamp::now());
        if !newest.is_delayed || !is_old {
            return Ok(());
        }
        let path = format!("/v2/queue{}/delay", newest.app.id);
        // 404: it is not delayed any more.
        self.client.send(&Call::new(Method::DELETE, path, "ending a delay")).await?;
        Ok(())
    }
}
