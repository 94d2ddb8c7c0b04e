//! What the daemon asks of whatever carries the traffic.

pub(crate) mod switch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use launcher_model::{DeploymentId, ServiceName, VersionNumber};
use tokio::sync::watch;

use crate::protocol::{CertificateFile, DrainOutcome, Flip, HoldOutcome, Issued, Readiness};
use crate::samples::Second;
use crate::table::{RouteTable, ServiceTable};

/// What is to come to rest: a version, or some of its containers.
#[derive(Debug, Clone)]
pub struct Resting {
    /// Whose version it is.
    pub service: ServiceName,
    /// The version.
    pub version: VersionNumber,
    /// Containers that have left the table, by id, and where they were reached; all of the version when
    /// there is nothing.
    pub containers: Option<BTreeMap<String, SocketAddr>>,
}

/// What carries the traffic: the proxy that is built in, or another one that is run by this daemon.
///
/// The daemon knows the control plane and not how a request is carried; a driver knows the opposite.
/// Calls may come at the same time. Each is safe to repeat, and what the caller stops waiting for may
/// or may not have happened.
pub trait Driver: Send + Sync + 'static {
    /// The name by which edges of this kind are listed.
    fn name(&self) -> &'static str;

    /// Begins to serve, what it knows by then. Called more than once.
    fn open(&self);

    /// What it serves, or will when it is open.
    fn table(&self) -> impl Future<Output = RouteTable> + Send;

    /// Takes over a whole table but for services that it has a newer revision of; those that are not in
    /// the table go. Returns every service's revision.
    fn welcome(&self, table: RouteTable) -> impl Future<Output = Vec<(ServiceName, u64)>> + Send;

    /// Takes over one service, unless it has a newer revision. Returns the revision that it has then.
    fn replace(&self, service: ServiceTable) -> impl Future<Output = (ServiceName, u64)> + Send;

    /// Serves a service no longer.
    fn remove(&self, service: ServiceName) -> impl Future<Output = ()> + Send;

    /// Makes sure that [`commit`](Self::commit) will succeed and be followed at once. Changes nothing
    /// that a client could see.
    fn prepare(
        &self,
        deployment: DeploymentId,
        service: ServiceTable,
        within: Duration,
    ) -> impl Future<Output = Result<Readiness, String>> + Send;

    /// Serves what was prepared.
    fn commit(&self, deployment: DeploymentId)
    -> impl Future<Output = Result<Flip, String>> + Send;

    /// Forgets what was prepared, also while it still is being prepared.
    fn abort(&self, deployment: DeploymentId) -> impl Future<Output = ()> + Send;

    /// Forgets all that was prepared: those who could commit it are gone.
    fn abandon(&self) -> impl Future<Output = ()> + Send;

    /// Has every production request of a service that begins from now on wait, until it is
    /// [released](Self::release) or `within` has passed. Repeated, it may wait longer.
    fn hold(
        &self,
        service: ServiceName,
        within: Duration,
    ) -> impl Future<Output = Result<(), String>> + Send {
        let _ = within;
        let why = format!("its driver, {}, cannot hold the requests of {service}", self.name());
        async { Err(why) }
    }

    /// Waits until no production request or connection of a service that is held is in flight, for at
    /// most half of the time that it is held. Whether it came to that.
    fn rested(&self, service: ServiceName) -> impl Future<Output = bool> + Send {
        let _ = service;
        async { false }
    }

    /// Has the requests that wait go where the table says now. Returns how they waited.
    fn release(&self, service: ServiceName) -> impl Future<Output = HoldOutcome> + Send {
        let _ = service;
        async { HoldOutcome::default() }
    }

    /// Shows these certificates, and answers an authority's questions so, by its tokens; what there was of both
    /// is gone. A driver whose proxy has certificates of its own does nothing.
    fn certify(
        &self,
        issued: Vec<Issued>,
        challenges: BTreeMap<String, String>,
    ) -> impl Future<Output = ()> + Send {
        drop((issued, challenges));
        async {}
    }

    /// What is read from files of certificates, and each change of it. A driver whose proxy has certificates of
    /// its own reads none.
    fn certificate_files(&self) -> watch::Receiver<Vec<CertificateFile>> {
        watch::channel(Vec::new()).1
    }

    /// Waits until nothing of this is under way, for at most `within`. Whether it came to that.
    fn at_rest(&self, resting: Resting, within: Duration) -> impl Future<Output = bool> + Send;

    /// Waits until somebody has looked at environments of branches, or still does, and says which those
    /// are. For one caller at a time, who may stop waiting.
    fn looked(&self) -> impl Future<Output = Vec<(ServiceName, Vec<VersionNumber>)>> + Send;

    /// Waits until requests wait for environments that are asleep, and says which those are. Each is said
    /// once while the control plane is there, which begins with a [`welcome`](Self::welcome). For one
    /// caller at a time, who may stop waiting.
    fn wanted(&self) -> impl Future<Output = Vec<(ServiceName, VersionNumber)>> + Send;

    /// Deployments whose previous versions still drain, or whose outcome has not been
    /// [seen](Self::drain_seen).
    fn draining(&self) -> impl Future<Output = Vec<DeploymentId>> + Send;

    /// Outcomes that have not been [seen](Self::drain_seen).
    fn drained(&self) -> impl Future<Output = Vec<(DeploymentId, DrainOutcome)>> + Send;

    /// Waits until there is an outcome that was not there the last time. For one caller at a time.
    fn drain_ended(&self) -> impl Future<Output = ()> + Send;

    /// The outcome has been stored and can be forgotten.
    fn drain_seen(&self, deployment: DeploymentId) -> impl Future<Output = ()> + Send;

    /// Waits until there is a second in which something was carried. The oldest one that has not been
    /// [told](Self::measured_told). For one caller at a time, who may stop waiting.
    fn measured(&self) -> impl Future<Output = Second> + Send;

    /// The control plane has been told of this second and those before it.
    fn measured_told(&self, at: i64);
}
