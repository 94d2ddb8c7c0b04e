use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use jiff::Timestamp;
use launcher_model::ServiceName;
use launcher_model::build::{BuildState, Origin};
use launcher_model::environment::EnvironmentState;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::image::PinnedImage;
use launcher_model::route::{DeploymentKind, DeploymentState, Weights};
use launcher_model::service::ServiceSpec;
use launcher_store::{BuildChange, EnvironmentChange, NewBuild, NewDeployment, NewVersion, sqlite};
use launcher_telemetry::otlp::{Collector, CollectorOptions, Headers, Launch, Names, Pace};
use tempfile::TempDir;

use super::*;

/// A store, and a collector that says what it is told to say.
struct Ground {
    folder: TempDir,
    store: Arc<dyn Store>,
    at: SocketAddr,
    collector: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    /// What is answered next, before all is taken.
    answers: Vec<StatusCode>,
    requests: usize,
}

async fn take(State(said): State<Arc<Mutex<Said>>>) -> StatusCode {
    let mut said = said.lock().unwrap();
    said.requests += 1;
    said.answers.pop().unwrap_or(StatusCode::OK)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

impl Ground {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let store = sqlite::open(&folder.path().join("store.db")).await.unwrap();
        let collector = Arc::new(Mutex::new(Said::default()));
        let app = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&collector));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let ground = Self { folder, store: Arc::new(store), at, collector };
        ground.store.put_service(&ground.spec(), "alice", self::at(0)).await.unwrap();
        ground
    }

    fn spec(&self) -> ServiceSpec {
        let spec = serde_json::json!({ "service": { "name": "shop", "port": 8080 } });
        serde_json::from_value(spec).unwrap()
    }

    fn traces(&self) -> Traces {
        let millis = Duration::from_millis;
        let collector = Collector::new(CollectorOptions {
            endpoint: format!("http://{}", self.at).parse().unwrap(),
            headers: Headers::default(),
            installation: "one".to_owned(),
            pace: Pace { first: millis(1), longest: millis(10) },
        });
        Traces::new(collector.unwrap())
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("traced")
    }

    /// One that begins where the one before has ended.
    async fn follower(&self) -> Follower {
        Follower::open(Arc::clone(&self.store), self.traces(), self.file()).await.unwrap()
    }

    fn requests(&self) -> usize {
        self.collector.lock().unwrap().requests
    }

    /// A deployment that was aborted.
    async fn abort_one(&self, second: i64) {
        let new = NewDeployment {
            service: shop(),
            kind: DeploymentKind::Deploy,
            state: DeploymentState::Preparing,
            from: Weights::new(),
            to: Weights::new(),
            by: "alice".to_owned(),
            automatic: false,
            note: None,
            key: None,
        };
        let id = self.store.begin_deployment(new, &[], at(second)).await.unwrap().id;
        let events = [NewEvent::new(EventKind::DeploymentAborted, "aborted").service(&shop())];
        self.store.deployment_aborted(id, "no edge", &events, at(second + 1)).await.unwrap();
    }

    async fn queue(&self, second: i64) -> launcher_store::Queued {
        let new = NewBuild {
            service: shop(),
            origin: Origin::Push,
            branch: Some("main".to_owned()),
            commit: None,
            subject: None,
            author: None,
            by: "alice".to_owned(),
        };
        self.store.queue_build(new, at(second)).await.unwrap()
    }

    /// The traces that the events behind one make, with the kinds of these.
    async fn over_since(&self, after: i64) -> Vec<(EventKind, Trace)> {
        let filter = EventFilter { after: Some(after), limit: 100, ..EventFilter::default() };
        let mut all = Vec::new();
        for event in self.store.events(&filter).await.unwrap() {
            let traces = over::with(&*self.store, &Names::new("one"), &event).await.unwrap();
            all.extend(traces.into_iter().map(|trace| (event.kind, trace)));
        }
        all
    }
}

#[tokio::test]
async fn what_is_over_is_told_once_the_collector_takes_it() {
    let ground = Ground::new().await;
    let mut follower = ground.follower().await;
    assert!(!follower.step().await.unwrap(), "what was before is not told");
    ground.collector.lock().unwrap().answers = vec![StatusCode::SERVICE_UNAVAILABLE; 3];
    ground.abort_one(1).await;
    assert!(follower.step().await.unwrap());
    assert_eq!(ground.requests(), 4);
    assert_eq!(follower.traces.counts().sent, 1);
    assert_eq!(read(&ground.file()).unwrap(), Some(follower.seen));
    assert!(!ground.follower().await.step().await.unwrap(), "it is not told again");
}

