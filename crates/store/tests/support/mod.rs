//! What the tests of the store begin from.

#![allow(dead_code)]

use std::collections::BTreeMap;

use jiff::Timestamp;
use launcher_model::environment::{Environment, EnvironmentState};
use launcher_model::event::Event;
use launcher_model::image::PinnedImage;
use launcher_model::route::{Deployment, DeploymentKind, DeploymentState, Route, Weights};
use launcher_model::secret::SecretName;
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{ServiceName, VersionNumber, Weight};
use launcher_store::sqlite::{self, SqliteStore};
use launcher_store::{
    EnvironmentChange, Error, EventFilter, NewDeployment, NewVersion, Result, Store,
};
use launcher_testkit::Folder;

/// A store in a folder that goes with it.
pub(crate) struct Temporary {
    pub(crate) store: SqliteStore,
    pub(crate) folder: Folder,
}

impl Temporary {
    pub(crate) async fn open() -> Self {
        let folder = Folder::new();
        let store = sqlite::open(&folder.path().join("store.db")).await.unwrap();
        Self { store, folder }
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("store.db")
    }

    /// As after the death of the process: nothing is closed properly, all is read from the file.
    pub(crate) async fn reopen(self) -> Self {
        let Self { store, folder } = self;
        std::mem::forget(store);
        let store = sqlite::open(&folder.path().join("store.db")).await.unwrap();
        Self { store, folder }
    }
}

impl std::ops::Deref for Temporary {
    type Target = dyn Store;
    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

/// A time that is so many seconds after some beginning.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

pub(crate) fn secret(name: &str) -> SecretName {
    SecretName::new(name).unwrap()
}

pub(crate) fn spec(name: &str, hosts: &[&str]) -> ServiceSpec {
    serde_json::from_value(serde_json::json!({
        "service": {"name": name, "hosts": hosts, "replicas": 2, "port": 8080},
    }))
    .unwrap()
}

pub(crate) fn image(digit: char) -> PinnedImage {
    let digest = format!("sha256:{}", digit.to_string().repeat(64));
    PinnedImage {
        requested: "registry.example.com/shop:1.0".parse().unwrap(),
        reference: format!("registry.example.com/shop@{digest}").parse().unwrap(),
        digest: digest.try_into().unwrap(),
    }
}

pub(crate) fn new_version(spec: &ServiceSpec) -> NewVersion {
    NewVersion {
        image: image('a'),
        spec: spec.clone(),
        secrets: BTreeMap::new(),
        commit: Some("0123abc".into()),
        branch: Some("main".into()),
        subject: None,
        author: None,
        follows_branch: false,
        taken_labels: Vec::new(),
        replicas: None,
        build: None,
        followed: None,
        by: "alice".into(),
        key: None,
    }
}

/// A service with this name and without hostnames.
pub(crate) async fn put(store: &dyn Store, name: &str) -> ServiceSpec {
    let spec = spec(name, &[]);
    store.put_service(&spec, "alice", at(0)).await.unwrap();
    spec
}

/// A new version of a service; its environment is being created.
pub(crate) async fn launch(store: &dyn Store, spec: &ServiceSpec) -> (Version, Environment) {
    store.create_version(new_version(spec), at(1)).await.unwrap()
}

/// A new version of a service, ready.
pub(crate) async fn ready(store: &dyn Store, spec: &ServiceSpec) -> VersionNumber {
    let (version, _) = launch(store, spec).await;
    become_(store, &version.service, version.number, EnvironmentState::Ready).await.unwrap();
    version.number
}

pub(crate) async fn become_(
    store: &dyn Store,
    service: &ServiceName,
    version: VersionNumber,
    state: EnvironmentState,
) -> Result<Environment> {
    let change = EnvironmentChange { state: Some(state), ..EnvironmentChange::default() };
    store.change_environment(service, version, change, &[], at(2)).await
}

pub(crate) fn all_to(version: VersionNumber) -> Weights {
    Weights::from([(version, Weight::ALL)])
}

pub(crate) fn deployment(service: &ServiceName, from: &Weights, to: &Weights) -> NewDeployment {
    NewDeployment {
        service: service.clone(),
        kind: DeploymentKind::Deploy,
        state: DeploymentState::Preparing,
        from: from.clone(),
        to: to.clone(),
        by: "alice".into(),
        automatic: false,
        note: Some("because".into()),
        key: None,
    }
}

pub(crate) async fn begin(
    store: &dyn Store,
    service: &ServiceName,
    to: VersionNumber,
) -> Result<Deployment> {
    let from = store.route(service).await?.weights;
    store.begin_deployment(deployment(service, &from, &all_to(to)), &[], at(3)).await
}

/// Makes a version live, with a deployment that is done.
pub(crate) async fn make_live(
    store: &dyn Store,
    service: &ServiceName,
    to: VersionNumber,
) -> Route {
    let id = begin(store, service, to).await.unwrap().id;
    let route = store.commit_route(id, at(4)).await.unwrap();
    store.deployment_live(id, &Default::default(), &[], at(5)).await.unwrap();
    store.deployment_done(id, &Default::default(), &[], at(6)).await.unwrap();
    route
}

/// Every event there is, oldest first.
pub(crate) async fn all_events(store: &dyn Store) -> Vec<Event> {
    let filter = EventFilter { after: Some(0), limit: 10_000, ..EventFilter::default() };
    store.events(&filter).await.unwrap()
}

/// An error's message, of an outcome that must be one.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T>) -> Error {
    outcome.expect_err("this had to be refused")
}

/// A connection of another process, as it were.
pub(crate) async fn connect(file: &std::path::Path) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;
    sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}
