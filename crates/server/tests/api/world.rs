//! A whole server in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use axum::routing::get;
use http_body_util::BodyExt;
use jiff::Timestamp;
use launcher_control::hub::{self, Door};
use launcher_edge::remote::{Acceptor, Identity};
use launcher_edge::{ControlPlane, Daemon};
use launcher_model::image::ImageRef;
use launcher_model::measure::HostReport;
use launcher_model::role::{Role, Roles};
use launcher_model::route::{DeploymentKind, DeploymentState};
use launcher_model::service::{self, ServiceSpec};
use launcher_model::{EdgeName, ServiceName};
use launcher_notify::{Place, Rule, To, Webhook, WebhookKind};
use launcher_scheduler::Scheduler;
use launcher_scheduler::fake::{Fake, Script};
use launcher_server::{App, EdgeDoor, Reports, Settings, TokenText};
use launcher_store::{EventFilter, NewDeployment, NewToken, NewVersion};
use launcher_testkit::Folder;
use launcher_testkit::assemble::{Setup, assemble};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// Whose token the calls are made with.
pub(crate) const WHO: &str = "mika";

/// A server. It and what it wrote are gone when it is dropped.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) fake: Fake,
    pub(crate) router: Router,
    pub(crate) token: String,
    pub(crate) folder: PathBuf,
    /// What agents have told.
    pub(crate) told: Arc<Mutex<Vec<HostReport>>>,
    tasks: Vec<JoinHandle<()>>,
    _dir: Folder,
}

