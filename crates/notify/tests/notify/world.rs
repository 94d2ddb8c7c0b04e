//! A store in which things happen, and a notifier that tells of them.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use launcher_model::event::{EventKind, NewEvent};
use launcher_model::{ServiceName, VersionNumber};
use launcher_notify::{Answers, Config, Links, Notifier, Parts, Place, Rule, TargetState, To};
use launcher_store::{Store, sqlite};
use launcher_testkit::Folder;
use launcher_testkit::wait::{SOON, until_ok};

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) notifier: Option<Notifier>,
    pub(crate) folder: Folder,
}

struct Shop;

#[async_trait]
impl Answers for Shop {
    async fn overview(&self) -> Vec<(ServiceName, String)> {
        vec![(shop(), "v2 is live".to_owned())]
    }

    async fn status(&self, service: &ServiceName) -> Option<Vec<String>> {
        (*service == shop()).then(|| vec!["shop: v2 is live, 2 of 2 containers healthy".to_owned()])
    }

    async fn history(&self, service: &ServiceName) -> Option<Vec<String>> {
        (*service == shop()).then(|| vec!["alice deployed v2".to_owned()])
    }
}

pub(crate) fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

pub(crate) fn rule(services: &str, events: &str) -> Rule {
    Rule::new(&[services.to_owned()], &[events.to_owned()]).unwrap()
}

/// One target that is told everything.
pub(crate) fn place(name: &str, to: To) -> Config {
    let place = Place { name: name.to_owned(), rule: rule("*", "all"), to };
    Config { places: vec![place], ..Config::default() }
}

impl World {
    pub(crate) async fn new() -> Self {
        // One may be there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = Folder::new();
        let store = sqlite::open(&folder.path().join("store.db")).await.unwrap();
        Self { store: Arc::new(store), notifier: None, folder }
    }

    pub(crate) async fn start(&mut self, config: &Config) {
        let preview = |service: &ServiceName, version: VersionNumber| {
            format!("http://{version}.{service}.localhost")
        };
        let parts = Parts {
            store: Arc::clone(&self.store),
            answers: Arc::new(Shop),
            links: Links::new("https://launcher.example.com", Arc::new(preview)),
            clock: Arc::new(Timestamp::now),
        };
        self.notifier = Some(Notifier::start(parts, config).await.unwrap());
    }

    /// As a process that is killed: nothing is ended properly.
    pub(crate) fn kill(&mut self) {
        self.notifier = None;
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        self.notifier.as_ref().unwrap()
    }

    /// Something happens to the shop.
    pub(crate) async fn happens(&self, kind: EventKind, text: &str) {
        let event =
            NewEvent::new(kind, text).service(&shop()).version(VersionNumber(2)).by("alice");
        self.store.record(&[event], Timestamp::now()).await.unwrap();
    }

    pub(crate) async fn target(&self, name: &str) -> TargetState {
        let targets = self.notifier().targets().await.unwrap();
        targets.into_iter().find(|target| target.name == name).unwrap()
    }

    /// Waits until a target is so.
    pub(crate) async fn target_is(
        &self,
        name: &str,
        what: &str,
        is: impl Fn(&TargetState) -> bool,
    ) -> TargetState {
        until_ok(&format!("{name} being {what}"), SOON, || async {
            let target = self.target(name).await;
            if is(&target) { Ok(target) } else { Err(format!("{target:?}")) }
        })
        .await
    }
}
