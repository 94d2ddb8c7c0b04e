//! A control plane and what follows and removes beside it, in a runtime that can be killed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use launcher_control::hub::Hub;
use launcher_control::{Config, Control, LaunchRequest, Parts};
use launcher_images::Images;
use launcher_logs::{Bounds, Kept};
use launcher_model::build::{BuildState, Origin, Step, StepKind, StepState};
use launcher_model::environment::EnvironmentState;
use launcher_model::event::{Event, EventKind};
use launcher_model::image::{Digest, ImageRef, ImageRepository, PinnedImage};
use launcher_model::service::ServiceSpec;
use launcher_model::version::Version;
use launcher_model::{BuildId, ServiceName, VersionNumber};
use launcher_registry::fake::Fake as FakeRegistry;
use launcher_registry::{About, Registry};
use launcher_scheduler::fake::Fake;
use launcher_store::vault::Vault;
use launcher_store::{BuildChange, EventFilter, NewBuild, Store};
use launcher_testkit::Folder;
use tokio::runtime::Runtime;

use crate::builder::Forgetting;

/// An installation. All of it is gone when it is dropped.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: FakeRegistry,
    pub(crate) builder: Forgetting,
    real: Option<Arc<dyn Registry>>,
    scheduler: Fake,
    vault: Arc<Vault>,
    server: Option<Server>,
    folder: Folder,
}

struct Server {
    runtime: Option<Runtime>,
    control: Control,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    /// One with this registry in place of the fake one.
    pub(crate) async fn with(real: Option<Arc<dyn Registry>>) -> Self {
        let folder = Folder::new();
        let store = launcher_store::sqlite::open(&folder.path().join("launcher.db")).await.unwrap();
        let mut world = Self {
            store: Arc::new(store),
            registry: FakeRegistry::default(),
            builder: Forgetting::default(),
            real,
            scheduler: Fake::new("images-tests").unwrap(),
            vault: Arc::new(Vault::open(&folder.path().join("secret.key")).unwrap()),
            server: None,
            folder,
        };
        world.start().await;
        world
    }

    pub(crate) async fn start(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (hub, notices) = Hub::new("localhost", "test");
        let clock: launcher_control::Clock = Arc::new(Timestamp::now);
        let parts = Parts {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            scheduler: Arc::new(self.scheduler.clone()),
            logs: Arc::new(Kept::new(self.folder.path().join("logs"), Bounds::default())),
            hub,
            notices,
            clock: Arc::clone(&clock),
        };
        let fake: Arc<dyn Registry> = Arc::new(self.registry.clone());
        let registry = self.real.clone().unwrap_or(fake);
        let (store, builder) = (Arc::clone(&self.store), Arc::new(self.builder.clone()));
        let config = Config {
            stop_grace: Duration::from_millis(10),
            // There is none.
            edge_wait: Duration::ZERO,
            ..Config::default()
        };
        let starting = runtime.spawn(async move {
            let control = Control::start(parts, config).await.unwrap();
            let images = Images::start(launcher_images::Parts {
                control: control.clone(),
                store,
                registry,
                builder: Some(builder),
                clock,
            });
            // It ends with the runtime.
            tokio::spawn(async move {
                let _images = images;
                std::future::pending::<()>().await;
            });
            control
        });
        let control = starting.await.unwrap();
        self.server = Some(Server { runtime: Some(runtime), control });
    }

