//! A whole server in this process for the tests of its pages: a real store, control plane and edge, and
//! an engine in memory whose containers are one HTTP server here.

pub(crate) mod browser;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::get;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use launcher_control::hub;
use launcher_control::{DeployRequest, LaunchRequest, Target};
use launcher_edge::Daemon;
use launcher_model::environment::EnvironmentState;
use launcher_model::role::{Role, Roles};
use launcher_model::{EdgeName, PersonName, ServiceName, VersionNumber, service};
use launcher_scheduler::fake::{Fake, Script};
use launcher_server::access::Caller;
use launcher_server::{App, Reports, Settings, TokenText};
use launcher_store::{NewPerson, NewToken, Owner};
use launcher_testkit::Folder;
use launcher_testkit::assemble::{Setup, assemble};
use launcher_testkit::many;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tower::ServiceExt;

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

/// Waits for a condition; fails with these words when it does not come.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A browser without JavaScript: keeps cookies and follows no redirect by itself.
pub(crate) struct Visitor<'w> {
    router: &'w Router,
    cookies: std::collections::BTreeMap<String, String>,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Where it leads to.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// The value of the first hidden field of this name.
    pub(crate) fn field(&self, name: &str) -> &str {
        let (_, rest) = self.body.split_once(&format!("name=\"{name}\" value=\"")).expect(name);
        rest.split('"').next().unwrap()
    }

    /// The sentence that says what the last press did.
    pub(crate) fn flash(&self) -> Option<&str> {
        let (_, rest) = self.body.split_once("id=\"flash\"")?;
        rest.split_once('>')?.1.split('<').next()
    }
}

impl<'w> Visitor<'w> {
    /// Somebody who is not signed in.
    pub(crate) fn stranger(world: &'w World) -> Self {
        Self { router: &world.router, cookies: Default::default() }
    }

    /// Somebody who signed in with the token.
    pub(crate) async fn signed_in(world: &'w World) -> Self {
        let mut visitor = Self::stranger(world);
        let answer = visitor.post("/login", &[("token", world.token.expose())]).await;
        assert_eq!(answer.location(), "/");
        visitor
    }

    /// A person with these roles.
    pub(crate) async fn person(world: &'w World, name: &str, roles: Roles) -> Self {
        let (store, name) = (&world.app.store, PersonName::new(name).unwrap());
        let new = NewPerson { name: name.clone(), display_name: None, roles };
        store.add_person(new, "test", world.app.now()).await.unwrap();
        let owner = Owner::Person(name);
        let begun = world.app.begin_session(owner, &Caller::default()).await.unwrap();
        let mut visitor = Self::stranger(world);
        visitor.set_cookie("launcher_session", begun.cookie.expose());
        visitor
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    pub(crate) async fn get_with(&mut self, path: &str, (name, value): (&str, &str)) -> Answer {
        self.send(Request::get(path).header(name, value), Body::empty()).await
    }

    /// The head of an answer alone.
    pub(crate) async fn head_of(
        &mut self,
        path: &str,
        (name, value): (&str, &str),
    ) -> axum::http::HeaderMap {
        let request = Request::get(path).header(name, value);
        self.answered(request, Body::empty()).await.headers().clone()
    }

    pub(crate) fn cookie(&self, name: &str) -> &str {
        &self.cookies[name]
    }

    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, &[("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn post_from(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::post(path)
            .header(header::HOST, "launcher.test")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let fields = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        let fields: Vec<_> = fields.collect();
        self.send(request, Body::from(fields.join("&"))).await
    }

    /// Presses the first button with this path on a page, and says yes where that is asked.
    pub(crate) async fn press(&mut self, page: &Answer, path: &str) -> Answer {
        let forms = page.body.split("<form ").skip(1);
        let form = forms.filter_map(|form| form.split("</form>").next());
        let form = form.into_iter().find(|form| form.contains(&format!("action=\"{path}\"")));
        let form = Answer {
            status: page.status,
            headers: Default::default(),
            body: form
                .unwrap_or_else(|| panic!("no button for {path} in {}", page.body))
                .to_owned(),
        };
        let fields = ["form_secret", "version", "generation", "from"];
        let mut fields = fields.map(|name| (name, form.field(name))).to_vec();
        fields.push(("sure", "true"));
        self.post(path, &fields).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let (parts, body) = self.answered(request, body).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn answered(
        &mut self,
        request: axum::http::request::Builder,
        body: Body,
    ) -> Response<Body> {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(header::COOKIE, cookies.join("; ")).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        self.keep_cookies(&response);
        response
    }

    fn keep_cookies(&mut self, response: &Response<Body>) {
        for line in response.headers().get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            for wanted in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
                assert!(line.contains(wanted), "{line}");
            }
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