impl Drop for World {
    fn drop(&mut self) {
        self.app.builds.shut_down();
        self.app.control.shut_down();
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer, if it has this status.
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The problem (RFC 9457) that it tells, whole and of this kind.
    pub(crate) fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        for part in ["type", "title", "detail"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem
    }

    /// The problem, if it has this status and kind.
    pub(crate) fn tells(&self, status: u16, kind: &str) -> Value {
        let problem = self.problem();
        let wanted = json!(format!("urn:launcher:problem:{kind}"));
        assert_eq!((&problem["status"], &problem["type"]), (&json!(status), &wanted), "{problem}");
        problem
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
            data_dir: world.folder.join("edge"),
            control: ControlPlane::Local(world.folder.join("edge.sock")),
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

    /// One that nothing can be deployed on.
    pub(crate) async fn without_edge() -> Self {
        let dir = Folder::new();
        let folder = dir.path().to_owned();
        Self::in_folder(dir, &folder).await
    }

    /// One that keeps its data there.
    pub(crate) async fn in_folder(dir: Folder, folder: &Path) -> Self {
        // One may be there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = upstream.local_addr().unwrap();
        let answers = Router::new().fallback(get(async || "served\n"));
        let upstream = tokio::spawn(async { axum::serve(upstream, answers).await.unwrap() });
        let fake = Fake::new("api-tests").unwrap();
        fake.set_addresses(move |_, _, _| address);
        let remote = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let identity = Identity::open(&folder.join("edges.pem")).unwrap();
        let address = remote.local_addr().unwrap().to_string();
        let door = EdgeDoor { fingerprint: identity.fingerprint(), address };
        let told: Arc<Mutex<Vec<HostReport>>> = Arc::default();
        let taken = Arc::clone(&told);
        let reports = Reports::new(move |report| taken.lock().unwrap().push(report));
        let clock: launcher_control::Clock = Arc::new(Timestamp::now);
        let setup = Setup { clock, edges: Some(door), reports, told: a_webhook() };
        let app = assemble(folder, &fake, setup).await;
        let socket = UnixListener::bind(folder.join("edge.sock")).unwrap();
        let hub = tokio::spawn(hub::serve(Arc::clone(app.control.hub()), socket));
        let acceptor = Acceptor::new(&identity).unwrap();
        let (store, clock) = (Arc::clone(&app.store), Arc::clone(&app.clock));
        let door = Door { acceptor, store, clock };
        let door = tokio::spawn(hub::serve_remote(Arc::clone(app.control.hub()), door, remote));
        let router = launcher_server::router(&app);
        let tasks = vec![upstream, hub, door];
        let token = String::new();
        let folder = folder.to_owned();
        let mut world = Self { app, fake, router, token, folder, told, tasks, _dir: dir };
        world.token = world.new_token(WHO).await;
        world
    }

    /// From now on it knows under which address people reach it.
    pub(crate) fn is_reached_at(&mut self, url: &str) {
        let pages = Some(url.to_owned());
        self.app.settings = Arc::new(Settings { pages, ..(*self.app.settings).clone() });
        self.router = launcher_server::router(&self.app);
    }

    /// Serves on an address of its own too.
    pub(crate) async fn listen(&mut self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = self.app.clone();
        self.tasks.push(tokio::spawn(launcher_server::serve(
            app,
            listener,
            std::future::pending(),
        )));
        address
    }

    /// Keeps a token; its text.
    async fn new_token(&self, name: &str) -> String {
        self.token_with(name, Role::Admin).await
    }

    /// Keeps a token with a role; its text.
    pub(crate) async fn token_with(&self, name: &str, role: Role) -> String {
        self.token_of(name, Roles::everywhere(role)).await
    }

    /// Keeps a token with these roles; its text.
    pub(crate) async fn token_of(&self, name: &str, roles: Roles) -> String {
        let text = TokenText::random();
        let new = NewToken { name: name.to_owned(), hash: text.hash(), roles };
        self.app.store.create_token(new, "test", self.app.now()).await.unwrap();
        text.expose().to_owned()
    }

    /// A request with the token.
    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let bearer = format!("Bearer {}", self.token);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Request::builder().method(method).uri(path).header(header::AUTHORIZATION, bearer)
    }

    pub(crate) async fn response(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.response(request).await).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// Makes a call that may have a body.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Option<Value>>,
    ) -> Answer {
        self.call_with(method, path, body, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Option<Value>>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body.into() {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Adds a service with one container.
    pub(crate) async fn service(&self, name: &str) -> ServiceName {
        let spec = spec(name);
        self.call("POST", "/api/v1/services", serde_json::to_value(&spec).unwrap()).await.is(201);
        spec.service.name
    }

    /// Launches an image with this tag; its number.
    pub(crate) async fn launch(&self, service: &ServiceName, tag: &str) -> u64 {
        let path = format!("/api/v1/services/{service}/versions");
        let body = json!({ "image": format!(":{tag}") });
        self.call("POST", &path, body).await.is(202).json()["number"].as_u64().unwrap()
    }

    /// The same, and waits until it is ready.
    pub(crate) async fn ready(&self, service: &ServiceName, tag: &str) -> u64 {
        let number = self.launch(service, tag).await;
        self.reaches(service, number, "ready").await;
        number
    }

    /// Waits until an environment is in a state.
    pub(crate) async fn reaches(&self, service: &ServiceName, number: u64, state: &str) {
        let path = format!("/api/v1/services/{service}/versions/{number}");
        eventually(&format!("v{number} is {state}"), async || {
            self.get(&path).await.is(200).json()["environment"]["state"] == state
        })
        .await;
    }

    /// Says how the containers of a tag behave.
    pub(crate) fn script(&self, service: &ServiceName, tag: &str, script: Script) {
        let image = format!("registry.example.com/{service}:{tag}").parse().unwrap();
        self.fake.script(&image, script);
    }

    /// All that is kept but idempotency keys, as text.
    pub(crate) async fn kept(&self) -> String {
        let store = &self.app.store;
        let mut kept = format!("{:?}", store.services().await.unwrap());
        for service in store.services().await.unwrap() {
            let name = service.spec.service.name;
            kept += &format!("{:?}", store.environments(&name, true).await.unwrap());
            kept += &format!("{:?}", store.versions(&name, None, 1000).await.unwrap());
            kept += &format!("{:?}", store.route(&name).await.unwrap());
        }
        let all = EventFilter { after: Some(0), limit: 100_000, ..EventFilter::default() };
        kept += &format!("{:?}", store.events(&all).await.unwrap());
        kept += &format!("{:?}", store.secrets().await.unwrap());
        kept += &format!("{:?}", store.tokens().await.unwrap());
        kept + &format!("{:?}", store.unfinished_deployments().await.unwrap())
    }

    /// Whether these bytes are anywhere in the database's files.
    pub(crate) fn database_has(&self, text: &str) -> bool {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path());
        let of_database = files.filter(|file| file.to_string_lossy().contains("launcher.db"));
        let contents: Vec<_> = of_database.map(|file| std::fs::read(file).unwrap()).collect();
        assert!(!contents.is_empty());
        contents.iter().any(|all| all.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

/// A service with one container, whose edges check it over HTTP.
pub(crate) fn spec(name: &str) -> ServiceSpec {
    let text = format!(
        "[service]\nname = {name:?}\nimage = \"registry.example.com/{name}\"\nhosts = [\"{name}.example.com\"]\n\
         port = 8080\n[health]\npath = \"/healthz\"\ninterval = \"50ms\"\nhealthy_after = 1\nstart_period = \"20s\"\n"
    );
    service::read("launcher.toml", &text).unwrap()
}

/// What a launch of `:1` would store.
pub(crate) async fn new_version(world: &World, service: &ServiceName) -> NewVersion {
    let image: ImageRef = format!("registry.example.com/{service}:1").parse().unwrap();
    NewVersion {
        image: world.fake.resolve(&image, None).await.unwrap(),
        spec: spec(service.as_str()),
        secrets: Default::default(),
        commit: None,
        branch: None,
        subject: None,
        author: None,
        follows_branch: false,
        taken_labels: Vec::new(),
        replicas: None,
        build: None,
        followed: None,
        by: WHO.to_owned(),
        key: None,
    }
}

/// A deployment of nothing, to be filled in.
pub(crate) fn new_deployment(service: &ServiceName) -> NewDeployment {
    NewDeployment {
        service: service.clone(),
        kind: DeploymentKind::Deploy,
        state: DeploymentState::Preparing,
        from: Default::default(),
        to: Default::default(),
        by: WHO.to_owned(),
        automatic: false,
        note: None,
        key: None,
    }
}

/// Who is told what happens: a webhook where nobody listens.
fn a_webhook() -> launcher_notify::Config {
    let everything = Rule::new(&["*".to_owned()], &["all".to_owned()]).unwrap();
    let url = SecretString::from(NOBODY.to_owned());
    let (kind, secret) = (WebhookKind::Slack, None);
    let to = To::Webhook(Webhook { kind, url, secret, allow_private: true });
    let chat = Place { name: "chat".to_owned(), rule: everything, to };
    launcher_notify::Config { places: vec![chat], ..launcher_notify::Config::default() }
}

/// Where no webhook is taken, and what nobody may see.
pub(crate) const NOBODY: &str = "http://127.0.0.1:9/a-secret-path";

/// Waits for a condition; fails with these words when it does not come.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
