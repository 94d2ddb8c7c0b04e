//! What is wanted and what happened, kept in a database.
//!
//! One trait, [`Store`], and one module for each database. A store decides nothing: it keeps what it
//! is told, in transactions whose borders are the trait's methods.

mod audit;
mod branches;
mod builds;
mod certificates;
mod credentials;
mod error;
mod hosts;
mod images;
mod people;
mod records;
pub mod sqlite;
mod told;
mod upstream;
pub mod vault;

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

pub use audit::AuditStore;
pub use branches::BranchStore;
pub use builds::BuildStore;
pub use certificates::{
    CertificateFailure, CertificateRecord, CertificateStore, IssuedCertificate,
};
pub use credentials::CredentialStore;
pub use error::Error;
pub use hosts::{HostStore, KeptHost};
pub use images::ImageStore;
pub use people::{PeopleStore, SessionStore};
pub use records::{
    AboutEdge, Answer, AuditEntry, AuditFilter, BuildChange, BuildFilter, Deletion,
    DeploymentFilter, Edge, EnvironmentChange, EventFilter, Following, IdempotencyClaim,
    Invitation, LeftImage, Made, Maintenance, MaintenanceRecord, MaintenanceWish, NewAudit,
    NewBuild, NewDeployment, NewPerson, NewSession, NewToken, NewVersion, Outcome, Owner, Page,
    Person, PersonChange, PutOutcome, Queued, RecordedContainer, RecordedHost, SecretRecord,
    SeenImage, Service, Session, Subject, Token, Way,
};
pub use told::{Told, ToldStore};
pub use upstream::{Unreported, UpstreamStore};

/// The result of a call to a store.
pub type Result<T> = std::result::Result<T, Error>;

