//! A switch that goes on while whoever asked for it does something else.

use std::sync::Arc;
use std::time::Instant;

use launcher_model::DeploymentId;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{DeployRequest, Deployed, deploy};
use crate::{Control, Error, Result};

/// A switch that was asked for. It goes on when this is dropped.
pub struct Underway {
    /// The deployment, which is written down.
    pub id: DeploymentId,
    ending: Ending,
}

enum Ending {
    /// There was nothing to do.
    Over(Box<Deployed>),
    Task(JoinHandle<Result<Deployed>>),
}

impl Underway {
    /// Waits until every edge has acknowledged.
    ///
    /// # Errors
    /// When the switch was aborted; nothing was changed then.
    pub async fn ended(self) -> Result<Deployed> {
        match self.ending {
            Ending::Over(deployed) => Ok(*deployed),
            Ending::Task(task) => joined(task).await,
        }
    }
}

impl Control {
    /// Begins to make a version live, or several with shares, and returns once that is written down.
    ///
    /// # Errors
    /// When there is no such version, it cannot be live, or another deployment is under way; nothing was
    /// changed then.
    pub async fn begin_deploy(&self, request: DeployRequest) -> Result<Underway> {
        let inner = Arc::clone(&self.inner);
        let called = Instant::now();
        let (begins, begun) = oneshot::channel();
        let task = tokio::spawn(async move {
            let begins = |id| {
                let _ = begins.send(id);
            };
            deploy(&inner, &request, called, begins).await
        });
        match begun.await {
            Ok(id) => Ok(Underway { id, ending: Ending::Task(task) }),
            // It has ended before it began.
            Err(_) => {
                let deployed = joined(task).await?;
                let id = deployed.deployment.id;
                Ok(Underway { id, ending: Ending::Over(Box::new(deployed)) })
            }
        }
    }
}

async fn joined(task: JoinHandle<Result<Deployed>>) -> Result<Deployed> {
    task.await.unwrap_or_else(|error| {
        Err(Error::Refused(format!("the deployment ended in a fault of the program: {error}")))
    })
}
