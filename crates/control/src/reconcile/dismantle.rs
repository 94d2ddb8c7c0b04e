//! The deletion of a service with everything that it has, a step at a time.
//!
//! The wish is in the store, and each step begins from what is there: it goes on wherever a server that
//! was killed has left it.

use launcher_model::environment::Wanted;
use launcher_store::{Deletion, EnvironmentChange};

use super::{Reconciler, Wish};
use crate::Result;

impl Reconciler {
    /// Takes the service offline; once nothing is in flight any more, has its environments destroyed; and
    /// deletes it when they are. True when something was changed.
    pub(super) async fn dismantle(&mut self, wish: &Wish, deletion: &Deletion) -> Result<bool> {
        if self.slot.active().is_some() {
            return Ok(false);
        }
        let unfinished = self.unfinished().await?;
        let (store, name) = (&self.inner.store, &self.slot.name);
        if !store.route(name).await?.weights.is_empty() {
            let blocked = unfinished.iter().any(|one| one.state.blocks_others());
            // Edges that were not let in yet serve on with what they have, and could not tell what drains.
            if blocked || !self.inner.is_open() {
                return Ok(false);
            }
            crate::switch::take_offline(&self.inner, name, &deletion.by).await?;
            launcher_fault::point("deletion.offline");
            return Ok(true);
        }
        if !unfinished.is_empty() {
            return Ok(false);
        }
        if wish.environments.is_empty() {
            store.delete_service(name, &deletion.by, self.inner.now()).await?;
            launcher_fault::point("deletion.done");
            return Ok(true);
        }
        let mut changed = false;
        for environment in &wish.environments {
            if environment.wanted != Wanted::Gone {
                let gone = EnvironmentChange {
                    wanted: Some(Wanted::Gone),
                    pinned: Some(false),
                    ..EnvironmentChange::default()
                };
                self.change(environment.version, gone, &[]).await?;
                changed = true;
            }
        }
        Ok(changed)
    }
}
