//! A store as large installations have it: many services, each with environments of every age.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use launcher_model::environment::{EnvironmentState, Wanted};
use launcher_model::measure::{Traffic, TrafficSample};
use launcher_model::plan::shares::all_to;
use launcher_model::route::{DeploymentKind, DeploymentState, EdgeReceipt, Receipt, Weights};
use launcher_model::service::{self, ServiceSpec};
use launcher_model::{EdgeName, ServiceName, VersionNumber};
use launcher_scheduler::Scheduler;
use launcher_scheduler::fake::Fake;
use launcher_server::App;
use launcher_store::sqlite;
use launcher_store::{EnvironmentChange, NewDeployment, NewVersion, Store};
use launcher_telemetry::Gathered;
use tokio::net::TcpListener;

use crate::assemble::{Setup, assemble};
use crate::wait::{SOON, until_ok};

/// How many services there are.
pub const SERVICES: usize = 200;
/// How many environments each has.
pub const ENVIRONMENTS: u32 = 10;
/// The version that is live.
pub const LIVE: VersionNumber = VersionNumber(ENVIRONMENTS - 1);
/// The first that was.
const FIRST_LIVE: u32 = ENVIRONMENTS - 5;
/// The oldest that still runs.
const RUNNING: u32 = ENVIRONMENTS - 1;
/// Who did it all.
const WHO: &str = "mika";

/// The name of the service of this number.
pub fn name(number: usize) -> ServiceName {
    ServiceName::new(format!("service-{number:03}")).unwrap()
}

/// Puts a server together in this folder that has all of them, on an engine in memory whose containers are
/// one HTTP server here, and waits until each was found healthy. Returns where that one listens, too.
pub async fn start(folder: &Path, engine: &Fake, setup: Setup) -> (App, SocketAddr) {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap();
    let answers = Router::new().fallback(get(async || "served\n"));
    tokio::spawn(async { axum::serve(upstream, answers).await.unwrap() });
    engine.set_addresses(move |_, _, _| address);
    fill(folder, engine, Timestamp::now()).await;
    let app = assemble(folder, engine, setup).await;
    for service in (0..SERVICES).map(name) {
        let what = format!("that the containers of {service} are healthy");
        until_ok(&what, 2 * SOON, || async {
            let (_, environments) = app.control.environments(&service, false).await.unwrap();
            let running = &environments[..2];
            let whole = running.iter().all(|view| view.healthy() == 2);
            if whole { Ok(()) } else { Err(format!("{running:?}")) }
        })
        .await;
    }
    carry(app.telemetry.gathered(), Timestamp::now().as_second());
    (app, address)
}

/// Fills the store of a server that is to be put together in this folder.
async fn fill(folder: &Path, engine: &dyn Scheduler, now: Timestamp) {
    let store = sqlite::open(&folder.join("launcher.db")).await.unwrap();
    for number in 0..SERVICES {
        let spec = spec(number);
        store.put_service(&spec, WHO, now).await.unwrap();
        for version in 1..=ENVIRONMENTS {
            let age = SignedDuration::from_hours(i64::from(ENVIRONMENTS - version) * 20);
            launch(&store, engine, &spec, version, now - age).await;
        }
    }
}

/// A container of each serves soon, and is looked at rarely.
fn spec(number: usize) -> ServiceSpec {
    let name = name(number);
    let text = format!(
        "[service]\nname = \"{name}\"\nimage = \"registry.example.com/team/{name}\"\nhosts = [\"{name}.example.com\"]\n\
         replicas = 2\nport = 8080\n[health]\npath = \"/healthz\"\ninterval = \"10m\"\nhealthy_after = 1\n\
         [env]\nLOG_LEVEL = \"info\"\n[keep]\nrunning = 2\nstopped = {ENVIRONMENTS}\n"
    );
    service::read("launcher.toml", &text).unwrap()
}

async fn launch(
    store: &dyn Store,
    engine: &dyn Scheduler,
    spec: &ServiceSpec,
    version: u32,
    at: Timestamp,
) {
    let name = &spec.service.name;
    let image = format!("registry.example.com/team/{name}:2026-11-{version:02}");
    let image = engine.resolve(&image.parse().unwrap(), None).await.unwrap();
    engine.fetch(&image, None).await.unwrap();
    let new = NewVersion {
        image,
        spec: spec.clone(),
        secrets: Default::default(),
        commit: Some(format!("8f31c0a52be{version}")),
        branch: Some("main".to_owned()),
        subject: None,
        author: None,
        follows_branch: false,
        taken_labels: Vec::new(),
        replicas: None,
        by: WHO.to_owned(),
        build: None,
        followed: None,
        key: None,
    };
    store.create_version(new, at).await.unwrap();
    let ready = EnvironmentChange { state: Some(EnvironmentState::Ready), ..Default::default() };
    let number = VersionNumber(version);
    store.change_environment(name, number, ready, &[], at).await.unwrap();
    if (FIRST_LIVE..=LIVE.0).contains(&version) {
        deploy(store, name, number, at).await;
    }
    let old = version.saturating_sub(ENVIRONMENTS - RUNNING + 1);
    if old > 0 {
        let (wanted, state) = (Some(Wanted::Stopped), Some(EnvironmentState::Stopped));
        let stopped = EnvironmentChange { wanted, state, ..Default::default() };
        store.change_environment(name, VersionNumber(old), stopped, &[], at).await.unwrap();
    }
}

async fn deploy(store: &dyn Store, service: &ServiceName, version: VersionNumber, at: Timestamp) {
    let before = VersionNumber(version.0 - 1);
    let from = if version.0 == FIRST_LIVE { Weights::new() } else { all_to(before) };
    let new = NewDeployment {
        service: service.clone(),
        kind: DeploymentKind::Deploy,
        state: DeploymentState::Preparing,
        from,
        to: all_to(version),
        by: WHO.to_owned(),
        automatic: false,
        note: None,
        key: None,
    };
    let id = store.begin_deployment(new, &[], at).await.unwrap().id;
    store.commit_route(id, at).await.unwrap();
    let edge = EdgeName::new("local").unwrap();
    let edge = EdgeReceipt { edge, prepare_us: 900, commit_us: 200, checked: 2, fenced: None };
    let receipt = Receipt { switch_us: 3_840, edges: vec![edge], ..Receipt::default() };
    store.deployment_live(id, &receipt, &[], at).await.unwrap();
    store.deployment_done(id, &receipt, &[], at).await.unwrap();
}

/// Tells what an edge has carried in the last five minutes: of every service something else in each second.
pub fn carry(gathered: &Gathered, now: i64) {
    let edge = EdgeName::new("local").unwrap();
    for at in now - 305..now {
        let samples = (0..SERVICES as u64).map(|number| {
            let wave = at.unsigned_abs().wrapping_mul(7_919 * (number + 3)) % 23;
            let mut traffic =
                Traffic { requests: [0, 20 + wave, 0, 0, wave / 21], ..Traffic::default() };
            (0..8).for_each(|n| traffic.latency.record(4_000 + 900 * n + 100 * wave));
            let service = name(usize::try_from(number).unwrap());
            TrafficSample { service, version: LIVE, traffic }
        });
        gathered.traffic(&edge, at, samples.collect());
    }
}
