//! What a Swarm has: the calls for its services, tasks, nodes and secrets.

use std::collections::HashMap;

use bollard::auth::DockerCredentials;
use bollard::models::{Node, NodeSpec, Secret, SecretSpec, Service, ServiceSpec, Task};
use bollard::query_parameters::{
    InspectServiceOptions, ListNodesOptions, ListSecretsOptionsBuilder, ListServicesOptionsBuilder,
    ListTasksOptions, ListTasksOptionsBuilder, UpdateNodeOptionsBuilder,
    UpdateServiceOptionsBuilder,
};

use super::Swarm;
use crate::docker::connection::{Call, is_missing, refusal};
use crate::{Error, Result, labels};

/// How often an update is tried again that somebody else came before.
const TRIES: u32 = 8;

/// How the creation of an object went that has a name of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// It is new.
    Yes,
    /// There is one of that name.
    Taken,
}

type Filters = HashMap<&'static str, Vec<String>>;

impl Swarm {
    fn ours(&self) -> Filters {
        let label = format!("{}={}", labels::INSTALLATION, self.0.installation.as_str());
        HashMap::from([("label", vec![label])])
    }

    /// This installation's services.
    pub(super) async fn services(&self) -> Result<Vec<Service>> {
        let options = ListServicesOptionsBuilder::new().filters(&self.ours()).build();
        let list = |call: Call| {
            let options = options.clone();
            async move { call.api.list_services(Some(options)).await.map_err(|error| call.fail(error)) }
        };
        self.0.managers.ask("looking at services", list).await
    }

    /// This installation's tasks, also those of services that are gone.
    pub(super) async fn tasks(&self) -> Result<Vec<Task>> {
        self.list_tasks(ListTasksOptionsBuilder::new().filters(&self.ours()).build()).await
    }

    /// Everybody's tasks that are to run.
    pub(super) async fn everybodys_tasks(&self) -> Result<Vec<Task>> {
        let filters = HashMap::from([("desired-state", vec!["running"])]);
        self.list_tasks(ListTasksOptionsBuilder::new().filters(&filters).build()).await
    }

    async fn list_tasks(&self, options: ListTasksOptions) -> Result<Vec<Task>> {
        let list = |call: Call| {
            let options = options.clone();
            async move { call.api.list_tasks(Some(options)).await.map_err(|error| call.fail(error)) }
        };
        self.0.managers.ask("looking at tasks", list).await
    }

    /// The Swarm's hosts.
    pub(super) async fn nodes(&self) -> Result<Vec<Node>> {
        let list = async |call: Call| {
            call.api.list_nodes(None::<ListNodesOptions>).await.map_err(|error| call.fail(error))
        };
        self.0.managers.ask("looking at hosts", list).await
    }

    /// The service of that name, whoever has made it.
    pub(super) async fn service(&self, name: &str) -> Result<Option<Service>> {
        let look = async |call: Call| match call
            .api
            .inspect_service(name, None::<InspectServiceOptions>)
            .await
        {
            Ok(service) => Ok(Some(service)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(call.fail(error)),
        };
        self.0.managers.ask("looking at a service", look).await
    }

    /// Creates a service. Each node that gets one of its tasks pulls with the credentials.
    pub(super) async fn create_service(
        &self,
        spec: &ServiceSpec,
        credentials: Option<&DockerCredentials>,
    ) -> Result<Created> {
        let create = |call: Call| {
            let (spec, credentials) = (spec.clone(), credentials.cloned());
            async move {
                match call.api.create_service(spec, credentials).await {
                    Ok(_) => Ok(Created::Yes),
                    Err(error) if is_conflict(&error) => Ok(Created::Taken),
                    Err(error) => Err(call.fail(error)),
                }
            }
        };
        let created = self.0.managers.ask("creating a service", create).await?;
        self.0.keeper.touch();
        launcher_fault::point("swarm.service_created");
        Ok(created)
    }

    /// Changes a service. `change` says what it shall be like, given how it is; whoever else changes it in
    /// between is not overruled. One that is gone stays so.
    pub(super) async fn update_service(
        &self,
        id: &str,
        credentials: Option<&DockerCredentials>,
        change: impl Fn(&mut ServiceSpec) + Send + Sync,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let Some(service) = self.service(id).await? else { return Ok(()) };
            let (Some(mut spec), Some(index)) =
                (service.spec, service.version.and_then(|version| version.index))
            else {
                return Ok(());
            };
            let before = spec.clone();
            change(&mut spec);
            if spec == before || self.update_once(id, spec, index, credentials).await? {
                return Ok(());
            }
        }
        let why = "somebody else changes the service again and again".to_owned();
        Err(Error::Refused { doing: "changing a service", why })
    }

