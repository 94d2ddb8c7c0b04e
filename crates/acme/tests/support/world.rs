//! A control plane without containers.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use launcher_acme::{Acme, Settings};
use launcher_control::hub::{self, Hub};
use launcher_control::{Clock, Config, Control, Parts};
use launcher_edge::CertificateFiles;
use launcher_logs::{Bounds, Kept};
use launcher_model::ServiceName;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::service::ServiceSpec;
use launcher_scheduler::fake::Fake;
use launcher_store::vault::Vault;
use launcher_store::{CertificateRecord, EventFilter, IssuedCertificate, Store};
use launcher_testkit::{Folder, wait};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::edge::Edge;

const SOON: Duration = Duration::from_secs(120);

/// An installation. All of it is gone when it is dropped.
pub(crate) struct World {
    control: Control,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    /// Seconds by which its clock is ahead.
    ahead: Arc<AtomicI64>,
    clock: Clock,
    acme: Option<Acme>,
    hub: JoinHandle<()>,
    changes: u16,
    dir: Folder,
}

impl Drop for World {
    fn drop(&mut self) {
        self.hub.abort();
        self.control.shut_down();
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        // One may be there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = Folder::new();
        let store = launcher_store::sqlite::open(&dir.path().join("launcher.db")).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let vault = Arc::new(Vault::open(&dir.path().join("secret.key")).unwrap());
        let ahead = Arc::new(AtomicI64::new(0));
        let by = ahead.clone();
        let clock: Clock = Arc::new(move || {
            Timestamp::now() + SignedDuration::from_secs(by.load(Ordering::SeqCst))
        });
        let (hub, notices) = Hub::new("localhost", "test");
        let parts = Parts {
            store: store.clone(),
            vault: vault.clone(),
            scheduler: Arc::new(Fake::new("acme-tests").unwrap()),
            logs: Arc::new(Kept::new(dir.path().join("logs"), Bounds::default())),
            hub,
            notices,
            clock: clock.clone(),
        };
        let control = Control::start(parts, Config::default()).await.unwrap();
        let socket = UnixListener::bind(dir.path().join("edge.sock")).unwrap();
        let hub = tokio::spawn(hub::serve(Arc::clone(control.hub()), socket));
        Self { control, store, vault, ahead, clock, acme: None, hub, changes: 0, dir }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Begins to ask an authority, in the place of one before.
    pub(crate) fn start(&mut self, settings: Option<Settings>) {
        self.acme = None;
        let parts = launcher_acme::Parts {
            control: self.control.clone(),
            store: self.store.clone(),
            vault: self.vault.clone(),
            clock: self.clock.clone(),
        };
        self.acme = Some(Acme::start(parts, settings));
    }

    /// An edge, when it is connected.
    pub(crate) async fn edge(&self, name: &str, http: SocketAddr) -> Edge {
        self.edge_with(name, http, Vec::new()).await
    }

    /// One that reads these files of certificates.
    pub(crate) async fn edge_with(
        &self,
        name: &str,
        http: SocketAddr,
        certificates: Vec<CertificateFiles>,
    ) -> Edge {
        let edge = self.start_edge(name, http, certificates);
        let is_there = || async {
            let edges = self.control.hub().edges();
            edges.iter().any(|edge| edge.name.as_str() == name).then_some(())
        };
        wait::until("the edge", SOON, is_there).await;
        edge
    }

    fn start_edge(&self, name: &str, http: SocketAddr, of: Vec<CertificateFiles>) -> Edge {
        let (dir, socket) = (self.folder().join(name), self.folder().join("edge.sock"));
        Edge::start(name, dir, socket, http, of)
    }

    /// The control plane is away from now on.
    pub(crate) fn hang_up(&mut self) {
        self.hub.abort();
        self.acme = None;
        std::fs::remove_file(self.folder().join("edge.sock")).unwrap();
    }

    /// A control plane is there again, in which nobody looks after certificates, and has spoken with the edges.
    pub(crate) async fn comes_back_forgetful(&mut self) {
        let (hub, _notices) = Hub::new("localhost", "test");
        let socket = UnixListener::bind(self.folder().join("edge.sock")).unwrap();
        self.hub = tokio::spawn(hub::serve(hub.clone(), socket));
        hub.open();
        // What is sent first has been heard by then.
        let answered = || async { hub.edges().first()?.lag };
        wait::until("the edge's answer", SOON, answered).await;
    }

    /// The same edge, started anew.
    pub(crate) async fn restart(&self, edge: Edge) -> Edge {
        let http = edge.http;
        let dir = edge.end().await;
        // Its threads may take a moment to let go of the address.
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        let free = || async { std::net::TcpListener::bind(http).ok().map(drop) };
        wait::until("the address", SOON, free).await;
        self.start_edge(&name, http, Vec::new())
    }

    /// The service `shop`, with these hostnames.
    pub(crate) async fn service(&mut self, hosts: &[&str]) {
        let mut spec = ServiceSpec::new(ServiceName::new("shop").unwrap(), 80);
        spec.service.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        self.changes += 1;
        spec.service.replicas = self.changes;
        self.store.put_service(&spec, "test", (self.clock)()).await.unwrap();
    }

    /// So many seconds pass, and somebody changes something.
    pub(crate) async fn passes(&mut self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
        let shop = ServiceName::new("shop").unwrap();
        let mut spec = self.store.service(&shop).await.unwrap().unwrap().spec;
        self.changes += 1;
        spec.service.replicas = self.changes;
        self.store.put_service(&spec, "test", (self.clock)()).await.unwrap();
    }

    /// Has the edges answer so.
    pub(crate) async fn challenge(&self, token: &str, answer: &str) {
        self.control.hub().certificates(Vec::new());
        let all = [(token.to_owned(), answer.to_owned())].into();
        let revision = self.control.hub().challenges(all);
        for (edge, told) in self.control.hub().certified(revision, SOON).await {
            assert_eq!(told, Ok(()), "{edge}");
        }
    }

    pub(crate) async fn record(&self, service: &str) -> Option<CertificateRecord> {
        let records = self.store.certificates().await.unwrap();
        records.into_iter().find(|record| record.service.as_str() == service)
    }

    /// Waits for a service's certificate.
    pub(crate) async fn issued(&self, service: &str) -> IssuedCertificate {
        let issued = async |world: &Self| world.record(service).await?.issued;
        self.until("the certificate", issued).await
    }

    /// Waits until something is there.
    pub(crate) async fn until<T>(&self, what: &str, ask: impl AsyncFn(&Self) -> Option<T>) -> T {
        let asked = async {
            loop {
                if let Some(found) = ask(self).await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(SOON, asked).await;
        match found {
            Ok(found) => found,
            Err(_elapsed) => {
                panic!("{what} takes too long: {:?}", self.store.certificates().await)
            }
        }
    }

    /// Somebody asks for another certificate.
    pub(crate) async fn ask(&self, service: &str) -> bool {
        let service = ServiceName::new(service).unwrap();
        let event = NewEvent::new(EventKind::CertificateAsked, "asked").service(&service);
        self.store.ask_for_certificate(&service, event, (self.clock)()).await.unwrap()
    }

    /// What the events of a kind say, the newest first.
    pub(crate) async fn told(&self, kind: EventKind) -> Vec<String> {
        let filter = EventFilter { limit: 1000, kinds: vec![kind], ..EventFilter::default() };
        let all = self.store.events(&filter).await.unwrap();
        all.into_iter().map(|event| event.text).collect()
    }

    /// How many events of a kind there are.
    pub(crate) async fn events(&self, kind: EventKind) -> usize {
        let all = self.store.events(&EventFilter { limit: 1000, ..EventFilter::default() }).await;
        all.unwrap().iter().filter(|event| event.kind == kind).count()
    }
}