#[tokio::test]
async fn what_happened_while_the_server_was_away_is_told_afterwards() {
    let ground = Ground::new().await;
    drop(ground.follower().await);
    ground.abort_one(1).await;
    ground.abort_one(3).await;
    let mut follower = ground.follower().await;
    assert!(follower.step().await.unwrap());
    assert_eq!((follower.traces.counts().sent, ground.requests()), (2, 1));
}

#[tokio::test]
async fn one_that_died_before_it_wrote_tells_again() {
    let ground = Ground::new().await;
    let mut follower = ground.follower().await;
    let before = fs::read_to_string(ground.file()).unwrap();
    ground.abort_one(1).await;
    follower.step().await.unwrap();
    fs::write(ground.file(), before).unwrap();
    assert!(ground.follower().await.step().await.unwrap());
    assert_eq!(ground.requests(), 2);
}

#[tokio::test]
async fn a_file_of_another_time_begins_with_what_happens_next() {
    let ground = Ground::new().await;
    ground.abort_one(1).await;
    for text in ["1000000\n", "?", ""] {
        fs::write(ground.file(), text).unwrap();
        assert!(!ground.follower().await.step().await.unwrap(), "{text}");
        assert!(read(&ground.file()).unwrap().unwrap() < 1_000, "{text}");
    }
    assert_eq!(ground.requests(), 0);
}

#[tokio::test]
async fn a_build_is_found_by_when_it_ended() {
    let ground = Ground::new().await;
    let first = ground.queue(1).await.build;
    let second = ground.queue(2).await;
    assert_eq!(second.superseded, [first.id]);
    let change = BuildChange { state: Some(BuildState::Failed), ..BuildChange::default() };
    let event = NewEvent::new(EventKind::BuildFailed, "it failed").service(&shop());
    let failed = ground.store.change_build(second.build.id, change, &[event], at(9)).await.unwrap();
    for _ in 0..150 {
        ground.queue(10).await;
    }
    let over = ground.over_since(0).await;
    let superseded = ground.store.build(first.id).await.unwrap().unwrap();
    let names = Names::new("one");
    let expected = [
        (EventKind::BuildCancelled, Trace::of_build(&names, &superseded).unwrap()),
        (EventKind::BuildFailed, Trace::of_build(&names, &failed).unwrap()),
    ];
    assert_eq!(over[..2], expected);
}

#[tokio::test]
async fn a_launch_is_over_once_however_often_it_is_started_again() {
    let ground = Ground::new().await;
    let new = NewVersion {
        image: image(),
        spec: ground.spec(),
        secrets: Default::default(),
        commit: None,
        branch: None,
        subject: None,
        author: None,
        follows_branch: false,
        taken_labels: Vec::new(),
        replicas: None,
        by: "alice".to_owned(),
        build: None,
        followed: None,
        key: None,
    };
    let (version, _) = ground.store.create_version(new, at(1)).await.unwrap();
    let reach = async |state, kind, second| {
        let change = EnvironmentChange { state: Some(state), ..EnvironmentChange::default() };
        let number = version.number;
        let events = [NewEvent::new(kind, "so it is").service(&shop()).version(number)];
        let store = &ground.store;
        store.change_environment(&shop(), number, change, &events, at(second)).await.unwrap();
    };
    reach(EnvironmentState::Ready, EventKind::EnvironmentReady, 5).await;
    reach(EnvironmentState::Stopped, EventKind::EnvironmentStopped, 6).await;
    reach(EnvironmentState::Ready, EventKind::EnvironmentReady, 9).await;
    let launch = Launch { version, starting_since: None, over_at: at(5), failure: None };
    let expected = Trace::of_launch(&Names::new("one"), &launch);
    assert_eq!(ground.over_since(0).await, [(EventKind::EnvironmentReady, expected)]);
}

fn image() -> PinnedImage {
    let digest = format!("sha256:{}", "a".repeat(64));
    PinnedImage {
        requested: "registry.example.com/shop:1.0".parse().unwrap(),
        reference: format!("registry.example.com/shop@{digest}").parse().unwrap(),
        digest: digest.try_into().unwrap(),
    }
}