    /// Whether nobody came before.
    async fn update_once(
        &self,
        id: &str,
        spec: ServiceSpec,
        index: u64,
        credentials: Option<&DockerCredentials>,
    ) -> Result<bool> {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        let options = UpdateServiceOptionsBuilder::new().version(index).build();
        let update = |call: Call| {
            let (spec, options, credentials) =
                (spec.clone(), options.clone(), credentials.cloned());
            async move {
                match call.api.update_service(id, spec, options, credentials).await {
                    Ok(_) => Ok(true),
                    Err(error) if is_out_of_sequence(&error) || is_missing(&error) => Ok(false),
                    Err(error) => Err(call.fail(error)),
                }
            }
        };
        let updated = self.0.managers.ask("changing a service", update).await?;
        self.0.keeper.touch();
        launcher_fault::point("swarm.service_updated");
        Ok(updated)
    }

    /// Removes a service; its tasks are ended. It may be gone.
    pub(super) async fn delete_service(&self, id: &str) -> Result<()> {
        let delete = async |call: Call| match call.api.delete_service(id).await {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(call.fail(error)),
        };
        self.0.managers.ask("removing a service", delete).await?;
        self.0.keeper.touch();
        launcher_fault::point("swarm.service_removed");
        Ok(())
    }

    /// Changes what the Swarm's people say of a host.
    pub(super) async fn update_node(
        &self,
        id: &str,
        change: impl Fn(&mut NodeSpec) + Send + Sync,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let look = async |call: Call| {
                call.api.inspect_node(id).await.map_err(|error| call.fail(error))
            };
            let node = self.0.managers.ask("looking at a host", look).await?;
            let mut spec = node.spec.unwrap_or_default();
            let before = spec.clone();
            change(&mut spec);
            let index = node.version.and_then(|version| version.index).unwrap_or(0);
            if spec == before || self.update_node_once(id, spec, index).await? {
                return Ok(());
            }
        }
        let why = "somebody else changes the host again and again".to_owned();
        Err(Error::Refused { doing: "changing a host", why })
    }

    async fn update_node_once(&self, id: &str, spec: NodeSpec, index: u64) -> Result<bool> {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let options = UpdateNodeOptionsBuilder::new().version(index).build();
        let update = |call: Call| {
            let (spec, options) = (spec.clone(), options.clone());
            async move {
                match call.api.update_node(id, spec, options).await {
                    Ok(()) => Ok(true),
                    Err(error) if is_out_of_sequence(&error) => Ok(false),
                    Err(error) => Err(call.fail(error)),
                }
            }
        };
        let updated = self.0.managers.ask("changing a host", update).await?;
        self.0.keeper.touch();
        Ok(updated)
    }

    /// This installation's secrets.
    pub(super) async fn secrets(&self) -> Result<Vec<Secret>> {
        let options = ListSecretsOptionsBuilder::new().filters(&self.ours()).build();
        let list = |call: Call| {
            let options = options.clone();
            async move { call.api.list_secrets(Some(options)).await.map_err(|error| call.fail(error)) }
        };
        self.0.managers.ask("looking at secrets", list).await
    }

    /// Creates a secret.
    pub(super) async fn create_secret(&self, spec: &SecretSpec) -> Result<Created> {
        let create = |call: Call| {
            let spec = spec.clone();
            async move {
                match call.api.create_secret(spec).await {
                    Ok(_) => Ok(Created::Yes),
                    Err(error) if is_conflict(&error) => Ok(Created::Taken),
                    Err(error) => Err(call.fail(error)),
                }
            }
        };
        let created = self.0.managers.ask("creating a secret", create).await?;
        launcher_fault::point("swarm.secret_created");
        Ok(created)
    }

    /// Removes a secret, unless a service uses it. It may be gone.
    pub(super) async fn delete_secret(&self, id: &str) -> Result<()> {
        let delete = async |call: Call| match call.api.delete_secret(id).await {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) || is_in_use(&error) => Ok(()),
            Err(error) => Err(call.fail(error)),
        };
        self.0.managers.ask("removing a secret", delete).await
    }
}

fn is_conflict(error: &bollard::errors::Error) -> bool {
    refusal(error).is_some_and(|(status, _)| status == 409)
}

fn is_out_of_sequence(error: &bollard::errors::Error) -> bool {
    refusal(error).is_some_and(|(_, words)| words.contains("out of sequence"))
}

fn is_in_use(error: &bollard::errors::Error) -> bool {
    refusal(error).is_some_and(|(_, words)| words.contains("in use"))
}
