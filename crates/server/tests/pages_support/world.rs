//! A server: a real store, control plane and edge, and an engine in memory whose containers are one HTTP
//! server here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use launcher_control::hub;
use launcher_control::{DeployRequest, LaunchRequest, Target};
use launcher_edge::Daemon;
use launcher_model::environment::EnvironmentState;
use launcher_model::role::{Role, Roles};
use launcher_model::{EdgeName, ServiceName, VersionNumber, service};
use launcher_scheduler::fake::{Fake, Script};
use launcher_server::{App, Reports, Settings, TokenText};
use launcher_store::NewToken;
use launcher_testkit::Folder;
use launcher_testkit::assemble::{Setup, assemble};
use launcher_testkit::many;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::eventually;

/// Who presses in these tests.
pub(crate) const WHO: &str = "mika";

/// An address at which nobody listens.
const NOBODY: &str = "127.0.0.1:1";

/// A server. It and what it wrote are gone when it is dropped.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) fake: Fake,
    pub(crate) router: Router,
    pub(crate) token: TokenText,
    /// Where all containers serve.
    upstream: SocketAddr,
    /// No container passes its health check.
    sick: Arc<AtomicBool>,
    /// By how many milliseconds the clock is set back.
    back: Arc<AtomicI64>,
    tasks: Vec<JoinHandle<()>>,
    dir: Folder,
}