/// Keeps what is wanted and what happened.
///
/// Every method is one transaction: it is done whole when it returns, or not at all, also when its
/// caller goes away in the middle. What is done outlives the death of the process, and a power cut too.
/// Only the steps of a deployment around its decision, what was observed, and idempotency keys may be
/// taken back by a power cut, together with what came after them; all of that is begun again when it is
/// missing, and becomes safe with the next method that is not among them.
///
/// Events that are handed in are written in the same transaction, and told to every
/// [`watch`](Store::watch)er after it, in the order of their numbers. No order depends on a clock: times
/// are only kept, to the microsecond.
#[async_trait]
pub trait Store:
    AuditStore
    + BranchStore
    + BuildStore
    + CertificateStore
    + CredentialStore
    + HostStore
    + ImageStore
    + PeopleStore
    + SessionStore
    + ToldStore
    + UpstreamStore
    + Send
    + Sync
    + 'static
{
    // Services -------------------------------------------------------------------------------------

    /// All services, by name.
    async fn services(&self) -> Result<Vec<Service>>;
    /// One service; none when there is none of that name.
    async fn service(&self, name: &ServiceName) -> Result<Option<Service>>;
    /// Creates a service or replaces its settings. Writes the event that fits, unless nothing changed.
    ///
    /// # Errors
    /// [`Error::HostTaken`] when another service has one of its hostnames, or [`Error::BeingDeleted`].
    async fn put_service(&self, spec: &ServiceSpec, by: &str, at: Timestamp) -> Result<PutOutcome>;
    /// Writes down that a service shall be gone with everything that it has. Nothing else is done: from now
    /// on it takes no settings, versions and deployments, but the one that takes it offline. False when
    /// there was none; the first wish counts when it is said again.
    async fn begin_deletion(&self, name: &ServiceName, by: &str, at: Timestamp) -> Result<bool>;
    /// Forgets a service, when all its environments are destroyed; the records of its versions and
    /// deployments stay. Its numbers stay used: one of the same name goes on counting versions and its
    /// route's generations. False when there was none.
    ///
    /// # Errors
    /// [`Error::StillInUse`] when an environment is left, or a deployment is under way.
    async fn delete_service(&self, name: &ServiceName, by: &str, at: Timestamp) -> Result<bool>;

    /// Closes a service to its users, or has them see something else, with the event that tells it. A page
    /// that was given once is kept until another one is. False when nothing changed.
    ///
    /// # Errors
    /// [`Error::NoSuch`] when there is no such service, [`Error::BeingDeleted`], or
    /// [`Error::PagesTooLong`].
    async fn begin_maintenance(
        &self,
        service: &ServiceName,
        wish: &MaintenanceWish,
        by: &str,
        at: Timestamp,
    ) -> Result<bool>;
    /// Opens a service again, with the event that tells it. False when it was open.
    ///
    /// # Errors
    /// [`Error::NoSuch`] when there is no such service.
    async fn end_maintenance(&self, service: &ServiceName, by: &str, at: Timestamp)
    -> Result<bool>;
    /// Whether a service is closed to its users, and the page that they see or would see.
    async fn maintenance(&self, service: &ServiceName) -> Result<MaintenanceRecord>;

    // Versions and environments ----------------------------------------------------------------------

    /// Numbers a new version and adds its environment, wanted running, with the event that tells it.
    ///
    /// # Errors
    /// [`Error::NoSuch`] when there is no such service, or [`Error::BeingDeleted`].
    async fn create_version(
        &self,
        new: NewVersion,
        at: Timestamp,
    ) -> Result<(Version, Environment)>;
    /// One version.
    async fn version(
        &self,
        service: &ServiceName,
        number: VersionNumber,
    ) -> Result<Option<Version>>;
    /// A service's versions, newest first.
    async fn versions(
        &self,
        service: &ServiceName,
        before: Option<VersionNumber>,
        limit: u32,
    ) -> Result<Vec<Version>>;
    /// A service's environments, newest first; those destroyed only on demand.
    async fn environments(
        &self,
        service: &ServiceName,
        destroyed: bool,
    ) -> Result<Vec<Environment>>;
    /// The environments of all services that are not destroyed, by service, newest first.
    async fn all_environments(&self) -> Result<Vec<Environment>>;
    /// One environment.
    async fn environment(
        &self,
        service: &ServiceName,
        version: VersionNumber,
    ) -> Result<Option<Environment>>;
    /// Changes some of an environment's fields; a change of state that the state machine does not
    /// know is refused, and one to the state that it has already is none. One that is wanted running
    /// again was last used now.
    ///
    /// # Errors
    /// [`Error::NoSuch`], or [`Error::Transition`].
    async fn change_environment(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        change: EnvironmentChange,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Environment>;

    // Routes and deployments --------------------------------------------------------------------------

    /// Where a service's traffic goes; generation 0 and no weights when it was never deployed.
    /// No weights either when the service was deleted.
    async fn route(&self, service: &ServiceName) -> Result<Route>;
    /// The routes of all services that were deployed once.
    async fn routes(&self) -> Result<Vec<Route>>;
    /// Writes down a deployment before anything is done for it. Its number is given to the events here
    /// and in the steps below, where they name no deployment.
    ///
    /// # Errors
    /// [`Error::Busy`] when one of the service's is in a state that blocks others, [`Error::NoSuch`]
    /// when there is no such service, or [`Error::BeingDeleted`].
    async fn begin_deployment(
        &self,
        new: NewDeployment,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment>;
    /// Moves a deployment on, between the states that come before its decision.
    ///
    /// # Errors
    /// [`Error::NoSuch`] or [`Error::WrongState`], as for every step below.
    async fn set_deployment_state(&self, id: DeploymentId, state: DeploymentState) -> Result<()>;
    /// The decision: in one transaction the route gets the deployment's weights and its next
    /// generation, the deployment is `committing`, and the versions with weight and those that leave
    /// were last used now. Safe to repeat until the deployment is live.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the route is not what the deployment began from any more, or when a
    /// version that is to get traffic is not ready, or not wanted running, any more.
    async fn commit_route(&self, id: DeploymentId, at: Timestamp) -> Result<Route>;
    /// Every edge has acknowledged: `draining`, with the receipt as far as it is known. Safe to repeat.
    async fn deployment_live(
        &self,
        id: DeploymentId,
        receipt: &Receipt,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment>;
    /// Drained: `done`, with the final receipt. Safe to repeat.
    async fn deployment_done(
        &self,
        id: DeploymentId,
        receipt: &Receipt,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment>;
    /// Nothing was changed: `aborted`. Only before the decision. Safe to repeat.
    async fn deployment_aborted(
        &self,
        id: DeploymentId,
        reason: &str,
        events: &[NewEvent],
        at: Timestamp,
    ) -> Result<Deployment>;
    /// One deployment.
    async fn deployment(&self, id: DeploymentId) -> Result<Option<Deployment>>;
    /// Deployments, newest first.
    async fn deployments(&self, filter: &DeploymentFilter) -> Result<Vec<Deployment>>;
    /// Those of all services with a number above this one, newest first, at most `each` of a service.
    async fn deployments_after(&self, after: DeploymentId, each: u32) -> Result<Vec<Deployment>>;
    /// Those that are neither done nor aborted, oldest first.
    async fn unfinished_deployments(&self) -> Result<Vec<Deployment>>;

    // Events --------------------------------------------------------------------------------------------

    /// Writes events that belong to no other change.
    async fn record(&self, events: &[NewEvent], at: Timestamp) -> Result<()>;
    /// Events, oldest first behind `after`, or newest first before `before`.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>>;
    /// Every event from now on, after it is durable. A reader that lags behind must read
    /// [`events`](Store::events) again from the last it saw.
    fn watch(&self) -> broadcast::Receiver<Event>;

    // Edges ---------------------------------------------------------------------------------------------------

    /// Invites an edge: whoever has the token of the invitation may join once, under its name. One that
    /// has joined already goes on until then.
    async fn invite_edge(&self, new: Invitation, by: &str, at: Timestamp) -> Result<()>;
    /// Lets the edge with this fingerprint join on the invitation with this hash. Returns its name; none
    /// when the invitation is unknown, over, or was taken by another.
    async fn join_edge(
        &self,
        hash: &[u8; 32],
        fingerprint: &[u8; 32],
        at: Timestamp,
    ) -> Result<Option<EdgeName>>;
    /// The edge that has joined with this fingerprint.
    async fn edge_with(&self, fingerprint: &[u8; 32]) -> Result<Option<EdgeName>>;
    /// All edges that were invited or have joined, by name.
    async fn edges(&self) -> Result<Vec<Edge>>;
    /// Keeps that an edge was connected, and what it said of itself. Nothing when it has not joined.
    async fn edge_seen(&self, edge: &EdgeName, about: &AboutEdge, at: Timestamp) -> Result<()>;
    /// Forgets an edge: it is a stranger from then on. False when there is none.
    async fn revoke_edge(&self, edge: &EdgeName, by: &str, at: Timestamp) -> Result<bool>;

    // Idempotency -----------------------------------------------------------------------------------------------

    /// Claims an `Idempotency-Key` of a token for a request with this fingerprint, or hands out what was
    /// answered to it. Claims older than a day are forgotten; one that a process made which is gone
    /// without an answer is free again, and tells what the request has made that carried it.
    async fn claim_key(
        &self,
        key: &str,
        fingerprint: &[u8; 32],
        at: Timestamp,
    ) -> Result<IdempotencyClaim>;
    /// Keeps the answer to a claimed key.
    async fn answer_key(&self, key: &str, answer: &Answer) -> Result<()>;
    /// Lets a claimed key go without an answer, so that it can be tried again. What was made with it stays
    /// known.
    async fn release_key(&self, key: &str) -> Result<()>;

    // What was observed ---------------------------------------------------------------------------------------------

    /// Keeps what was last observed of a version's containers. One that is missing has ended; of those,
    /// only the newest fifty are remembered. Writes nothing when nothing changed.
    async fn record_containers(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        observed: &[Container],
        at: Timestamp,
    ) -> Result<()>;
    /// The containers that are or were there, by service, version and age.
    async fn recorded_containers(
        &self,
        service: Option<&ServiceName>,
    ) -> Result<Vec<RecordedContainer>>;
    /// Keeps what was last observed of the hosts; one that is missing is gone. Writes nothing when
    /// nothing changed.
    async fn record_hosts(&self, observed: &[Host], at: Timestamp) -> Result<()>;
    /// The hosts that are or were there, by name.
    async fn recorded_hosts(&self) -> Result<Vec<RecordedHost>>;

    // The store itself --------------------------------------------------------------------------------------------

    /// The id of this installation, made at the first start; labels of containers carry it.
    async fn installation(&self) -> Result<String>;
    /// Counts the starts of the server: one higher at each call, so that what a server numbers while it
    /// runs stays above what the one before it numbered.
    async fn next_epoch(&self) -> Result<u64>;
    /// Proves that a write would be taken: for readiness.
    async fn ping(&self) -> Result<()>;
}
