//! Removing what tests of builds have left.

use std::collections::HashMap;

use bollard::query_parameters::ListNetworksOptionsBuilder;
use launcher_model::BuildId;

use super::super::Engine;
use super::super::connection::{Call, is_missing};
use super::super::halt::discard;
use crate::identity::{BuildIdentity, TEST};
use crate::{Result, labels};

impl Engine {
    pub(super) async fn sweep_builds(&self, running: &[BuildId]) -> Result<()> {
        let call = self.connection.call("removing what builds have left").await?;
        self.clear_tests(&call, |id| !running.contains(&id) && !self.tests.contain(id)).await
    }

    /// Removes the containers and networks of the tests of some builds of this installation.
    pub(super) async fn clear_tests(
        &self,
        call: &Call,
        of: impl Fn(BuildId) -> bool,
    ) -> Result<()> {
        let wanted = |labels: &Option<HashMap<String, String>>| {
            labels.as_ref().and_then(BuildIdentity::id_of).is_some_and(&of)
        };
        for container in self.list(call, None, None, Some(TEST)).await? {
            if let Some(id) = container.id.filter(|_| wanted(&container.labels)) {
                discard(call, &id).await?;
            }
        }
        let ours = format!("{}={}", labels::INSTALLATION, self.installation.as_str());
        let test = format!("{}={TEST}", labels::ROLE);
        let filters = HashMap::from([("label", vec![ours, test])]);
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let networks = call.api.list_networks(Some(options)).await;
        for network in networks.map_err(|error| call.fail(error))? {
            if let Some(id) = network.id.filter(|_| wanted(&network.labels)) {
                remove_network(call, &id).await?;
            }
        }
        Ok(())
    }
}

async fn remove_network(call: &Call, id: &str) -> Result<()> {
    match call.api.remove_network(id).await {
        Ok(()) => Ok(()),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(call.fail(error)),
    }
}