impl Drop for World {
    fn drop(&mut self) {
        self.app.control.shut_down();
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl World {
    /// One that has an edge.
    pub(crate) async fn new() -> Self {
        let mut world = Self::without_edge().await;
        let config = launcher_edge::Config {
            name: EdgeName::new("local").unwrap(),
            http: vec!["127.0.0.1:0".parse().unwrap()],
            https: Default::default(),
            threads: 1,
            data_dir: world.dir.path().join("edge"),
            control: launcher_edge::ControlPlane::Local(world.dir.path().join("edge.sock")),
            limits: launcher_edge::Limits::default(),
            access: None,
            stop_within: Duration::ZERO,
        };
        std::fs::create_dir(&config.data_dir).unwrap();
        let edge = Daemon::start(config).unwrap();
        world.tasks.push(tokio::spawn(edge.run(std::future::pending())));
        world.app.control.hub().wait_for_an_edge(Duration::from_secs(10)).await;
        assert_eq!(world.app.control.hub().edges().len(), 1, "the edge connects");
        world
    }

    /// One without an edge that has many services.
    pub(crate) async fn many() -> Self {
        let dir = Folder::new();
        let fake = Fake::new("pages").unwrap();
        let back = Arc::new(AtomicI64::new(0));
        let (app, upstream) = many::start(
            dir.path(),
            &fake,
            setup(Arc::clone(&back), launcher_notify::Config::default()),
        )
        .await;
        Self::with(app, fake, upstream, Arc::default(), back, Vec::new(), dir).await
    }

    /// One that nothing can be deployed on.
    pub(crate) async fn without_edge() -> Self {
        Self::telling(launcher_notify::Config::default()).await
    }

    /// The same, which tells others what happens.
    pub(crate) async fn telling(told: launcher_notify::Config) -> Self {
        let dir = Folder::new();
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = upstream.local_addr().unwrap();
        let sick = Arc::new(AtomicBool::new(false));
        let is_sick = Arc::clone(&sick);
        let answers = Router::new()
            .route(
                "/healthz",
                get(async move || match is_sick.load(Ordering::Relaxed) {
                    true => StatusCode::SERVICE_UNAVAILABLE,
                    false => StatusCode::OK,
                }),
            )
            .fallback(get(async || "served\n"));
        let serving = tokio::spawn(async { axum::serve(upstream, answers).await.unwrap() });

        let fake = Fake::new("pages").unwrap();
        fake.set_addresses(move |_, _, _| address);
        let back = Arc::new(AtomicI64::new(0));
        let app = assemble(dir.path(), &fake, setup(Arc::clone(&back), told)).await;
        let socket = UnixListener::bind(dir.path().join("edge.sock")).unwrap();
        let hub = tokio::spawn(hub::serve(Arc::clone(app.control.hub()), socket));
        Self::with(app, fake, address, sick, back, vec![serving, hub], dir).await
    }

    async fn with(
        app: App,
        fake: Fake,
        upstream: SocketAddr,
        sick: Arc<AtomicBool>,
        back: Arc<AtomicI64>,
        tasks: Vec<JoinHandle<()>>,
        dir: Folder,
    ) -> Self {
        let token = TokenText::random();
        let new = NewToken {
            name: WHO.to_owned(),
            hash: token.hash(),
            roles: Roles::everywhere(Role::Admin),
        };
        app.store.create_token(new, "test", app.now()).await.unwrap();
        let router = launcher_server::router(&app);
        Self { app, fake, router, token, upstream, sick, back, tasks, dir }
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Has it be reached by TLS alone from now on.
    pub(crate) fn set_secure(&mut self) {
        let mut settings = Settings::clone(&self.app.settings);
        settings.secure_cookies = true;
        self.app.settings = Arc::new(settings);
        self.router = launcher_server::router(&self.app);
    }

    /// Has all containers fail their health checks from now on, or pass them again.
    pub(crate) fn set_sick(&self, sick: bool) {
        self.sick.store(sick, Ordering::Relaxed);
    }

    /// Sets the clock of the server back from the real time.
    pub(crate) fn set_back(&self, by: SignedDuration) {
        self.back.store(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Serves it on a port of this machine, for browsers.
    pub(crate) async fn listen(&mut self) -> String {
        let (listener, url) = Self::bind().await;
        self.serve(listener);
        url
    }

    /// A port of this machine, and the address of what will be served there.
    pub(crate) async fn bind() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    /// Serves it there.
    pub(crate) fn serve(&mut self, listener: TcpListener) {
        let app = self.app.clone();
        self.tasks.push(tokio::spawn(async {
            launcher_server::serve(app, listener, std::future::pending()).await;
        }));
    }

    /// Adds a service whose containers are checked over HTTP.
    pub(crate) async fn service(&self, name: &str, more: &str) -> ServiceName {
        self.service_with(name, "30s", more).await
    }

    /// Launches the image with this tag so that its containers print these lines and exit with status 7
    /// before they serve, and waits until it has failed.
    pub(crate) async fn fails(&self, name: &str, tag: &str, prints: &[&str]) -> ServiceName {
        let service = self.service_with(name, "1s", "").await;
        let exits = Script::new().exits(Duration::ZERO, 7);
        self.script(&service, tag, prints.iter().fold(exits, |script, line| script.prints(*line)));
        let (broken, serves) = (service.clone(), self.upstream);
        self.fake.set_addresses(
            move |service, _, _| {
                if *service == broken { NOBODY.parse().unwrap() } else { serves }
            },
        );
        let number = self.launch(&service, tag).await;
        self.reaches(&service, number, EnvironmentState::Failed).await;
        service
    }

    async fn service_with(&self, name: &str, start: &str, more: &str) -> ServiceName {
        let text = format!(
            "[service]\nname = {name:?}\nimage = \"registry.example.com/{name}\"\nhosts = [\"{name}.example.com\"]\nreplicas = 3\nport = 8080\n\
             [health]\npath = \"/healthz\"\nhealthy_after = 1\nstart_period = {start:?}\n{more}"
        );
        let spec = service::read("launcher.toml", &text).unwrap();
        self.app.control.put_service(&spec, WHO).await.unwrap();
        spec.service.name
    }

    /// Launches the image with this tag.
    pub(crate) async fn launch(&self, service: &ServiceName, tag: &str) -> VersionNumber {
        let request = LaunchRequest {
            image: Some(format!(":{tag}")),
            commit: Some("8f31c0a52be4".to_owned()),
            branch: Some("main".to_owned()),
            ..LaunchRequest::new(service.clone(), WHO)
        };
        self.app.control.launch(request).await.unwrap().0.number
    }

    /// Launches the image with this tag, and waits until it is ready.
    pub(crate) async fn ready(&self, service: &ServiceName, tag: &str) -> VersionNumber {
        let number = self.launch(service, tag).await;
        self.reaches(service, number, EnvironmentState::Ready).await;
        number
    }

    /// Makes a version live.
    pub(crate) async fn deploy(&self, service: &ServiceName, version: VersionNumber) {
        let (service, target) = (service.clone(), Target::Deploy(version));
        let request = DeployRequest::new(service, target, WHO);
        self.app.control.deploy(request).await.unwrap();
    }

    /// Says how the containers of a tag behave.
    pub(crate) fn script(&self, service: &ServiceName, tag: &str, script: Script) {
        let image = format!("registry.example.com/{service}:{tag}").parse().unwrap();
        self.fake.script(&image, script);
    }

    /// Waits until an environment is in a state.
    pub(crate) async fn reaches(
        &self,
        service: &ServiceName,
        version: VersionNumber,
        state: EnvironmentState,
    ) {
        eventually(&format!("{service} {version} is {state}"), async || {
            let view = self.app.control.environment(service, version).await.unwrap();
            view.environment.state == state
        })
        .await;
    }

    /// What is live.
    pub(crate) async fn live(&self, service: &ServiceName) -> Vec<VersionNumber> {
        self.app.store.route(service).await.unwrap().live().collect()
    }
}

/// The clock can be set back.
fn setup(back: Arc<AtomicI64>, told: launcher_notify::Config) -> Setup {
    let clock: launcher_control::Clock = Arc::new(move || {
        Timestamp::now() - SignedDuration::from_millis(back.load(Ordering::Relaxed))
    });
    Setup { clock, edges: None, reports: Reports::new(|_| {}), told }
}