    /// Ends the server wherever it is.
    pub(crate) async fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        let runtime = server.runtime.take().unwrap();
        drop(server);
        let ended = move || runtime.shutdown_timeout(Duration::from_secs(10));
        tokio::task::spawn_blocking(ended).await.unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start().await;
    }

    pub(crate) fn control(&self) -> &Control {
        &self.server.as_ref().unwrap().control
    }

    /// Does something in the server's runtime.
    pub(crate) async fn ask<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        work: impl FnOnce(Control) -> F,
    ) -> T {
        let server = self.server.as_ref().unwrap();
        let working = work(server.control.clone());
        server.runtime.as_ref().unwrap().spawn(working).await.unwrap()
    }

    /// Has a service of that repository, which follows these tags.
    pub(crate) async fn service(&self, repository: &str, follow: Option<&str>) -> ServiceName {
        let name = repository.rsplit('/').next().unwrap();
        let spec = spec(name, repository, follow, "1h");
        self.put(spec).await
    }

    pub(crate) async fn put(&self, spec: ServiceSpec) -> ServiceName {
        let name = spec.service.name.clone();
        self.ask(|control| async move { control.put_service(&spec, "test").await }).await.unwrap();
        name
    }

    /// Pushes an image by the way, and tells of it as the registry's webhook does.
    pub(crate) fn push(&self, repository: &str, tag: &str, digest: &Digest, about: About) {
        self.registry.push(&of(repository), tag, digest, about);
        self.tell(repository, tag, Some(digest));
    }

    pub(crate) fn tell(&self, repository: &str, tag: &str, digest: Option<&Digest>) {
        let path = repository.split_once('/').unwrap().1.to_owned();
        let pushed =
            launcher_control::Pushed { path, tag: tag.to_owned(), digest: digest.cloned() };
        self.control().image_was_pushed(pushed);
    }

    pub(crate) async fn versions(&self, service: &ServiceName) -> Vec<Version> {
        let mut versions = self.store.versions(service, None, 1000).await.unwrap();
        versions.reverse();
        versions
    }

    /// Waits until a service has so many versions.
    pub(crate) async fn has_versions(&self, service: &ServiceName, number: usize) -> Vec<Version> {
        let what = format!("{service} has {number} versions");
        eventually(&what, async || self.versions(service).await.len() == number).await;
        self.versions(service).await
    }

    pub(crate) async fn launch(
        &self,
        service: &ServiceName,
        image: PinnedImage,
        build: Option<BuildId>,
    ) -> VersionNumber {
        let request = LaunchRequest {
            pinned: Some(image),
            build,
            ..LaunchRequest::new(service.clone(), "test")
        };
        let launched = self.ask(|control| async move { control.launch(request).await }).await;
        launched.unwrap().0.number
    }

    /// A build that begins to push.
    pub(crate) async fn build_pushing(&self, service: &ServiceName, commit: &str) -> BuildId {
        let new = NewBuild {
            service: service.clone(),
            origin: Origin::Push,
            branch: None,
            commit: Some(commit.into()),
            subject: None,
            author: None,
            by: "test".into(),
        };
        let now = Timestamp::now();
        let build = self.store.queue_build(new, now).await.unwrap().build.id;
        let step = Step {
            kind: StepKind::Push,
            state: StepState::Running,
            started_at: now,
            finished_at: None,
            note: None,
        };
        let change = BuildChange {
            state: Some(BuildState::Running),
            steps: Some(vec![step]),
            ..BuildChange::default()
        };
        self.store.change_build(build, change, &[], now).await.unwrap();
        build
    }

    /// It has pushed.
    pub(crate) async fn build_pushed(&self, build: BuildId, image: &PinnedImage) {
        let change = BuildChange { image: Some(image.clone()), ..BuildChange::default() };
        self.store.change_build(build, change, &[], Timestamp::now()).await.unwrap();
    }

    pub(crate) async fn build_over(&self, build: BuildId, state: BuildState) {
        use launcher_model::event::NewEvent;
        let service = self.store.build(build).await.unwrap().unwrap().service;
        let change = BuildChange { state: Some(state), ..BuildChange::default() };
        let event = NewEvent::new(EventKind::BuildPassed, "over").service(&service);
        self.store.change_build(build, change, &[event], Timestamp::now()).await.unwrap();
    }

    /// A build that pushes an image, and makes a version of it.
    pub(crate) async fn built(
        &self,
        service: &ServiceName,
        repository: &str,
        commit: &str,
        digest: &Digest,
    ) -> VersionNumber {
        let build = self.build_pushing(service, commit).await;
        let tag = commit.get(..12).unwrap_or(commit);
        self.registry.push(&of(repository), tag, digest, About::default());
        let image = pinned(repository, tag, digest);
        self.build_pushed(build, &image).await;
        let version = self.launch(service, image, Some(build)).await;
        self.build_over(build, BuildState::Passed).await;
        version
    }

    pub(crate) async fn destroy(&self, service: &ServiceName, version: VersionNumber) {
        let name = service.clone();
        let destroying =
            self.ask(|control| async move { control.destroy(&name, version, "test").await });
        destroying.await.unwrap();
        eventually(&format!("{service} {version} is destroyed"), async || {
            let environment = self.store.environment(service, version).await.unwrap().unwrap();
            environment.state == EnvironmentState::Destroyed
        })
        .await;
    }

    pub(crate) async fn events(&self, kind: EventKind) -> Vec<Event> {
        let filter = EventFilter { after: Some(0), limit: 10_000, ..EventFilter::default() };
        let events = self.store.events(&filter).await.unwrap();
        events.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// Waits until there are so many events of a kind.
    pub(crate) async fn told(&self, kind: EventKind, times: usize) -> Vec<Event> {
        eventually(&format!("{kind:?} is told"), async || self.events(kind).await.len() >= times)
            .await;
        self.events(kind).await
    }
}

pub(crate) fn spec(name: &str, repository: &str, follow: Option<&str>, every: &str) -> ServiceSpec {
    let mut follows = serde_json::json!({"every": every});
    if let Some(tag) = follow {
        follows["tag"] = tag.into();
    }
    serde_json::from_value(serde_json::json!({
        "service": {"name": name, "image": repository, "replicas": 1, "port": 8080},
        "follow": follows,
    }))
    .unwrap()
}

pub(crate) fn of(repository: &str) -> ImageRepository {
    ImageRepository::new(repository).unwrap()
}

pub(crate) fn digest(number: u64) -> Digest {
    Digest::new(format!("sha256:{number:064x}")).unwrap()
}

pub(crate) fn pinned(repository: &str, tag: &str, digest: &Digest) -> PinnedImage {
    PinnedImage {
        requested: ImageRef::Tag(of(repository), tag.to_owned()),
        reference: ImageRef::Digest(of(repository), digest.clone()),
        digest: digest.clone(),
    }
}

/// One that was built then, of this commit.
pub(crate) fn about(second: i64, commit: &str) -> About {
    let labels = [("org.opencontainers.image.revision", commit)];
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    About { created: Some(Timestamp::from_second(second).unwrap()), labels: labels.collect() }
}

/// Waits for a condition; fails with these words when it does not come.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
