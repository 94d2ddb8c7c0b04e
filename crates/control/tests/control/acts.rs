//! What people ask of the control plane.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launcher_control::{Control, DeployRequest, Deployed, LaunchRequest, Result, Target};
use launcher_model::environment::EnvironmentState;
use launcher_model::service::{self, ServiceSpec};
use launcher_model::{EdgeName, ServiceName, VersionNumber, Weight};
use launcher_scheduler::fake::Script;
use launcher_store::Invitation;
use tokio::task::JoinHandle;

use crate::world::World;

/// Who does everything here.
pub(crate) const WHO: &str = "mika";

impl World {
    /// Adds or changes a service: two containers, checked often.
    pub(crate) async fn service(
        &self,
        name: &str,
        change: impl FnOnce(&mut ServiceSpec),
    ) -> ServiceName {
        let text = format!(
            "[service]\nname = {name:?}\nimage = \"registry.example.com/{name}\"\n\
             hosts = [\"{name}.example.com\"]\nreplicas = 2\nport = 8080\n\
             [health]\ntcp = true\ninterval = \"20ms\"\nhealthy_after = 1\nstart_period = \"20s\"\n"
        );
        let mut spec = service::read("launcher.toml", &text).unwrap();
        change(&mut spec);
        self.ask(async move |control: Control| control.put_service(&spec, WHO).await)
            .await
            .unwrap();
        ServiceName::new(name).unwrap()
    }

    /// Says how containers of an image with this tag behave.
    pub(crate) fn script(&self, service: &ServiceName, tag: &str, script: Script) {
        let image = format!("registry.example.com/{service}:{tag}").parse().unwrap();
        self.fake.script(&image, script);
    }

    pub(crate) async fn try_launch(
        &self,
        service: &ServiceName,
        tag: &str,
    ) -> Result<VersionNumber> {
        let request = LaunchRequest {
            image: Some(format!(":{tag}")),
            ..LaunchRequest::new(service.clone(), WHO)
        };
        let launched = self.ask(async move |control: Control| control.launch(request).await).await;
        Ok(launched?.0.number)
    }

    pub(crate) async fn launch(&self, service: &ServiceName, tag: &str) -> VersionNumber {
        self.try_launch(service, tag).await.unwrap()
    }

    /// Launches an image as one of a branch.
    pub(crate) async fn launch_of(
        &self,
        service: &ServiceName,
        branch: &str,
        tag: &str,
    ) -> VersionNumber {
        let request = LaunchRequest {
            image: Some(format!(":{tag}")),
            branch: Some(branch.to_owned()),
            ..LaunchRequest::new(service.clone(), WHO)
        };
        let launched = self.ask(async move |control: Control| control.launch(request).await).await;
        launched.unwrap().0.number
    }

    /// Has an edge be one of another machine, for the store.
    pub(crate) async fn joined(&self, edge: &EdgeName) {
        let hash = [7; 32];
        let expires_at = Timestamp::now() + SignedDuration::from_hours(1);
        let invitation = Invitation { edge: edge.clone(), hash, expires_at };
        self.store.invite_edge(invitation, WHO, Timestamp::now()).await.unwrap();
        self.store.join_edge(&hash, &[8; 32], Timestamp::now()).await.unwrap();
    }

    /// Launches, and waits until it is ready.
    pub(crate) async fn ready(&self, service: &ServiceName) -> VersionNumber {
        let number = self.launch(service, "good").await;
        self.reaches(service, number, EnvironmentState::Ready).await;
        number
    }

    /// Launches, waits, and makes it live.
    pub(crate) async fn live(&self, service: &ServiceName) -> VersionNumber {
        let number = self.ready(service).await;
        self.deploy(service, number).await.unwrap();
        number
    }

    /// Begins to make a version live.
    pub(crate) fn deploying(
        &self,
        service: &ServiceName,
        target: Target,
    ) -> JoinHandle<Result<Deployed>> {
        self.deploying_with(service, target, None)
    }

    /// Begins to make a version live, with new requests held around the flip.
    pub(crate) fn deploying_with(
        &self,
        service: &ServiceName,
        target: Target,
        hold: Option<Duration>,
    ) -> JoinHandle<Result<Deployed>> {
        let request = DeployRequest { hold, ..DeployRequest::new(service.clone(), target, WHO) };
        self.spawn(async move |control: Control| control.deploy(request).await)
    }

    pub(crate) async fn deploy(
        &self,
        service: &ServiceName,
        version: VersionNumber,
    ) -> Result<Deployed> {
        self.deploying(service, Target::Deploy(version)).await.unwrap()
    }

    /// Goes back to what was live before.
    pub(crate) async fn rollback(&self, service: &ServiceName) -> Result<Deployed> {
        self.deploying(service, Target::RollbackToPrevious).await.unwrap()
    }

    /// Gives a version so many percent.
    pub(crate) async fn share(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        percent: u8,
    ) -> Result<Deployed> {
        let weight = Weight::new(percent).unwrap();
        self.deploying(service, Target::Share(version, weight)).await.unwrap()
    }

    pub(crate) async fn stop(&self, service: &ServiceName, version: VersionNumber) -> Result<()> {
        let service = service.clone();
        self.ask(async move |control: Control| control.stop(&service, version, WHO).await.map(drop))
            .await
    }

    pub(crate) async fn begin(&self, service: &ServiceName, version: VersionNumber) -> Result<()> {
        let service = service.clone();
        self.ask(async move |control: Control| {
            control.start_environment(&service, version, WHO).await.map(drop)
        })
        .await
    }

    pub(crate) async fn scale(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        replicas: u16,
    ) -> Result<()> {
        let service = service.clone();
        self.ask(async move |control: Control| {
            control.scale(&service, version, replicas, WHO).await.map(drop)
        })
        .await
    }

    pub(crate) async fn pin(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        pinned: bool,
    ) -> Result<()> {
        let service = service.clone();
        self.ask(async move |control: Control| {
            control.pin(&service, version, pinned, WHO).await.map(drop)
        })
        .await
    }

    pub(crate) async fn destroy(
        &self,
        service: &ServiceName,
        version: VersionNumber,
    ) -> Result<()> {
        let service = service.clone();
        self.ask(async move |control: Control| {
            control.destroy(&service, version, WHO).await.map(drop)
        })
        .await
    }
}
