//! Hosts of a lab that are one Swarm.

use std::time::{Duration, Instant};

use bollard::models::{
    Node as EngineNode, NodeState, SwarmInitRequest, SwarmJoinRequest, SwarmSpec,
    SwarmSpecDispatcher,
};
use bollard::query_parameters::ListNodesOptions;
use futures_util::future::try_join_all;

use crate::error::Error;
use crate::process::LOOK;
use crate::{Host, Result, SwarmOptions};

/// The port of managers.
const PORT: u16 = 2377;

/// How long all nodes may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node, as a manager sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The host's name.
    pub host: String,
    /// Its id in the Swarm.
    pub id: String,
    /// Whether managers hear of it.
    pub ready: bool,
    /// Whether it is one.
    pub manager: bool,
}

/// Makes these hosts one Swarm, and returns when all of them are ready.
///
/// # Errors
/// When an engine refuses, or they are not ready in time.
pub(crate) async fn form(hosts: &[Host], options: &SwarmOptions) -> Result<()> {
    let Some((first, others)) = hosts.split_first() else { return Ok(()) };
    let (manager_token, worker_token) = init(first, options).await?;
    let (managers, workers) = others.split_at(options.managers - 1);
    // Each manager changes who is asked whether the next one may.
    for manager in managers {
        join(manager, first, &manager_token).await?;
    }
    try_join_all(workers.iter().map(|worker| join(worker, first, &worker_token))).await?;
    wait_until_ready(first, hosts.len()).await
}

/// Returns the tokens with which managers and workers join.
async fn init(host: &Host, options: &SwarmOptions) -> Result<(String, String)> {
    let refused = |why| failed(host, "making a Swarm", why);
    let heartbeat = options.heartbeat.and_then(|period| i64::try_from(period.as_nanos()).ok());
    let spec = heartbeat.map(|period| SwarmSpec {
        dispatcher: Some(SwarmSpecDispatcher { heartbeat_period: Some(period) }),
        ..SwarmSpec::default()
    });
    let request = SwarmInitRequest {
        listen_addr: Some(format!("0.0.0.0:{PORT}")),
        advertise_addr: Some(host.address().to_string()),
        spec,
        ..SwarmInitRequest::default()
    };
    let engine = host.docker()?;
    engine.init_swarm(request).await.map_err(refused)?;
    let swarm = engine.inspect_swarm().await.map_err(refused)?;
    let tokens = swarm.join_tokens.unwrap_or_default();
    Ok((tokens.manager.unwrap_or_default(), tokens.worker.unwrap_or_default()))
}

async fn join(host: &Host, manager: &Host, token: &str) -> Result<()> {
    let request = SwarmJoinRequest {
        listen_addr: Some(format!("0.0.0.0:{PORT}")),
        advertise_addr: Some(host.address().to_string()),
        remote_addrs: Some(vec![format!("{}:{PORT}", manager.address())]),
        join_token: Some(token.to_owned()),
        ..SwarmJoinRequest::default()
    };
    let joined = host.docker()?.join_swarm(request).await;
    joined.map_err(|why| failed(host, "joining the Swarm", why))
}

async fn wait_until_ready(manager: &Host, of: usize) -> Result<()> {
    let began = Instant::now();
    loop {
        let ready = nodes(manager).await?.iter().filter(|node| node.ready).count();
        if ready == of {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(Error::Swarm { ready, of, after: PATIENCE });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The nodes of the Swarm, as this manager sees them.
///
/// # Errors
/// When it does not answer, or is none.
pub(crate) async fn nodes(manager: &Host) -> Result<Vec<Node>> {
    let listed = manager.docker()?.list_nodes(None::<ListNodesOptions>).await;
    let listed = listed.map_err(|why| failed(manager, "listing the Swarm's nodes", why))?;
    Ok(listed.into_iter().map(node).collect())
}

fn node(node: EngineNode) -> Node {
    let host = node.description.and_then(|description| description.hostname);
    Node {
        host: host.unwrap_or_default(),
        id: node.id.unwrap_or_default(),
        ready: node.status.and_then(|status| status.state) == Some(NodeState::READY),
        manager: node.manager_status.is_some(),
    }
}

fn failed(host: &Host, doing: &'static str, why: bollard::errors::Error) -> Error {
    Error::Engine { host: host.name().to_owned(), doing, why }
}
