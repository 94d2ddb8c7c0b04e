//! The part of Mesos' HTTP API that tells of hosts, of tasks and of what they use.

mod agent;
mod inventory;
mod master;

pub(crate) use agent::{AgentDoor, router as agent_router};
pub(crate) use master::{Master, router as master_router};
