//! Places containers on hosts: the trait, and one module per engine.
//!
//! The control plane says what containers an environment shall have; how they come to be on which
//! host is the engine's business. A driver decides nothing about versions or routes, and keeps no
//! state of its own: what is, it reads from the engine; what is ours, it knows by labels.

mod builder;
mod changes;
mod error;
mod identity;
mod interact;
mod keeper;
mod moving;
mod runs;
mod types;
mod volumes;

pub mod docker;
pub mod dockerignore;
#[cfg(feature = "fake")]
pub mod fake;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
pub mod labels;
pub mod marathon;
pub mod swarm;

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use launcher_model::container::{Container, Host};
use launcher_model::image::{ImageRef, PinnedImage};
use launcher_model::{ServiceName, VersionNumber};

pub use builder::{BuildOrder, Builder, Building, Context, Push, Pushing, TestRun};
pub use error::Error;
pub use interact::{Input, InteractRequest, Piece, TerminalSize};
pub use keeper::LogKeeper;
pub use launcher_registry::Login as RegistryLogin;
pub use moving::Moving;
pub use types::{
    Capabilities, Change, Ensured, ExecRequest, KeepsVolumes, LogLine, LogOptions, LogStream,
    OneOff, OneOffRole, Output, Placement,
};

/// The result of a call to a scheduler.
pub type Result<T> = std::result::Result<T, Error>;

/// What places containers on hosts.
///
/// Every verb may be repeated, and killed at any point: a repetition finishes what was begun. None
/// touches a container that does not bear this installation's labels.
#[async_trait]
pub trait Scheduler: Send + Sync + 'static {
    /// What this engine can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether what runs on a host is to go elsewhere whatever people say of the host.
    fn leaves(&self, _host: &str) -> bool {
        false
    }

    /// The machines that it places containers on.
    async fn hosts(&self) -> Result<Vec<Host>>;

    /// Pins an image to its content: asks the registry (or, for an image id or where no registry has
    /// it, the engine) for its digest. Nothing is pulled.
    async fn resolve(&self, image: &ImageRef, login: Option<&RegistryLogin>)
    -> Result<PinnedImage>;

    /// Makes an image available where containers will be created. Returns at once when it is.
    async fn fetch(&self, image: &PinnedImage, login: Option<&RegistryLogin>) -> Result<()>;

    /// Says whether new containers may be placed on a host, for all that the engine places. Those that are
    /// on it stay. An engine of one host, or one that knows no such thing, refuses.
    async fn set_closed(&self, host: &str, closed: bool) -> Result<()>;

    /// Takes an environment's containers one step closer to what is wanted: creates those that are
    /// missing and starts those that do not run (in parallel), replaces those that died when their
    /// growing delay is over, and removes those whose place is above the number wanted. Returns without
    /// waiting for health.
    ///
    /// The caller sees to it that nothing is sent any more to a place that is about to be emptied.
    async fn ensure(&self, placement: &Placement) -> Result<Ensured>;

    /// What containers there are: a service's, or everything of this installation. One-off containers
    /// are not among them.
    async fn observe(&self, service: Option<&ServiceName>) -> Result<Vec<Container>>;

    /// The environments of which the engine has something, though none of the containers that
    /// [`observe`](Self::observe) shows: what would be left for ever when no record explains it.
    async fn unseen(&self) -> Result<BTreeSet<(ServiceName, VersionNumber)>> {
        Ok(BTreeSet::new())
    }

    /// Removes what the engine has and no environment needs, whatever state it is in.
    async fn tidy(&self, _grace: std::time::Duration) -> Result<()> {
        Ok(())
    }

    /// Tells, from now on, which services' containers have changed. Ends only when it is dropped: an
    /// engine that goes away is told as [`Change::Lost`] and, when it is back, [`Change::Everything`].
    fn watch(&self) -> BoxStream<'static, Change>;

    /// Stops an environment's containers, all at once, and keeps them. Each has `grace` between SIGTERM
    /// and SIGKILL.
    async fn stop(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: std::time::Duration,
    ) -> Result<()>;

    /// Removes an environment's containers, one-off ones included, and what was created for them.
    async fn remove(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        grace: std::time::Duration,
    ) -> Result<()>;

    /// Log lines of one container, oldest first.
    async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine>>>;

    /// Runs a command in a running container, and streams what it prints; the last item is its exit
    /// status. Dropping the stream ends the command.
    async fn exec(
        &self,
        container: &str,
        request: ExecRequest,
    ) -> Result<BoxStream<'static, Result<Output>>>;

    /// Runs a command in a running container that is given input, with a terminal or without, and streams what
    /// it prints as it comes; the last item is its exit status. Its input ends with `input`. Dropping the
    /// stream ends the command.
    async fn interact(
        &self,
        container: &str,
        request: InteractRequest,
        input: BoxStream<'static, Input>,
    ) -> Result<BoxStream<'static, Result<Piece>>>;

    /// Runs a one-off container and streams what it prints; the last item is its exit status. One with
    /// the role [`OneOffRole::Release`] runs at most once for a version: a repetition joins the one that
    /// is there, also when it has exited. Others end, and are removed, when the stream is dropped.
    async fn run_once(&self, one_off: &OneOff) -> Result<BoxStream<'static, Result<Output>>>;
}
