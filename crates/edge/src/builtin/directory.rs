//! The directory in which routes are kept, and whose it is: this process's, or no longer.
//!
//! An edge that another one takes over from serves on for a while, and follows that one's routes; what
//! it is told then is no business of the directory's.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use launcher_model::DeploymentId;

use super::change::Plan;
use super::{Builtin, Shared};
use crate::Error;
use crate::keep::{Common, Keep, Order};
use crate::table::RouteTable;

impl Builtin {
    /// Takes the directory `dir`, and serves what it keeps; and of what `also` says, what is newer.
    ///
    /// # Errors
    /// When the directory is not usable.
    pub(crate) async fn own(&self, dir: &Path, also: RouteTable) -> Result<(), Error> {
        let (keep, kept) = Keep::open(dir)?;
        *self.0.keep.write().unwrap_or_else(PoisonError::into_inner) = Some(keep);
        self.0.join(kept).await;
        self.0.join(also).await;
        Ok(())
    }

    /// Waits until no service is held: only this process can let go of the requests that wait here, and
    /// those that come would not be held elsewhere.
    pub(crate) async fn hold_nothing(&self) {
        self.0.hold_nothing().await;
    }

    /// Lets go of the directory: all is forced to disk, and this process writes there no more.
    pub(crate) async fn disown(&self) {
        let shared = self.0.clone();
        let forced = tokio::task::spawn_blocking(move || {
            // Whatever still is being written has come to its end when the lock is there.
            let keep = shared.keep.write().unwrap_or_else(PoisonError::into_inner).take();
            keep.map_or(Ok(()), |keep| keep.force())
        });
        let forced = forced.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        if let Err(error) = forced {
            tracing::error!(%error, "cannot force the route table to disk");
        }
    }
}

impl Shared {
    /// Puts in force what is newer than what is, and takes nothing away.
    async fn join(self: &Arc<Self>, table: RouteTable) {
        let mut state = self.state.lock().await;
        if !table.preview_domain.is_empty() {
            state.common = Common::of(&table);
        }
        let mut plan = Plan::default();
        for service in table.services.into_values() {
            if state.is_news(&service) {
                self.take_over(&mut state, &mut plan, service);
            }
        }
        self.carry_out(&mut state, plan, None).await;
    }

    /// Does something with the directory while it is this process's.
    pub(super) fn kept(&self, work: impl FnOnce(&Keep) -> io::Result<()>) -> io::Result<()> {
        let keep = self.keep.read().unwrap_or_else(PoisonError::into_inner);
        keep.as_ref().map_or(Ok(()), work)
    }

    /// The order of a change that is decided on now.
    pub(super) fn order(&self) -> Order {
        let keep = self.keep.read().unwrap_or_else(PoisonError::into_inner);
        keep.as_ref().map_or(Order::default(), Keep::order)
    }

    /// Notes that a switch is about to be prepared.
    pub(super) fn expect(&self, deployment: DeploymentId) {
        let keep = self.keep.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(keep) = &*keep {
            keep.expect(deployment);
        }
    }

    fn has_lost_files(&self) -> bool {
        let keep = self.keep.read().unwrap_or_else(PoisonError::into_inner);
        keep.as_ref().is_some_and(Keep::take_lost)
    }

    /// Does work on the disk where it holds up nobody. It is done to its end even when nobody waits.
    pub(super) async fn on_disk(
        self: &Arc<Self>,
        work: impl FnOnce(&Keep) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let shared = self.clone();
        let done = tokio::task::spawn_blocking(move || shared.kept(work)).await;
        if self.has_lost_files() {
            self.keep_all_soon();
        }
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}
