//! The trait's methods: where transactions begin and end.

mod audit;
mod branches;
mod builds;
mod certificates;
mod credentials;
mod images;
mod kept_hosts;
mod people;
mod told;
mod upstream;

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::container::{Container, Host};
use launcher_model::environment::Environment;
use launcher_model::event::{Event, NewEvent};
use launcher_model::route::{Deployment, DeploymentState, Receipt, Route};
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{DeploymentId, EdgeName, ServiceName, VersionNumber};
use tokio::sync::broadcast;

use super::row::kept;
use super::{
    SqliteStore, containers, deployments, edges, environments, events, hosts, idempotency,
    maintenance, meta, routes, services, versions,
};
use crate::{
    AboutEdge, Answer, DeploymentFilter, Edge, EnvironmentChange, EventFilter, IdempotencyClaim,
    Invitation, MaintenanceRecord, MaintenanceWish, NewDeployment, NewVersion, PutOutcome,
    RecordedContainer, RecordedHost, Result, Service, Store,
};

#[async_trait]
impl Store for SqliteStore {
    async fn services(&self) -> Result<Vec<Service>> {
        self.read("listing services", services::list(&self.readers).await)
    }

    async fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        self.read("reading a service", services::one(&self.readers, name).await)
    }

    async fn put_service(&self, spec: &ServiceSpec, by: &str, at: Timestamp) -> Result<PutOutcome> {
        let mut write = self.begin("keeping a service").await?;
        let outcome = services::put(&mut write, spec, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn begin_deletion(&self, name: &ServiceName, by: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("writing down a deletion").await?;
        let outcome = services::begin_deletion(&mut write, name, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn delete_service(&self, name: &ServiceName, by: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("deleting a service").await?;
        let outcome = services::delete(&mut write, name, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn begin_maintenance(
        &self,
        service: &ServiceName,
        wish: &MaintenanceWish,
        by: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("writing down a maintenance").await?;
        let outcome = maintenance::begin(&mut write, service, wish, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn end_maintenance(
        &self,
        service: &ServiceName,
        by: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let mut write = self.begin("ending a maintenance").await?;
        let outcome = maintenance::end(&mut write, service, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn maintenance(&self, service: &ServiceName) -> Result<MaintenanceRecord> {
        self.read("reading a maintenance", maintenance::of(&self.readers, service).await)
    }

    async fn create_version(
        &self,
        new: NewVersion,
        at: Timestamp,
    ) -> Result<(Version, Environment)> {
        let mut write = self.begin("numbering a version").await?;
        let outcome = versions::create(&mut write, new, kept(at)).await;
        write.end(outcome).await
    }

    async fn version(
        &self,
        service: &ServiceName,
        number: VersionNumber,
    ) -> Result<Option<Version>> {
        self.read("reading a version", versions::one(&self.readers, service, number).await)
    }

    async fn versions(
        &self,
        service: &ServiceName,
        before: Option<VersionNumber>,
        limit: u32,
    ) -> Result<Vec<Version>> {
        let versions = versions::list(&self.readers, service, before, limit).await;
        self.read("listing versions", versions)
    }

    async fn environments(
        &self,
        service: &ServiceName,
        destroyed: bool,
    ) -> Result<Vec<Environment>> {
        let environments = environments::list(&self.readers, service, destroyed).await;
        self.read("listing environments", environments)
    }

    async fn all_environments(&self) -> Result<Vec<Environment>> {
        self.read("listing all environments", environments::all(&self.readers).await)
    }

    async fn environment(
        &self,
        service: &ServiceName,
        version: VersionNumber,
    ) -> Result<Option<Environment>> {
        let environment = environments::one(&self.readers, service, version).await;
        self.read("reading an environment", environment)
    }

    async fn change_environment(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        change: EnvironmentChange,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Environment> {
        let mut write = self.begin("changing an environment").await?;
        let outcome =
            environments::change(&mut write, service, version, change, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn route(&self, service: &ServiceName) -> Result<Route> {
        self.read("reading a route", routes::one(&self.readers, service).await)
    }

    async fn routes(&self) -> Result<Vec<Route>> {
        self.read("listing routes", routes::all(&self.readers).await)
    }

    async fn begin_deployment(
        &self,
        new: NewDeployment,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment> {
        let mut write = self.begin_step("beginning a deployment").await?;
        let outcome = deployments::begin(&mut write, new, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn set_deployment_state(&self, id: DeploymentId, state: DeploymentState) -> Result<()> {
        let mut write = self.begin_step("moving a deployment on").await?;
        let outcome = deployments::set_state(&mut write, id, state).await;
        write.end(outcome).await
    }

    async fn commit_route(&self, id: DeploymentId, at: Timestamp) -> Result<Route> {
        let mut write = self.begin("deciding a deployment").await?;
        let outcome = deployments::commit(&mut write, id, kept(at)).await;
        write.end(outcome).await
    }

    async fn deployment_live(
        &self,
        id: DeploymentId,
        receipt: &Receipt,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment> {
        let mut write = self.begin_step("keeping that a deployment is live").await?;
        let outcome = deployments::live(&mut write, id, receipt, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn deployment_done(
        &self,
        id: DeploymentId,
        receipt: &Receipt,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment> {
        let mut write = self.begin_step("ending a deployment").await?;
        let outcome = deployments::drained(&mut write, id, receipt, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn deployment_aborted(
        &self,
        id: DeploymentId,
        reason: &str,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment> {
        let mut write = self.begin_step("aborting a deployment").await?;
        let outcome = deployments::abort(&mut write, id, reason, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn deployment(&self, id: DeploymentId) -> Result<Option<Deployment>> {
        self.read("reading a deployment", deployments::one(&self.readers, id).await)
    }

    async fn deployments(&self, filter: &DeploymentFilter) -> Result<Vec<Deployment>> {
        self.read("listing deployments", deployments::list(&self.readers, filter).await)
    }

    async fn deployments_after(&self, after: DeploymentId, each: u32) -> Result<Vec<Deployment>> {
        let newer = deployments::after(&self.readers, after, each).await;
        self.read("listing new deployments", newer)
    }

    async fn unfinished_deployments(&self) -> Result<Vec<Deployment>> {
        let unfinished = deployments::unfinished(&self.readers).await;
        self.read("listing unfinished deployments", unfinished)
    }

    async fn record(&self, events: &[NewEvent], at: Timestamp) -> Result<()> {
        let mut write = self.begin("keeping events").await?;
        let outcome = events::record(&mut write, events, kept(at)).await;
        write.end(outcome).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>> {
        self.read("listing events", events::list(&self.readers, filter).await)
    }

    fn watch(&self) -> broadcast::Receiver<Event> {
        self.watchers.events.subscribe()
    }

    async fn invite_edge(&self, new: Invitation, by: &str, at: Timestamp) -> Result<()> {
        let mut write = self.begin("inviting an edge").await?;
        let outcome = edges::invite(&mut write, &new, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn join_edge(
        &self,
        hash: &[u8; 32],
        fingerprint: &[u8; 32],
        at: Timestamp,
    ) -> Result<Option<EdgeName>> {
        let mut write = self.begin("letting an edge join").await?;
        let outcome = edges::join(&mut write, hash, fingerprint, kept(at)).await;
        write.end(outcome).await
    }

    async fn edge_with(&self, fingerprint: &[u8; 32]) -> Result<Option<EdgeName>> {
        self.read("looking an edge up", edges::by_fingerprint(&self.readers, fingerprint).await)
    }

    async fn edges(&self) -> Result<Vec<Edge>> {
        self.read("listing edges", edges::list(&self.readers).await)
    }

    async fn edge_seen(&self, edge: &EdgeName, about: &AboutEdge, at: Timestamp) -> Result<()> {
        let mut write = self.begin_step("keeping that an edge was seen").await?;
        let outcome = edges::seen(&mut write, edge, about, kept(at)).await;
        write.end(outcome).await
    }

    async fn revoke_edge(&self, edge: &EdgeName, by: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.begin("revoking an edge").await?;
        let outcome = edges::remove(&mut write, edge, by, kept(at)).await;
        write.end(outcome).await
    }

    async fn claim_key(
        &self,
        key: &str,
        fingerprint: &[u8; 32],
        at: Timestamp,
    ) -> Result<IdempotencyClaim> {
        let mut write = self.begin_step("claiming an idempotency key").await?;
        let outcome = idempotency::claim(&mut write, key, fingerprint, &self.holder, at).await;
        write.end(outcome).await
    }

    async fn answer_key(&self, key: &str, answer: &Answer) -> Result<()> {
        let mut write = self.begin_step("keeping an answer").await?;
        let outcome = idempotency::answer(&mut write, key, answer).await;
        write.end(outcome).await
    }

    async fn release_key(&self, key: &str) -> Result<()> {
        let mut write = self.begin_step("releasing an idempotency key").await?;
        let outcome = idempotency::release(&mut write, key).await;
        write.end(outcome).await
    }

    async fn record_containers(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        observed: &[Container],
        at: Timestamp,
    ) -> Result<()> {
        let doing = "keeping what containers were observed";
        let present = containers::present(&self.readers, service, version).await;
        if !containers::differ(&self.read(doing, present)?, observed) {
            return Ok(());
        }
        let mut write = self.begin_step(doing).await?;
        let outcome = containers::record(&mut write, service, version, observed, at).await;
        write.end(outcome).await
    }

    async fn recorded_containers(
        &self,
        service: Option<&ServiceName>,
    ) -> Result<Vec<RecordedContainer>> {
        self.read("listing containers", containers::list(&self.readers, service).await)
    }

    async fn record_hosts(&self, observed: &[Host], at: Timestamp) -> Result<()> {
        let doing = "keeping what hosts were observed";
        let recorded = self.read(doing, hosts::list(&self.readers).await)?;
        if !hosts::differ(&recorded, observed) {
            return Ok(());
        }
        let mut write = self.begin_step(doing).await?;
        let outcome = hosts::record(&mut write, observed, at).await;
        write.end(outcome).await
    }

    async fn recorded_hosts(&self) -> Result<Vec<RecordedHost>> {
        self.read("listing hosts", hosts::list(&self.readers).await)
    }

    async fn installation(&self) -> Result<String> {
        Ok(self.installation.clone())
    }

    async fn next_epoch(&self) -> Result<u64> {
        let mut write = self.begin("counting a start").await?;
        let outcome = meta::next_epoch(&mut write).await;
        write.end(outcome).await
    }

    async fn ping(&self) -> Result<()> {
        let mut write = self.begin_step("testing that a write is taken").await?;
        let outcome = meta::ping(&mut write).await;
        write.end(outcome).await
    }
}
