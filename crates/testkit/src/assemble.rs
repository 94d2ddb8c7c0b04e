//! A server's parts, put together in a folder: a real store and control plane, and an engine in memory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use launcher_build::Builds;
use launcher_control::hub::Hub;
use launcher_control::{Clock, Config, Control, Parts};
use launcher_logs::{Bounds, Kept};
use launcher_notify::{Links, Notifier};
pub use launcher_registry::fake::Fake as FakeRegistry;
use launcher_scheduler::Scheduler;
use launcher_scheduler::fake::Fake;
use launcher_server::{App, Configured, EdgeDoor, Reports, Settings};
use launcher_store::Store;
use launcher_store::vault::Vault;
use launcher_telemetry::embedded::MOST_BYTES;
use launcher_telemetry::{KeptIn, Telemetry};

/// What differs from test to test.
pub struct Setup {
    /// The time.
    pub clock: Clock,
    /// Where edges of other machines may come in.
    pub edges: Option<EdgeDoor>,
    /// Takes what hosts use.
    pub reports: Reports,
    /// Who is told what happens.
    pub told: launcher_notify::Config,
}

/// Where people reach the pages, as others are told.
pub const PAGES: &str = "https://launcher.example.com";

/// Puts a server together whose files are in a folder.
pub async fn assemble(folder: &Path, fake: &Fake, setup: Setup) -> App {
    // One may be there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Setup { clock, edges, reports, told } = setup;
    let store = launcher_store::sqlite::open(&folder.join("launcher.db")).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let vault = Arc::new(Vault::open(&folder.join("secret.key")).unwrap());
    let scheduler: Arc<dyn Scheduler> = Arc::new(fake.clone());
    let (hub, notices) = Hub::new("localhost", "test");
    let telemetry = telemetry(folder, &hub).await;
    let parts = Parts {
        store: Arc::clone(&store),
        vault: Arc::clone(&vault),
        scheduler: Arc::clone(&scheduler),
        logs: Arc::new(Kept::new(folder.join("logs"), Bounds::default())),
        hub,
        notices,
        clock: Arc::clone(&clock),
    };
    let control = Control::start(parts, Config::default()).await.unwrap();
    let settings = Arc::new(Settings {
        preview_scheme: "http".to_owned(),
        preview_domain: "localhost".to_owned(),
        preview_port: Some(8080),
        edges,
        orders_certificates: true,
        audit_keep: jiff::SignedDuration::from_hours(24 * 400),
        secure_cookies: false,
        configured: Configured::default(),
        pages: None,
    });
    let parts = launcher_build::Parts {
        store: Arc::clone(&store),
        control: control.clone(),
        builder: Arc::new(fake.clone()),
        registry: Arc::new(FakeRegistry::default()),
        vault: Arc::clone(&vault),
        clock: Arc::clone(&clock),
    };
    let builds = builds(folder, parts, &settings).await;
    let parts = launcher_notify::Parts {
        store: Arc::clone(&store),
        answers: Arc::new(()),
        links: Links::new("http://localhost", Arc::new(|_, _| String::new())),
        clock: Arc::clone(&clock),
    };
    let notifier = Notifier::start(parts, &told).await.unwrap();
    App {
        control,
        builds,
        store,
        vault,
        scheduler,
        reports,
        telemetry,
        notifier,
        clock,
        settings,
        access_logs: None,
        openid: None,
    }
}

async fn telemetry(folder: &Path, hub: &Hub) -> Telemetry {
    let file = folder.join("metrics.db");
    let kept = KeptIn::File { file: &file, most_bytes: MOST_BYTES };
    let seconds = Arc::new(|| Timestamp::now().as_second());
    let telemetry = Telemetry::open(kept, None, seconds).await.unwrap();
    let gathered = Arc::clone(telemetry.gathered());
    hub.on_measured(Box::new(move |edge, at, samples| gathered.traffic(edge, at, samples)));
    telemetry
}

/// Builds of the same server that keep their images in another registry. Nothing is to be under way.
pub async fn builds_with(folder: &Path, app: &App, fake: &Fake, registry: FakeRegistry) -> Builds {
    let parts = launcher_build::Parts {
        store: Arc::clone(&app.store),
        control: app.control.clone(),
        builder: Arc::new(fake.clone()),
        registry: Arc::new(registry),
        vault: Arc::clone(&app.vault),
        clock: Arc::clone(&app.clock),
    };
    builds(folder, parts, &app.settings).await
}

async fn builds(folder: &Path, parts: launcher_build::Parts, settings: &Arc<Settings>) -> Builds {
    let (urls, branch_urls) = (Arc::clone(settings), Arc::clone(settings));
    let config = launcher_build::Config {
        data: folder.to_owned(),
        at_once: 2,
        logins: HashMap::new(),
        preview_url: Arc::new(move |service, version| urls.preview_url(service, version)),
        branch_url: Arc::new(move |branch| branch_urls.branch_url(branch)),
        build_url: Some(Arc::new(|id| format!("{PAGES}/builds/{id}"))),
    };
    Builds::start(parts, config).await.unwrap()
}
