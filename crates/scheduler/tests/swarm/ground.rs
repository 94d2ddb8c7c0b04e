//! A Swarm to stand on: a lab of three hosts, which the stories of one test share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::Service;
use bollard::query_parameters::{
    KillContainerOptions, ListSecretsOptionsBuilder, ListServicesOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use futures_util::future::LocalBoxFuture;
use launcher_lab::{Options, SwarmOptions};
use launcher_model::image::PinnedImage;
use launcher_scheduler::swarm::{Config, NamingKey, Swarm};
use launcher_scheduler::{Scheduler, labels};

use crate::busybox;
use crate::conformance::{Behaviour, Ground, PATIENCE, all_told};
use crate::site::Site;
use crate::switch::Switch;

tokio::task_local! {
    static SITE: Arc<Site>;
}

/// Tells a story on a Swarm with so many managers.
pub(crate) async fn on_a_swarm(managers: usize, story: impl Future<Output = ()>) {
    let heartbeat = Some(Duration::from_secs(1));
    let options = Options::hosts(3).swarm(SwarmOptions { managers, heartbeat });
    SITE.scope(Arc::new(Site::open(options).await), Box::pin(story)).await;
}

pub(crate) struct SwarmGround {
    pub(crate) site: Arc<Site>,
    /// Two of them whose names begin alike.
    ours: String,
    theirs: String,
    switch: Switch,
}

impl SwarmGround {
    /// Tells these stories in one lab.
    pub(crate) async fn together(stories: Vec<(&str, LocalBoxFuture<'_, ()>)>) {
        on_a_swarm(1, all_told(stories)).await;
    }

    /// The driver, with settings of the test's own.
    pub(crate) fn driver(&self, change: impl FnOnce(&mut Config)) -> Swarm {
        let mut config = self.config(&self.ours);
        change(&mut config);
        Swarm::connect(config).unwrap()
    }

    fn config(&self, installation: &str) -> Config {
        let hosts = self.site.lab.managers().iter().map(|host| host.socket());
        let engines =
            self.site.lab.hosts().iter().map(|host| (host.name().to_owned(), host.socket()));
        let key = NamingKey::new(Box::new([7; 32]).into());
        Config {
            hosts: hosts.collect(),
            engines: engines.collect(),
            ..Config::new(installation, key)
        }
    }

    /// A manager that answers.
    pub(crate) fn api(&self) -> bollard::Docker {
        self.site.lab.managers()[0].docker().unwrap()
    }

    /// Puts an image into the registry that is nothing but a static busybox and these Dockerfile lines.
    pub(crate) async fn push(&self, name: &str, lines: &str) -> PinnedImage {
        self.site.push(&self.driver(|_| {}), name, lines).await
    }

    /// This installation's services, as the manager tells them.
    pub(crate) async fn services(&self) -> Vec<Service> {
        services_of(&self.api(), &self.ours).await
    }

    /// The same, as a manager tells them that is on another host.
    pub(crate) async fn services_without(&self, host: &str) -> Vec<Service> {
        let other = self.site.lab.managers().iter().find(|manager| manager.name() != host);
        services_of(&other.expect("there is no other").docker().unwrap(), &self.ours).await
    }

    /// A container's program dies, on a host that is not this one.
    pub(crate) async fn kill_elsewhere(&self, id: &str, not: &str) {
        for host in self.site.lab.hosts().iter().filter(|host| host.name() != not) {
            let engine = host.docker().unwrap();
            if engine.kill_container(id, None::<KillContainerOptions>).await.is_ok() {
                return;
            }
        }
        panic!("no host has the container {id}");
    }
}

#[async_trait]
impl Ground for SwarmGround {
    async fn prepare() -> Self {
        // The program does it when it starts; a second time it is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let site = SITE.with(Arc::clone);
        let unique = format!("{:08x}", rand::random::<u32>());
        let ours = format!("{unique}-ours");
        let manager = site.lab.managers()[0].socket();
        let switch = Switch::install(&ours, manager.strip_prefix("unix://").unwrap());
        Self { theirs: format!("{unique}-theirs"), ours, site, switch }
    }

    fn engine(&self) -> Arc<dyn Scheduler> {
        Arc::new(self.driver(|_| {}))
    }

    fn neighbour(&self) -> Arc<dyn Scheduler> {
        Arc::new(Swarm::connect(self.config(&self.theirs)).unwrap())
    }

    async fn image(&self, behaviour: Behaviour) -> PinnedImage {
        let Some(lines) = busybox::behaves(behaviour) else {
            return busybox::cannot_be_pulled(&self.site.lab.registry().to_string());
        };
        self.push(&format!("{behaviour:?}").to_lowercase(), &lines).await
    }

    async fn kill(&self, id: &str) {
        self.kill_elsewhere(id, "").await;
    }

    async fn remove_by_hand(&self, id: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        for host in self.site.lab.hosts() {
            let removed = host.docker().unwrap().remove_container(id, Some(options.clone())).await;
            if removed.is_ok() {
                return;
            }
        }
        panic!("no host has the container {id}");
    }

    async fn one_offs(&self) -> usize {
        let services = self.services().await;
        let labels = services.iter().filter_map(|service| service.spec.as_ref()?.labels.as_ref());
        let role = |role: &String| role == "release" || role == "run";
        labels.filter(|labels| role(&labels[labels::ROLE])).count()
    }

    fn engine_at_risk(&self) -> Arc<dyn Scheduler> {
        Arc::new(self.driver(|config| config.hosts = vec![self.switch.host()]))
    }

    async fn take_away(&self) {
        self.switch.off().await;
    }

    async fn bring_back(&self) {
        self.switch.on().await;
    }

    fn many(&self) -> u16 {
        100
    }

    async fn lose_host(&self, name: &str) {
        self.site.lab.host(name).unwrap().cut().await.unwrap();
    }

    async fn find_host(&self, name: &str) {
        self.site.lab.host(name).unwrap().mend().await.unwrap();
    }
}

async fn services_of(api: &bollard::Docker, installation: &str) -> Vec<Service> {
    let label = vec![format!("{}={installation}", labels::INSTALLATION)];
    let filters = HashMap::from([("label", label)]);
    let options = ListServicesOptionsBuilder::new().filters(&filters).build();
    api.list_services(Some(options)).await.unwrap()
}

/// The test's services go, so that they are in nobody's way; the rest goes with the lab.
impl Drop for SwarmGround {
    fn drop(&mut self) {
        let installations = [self.ours.clone(), self.theirs.clone()];
        let managers: Vec<_> =
            self.site.lab.managers().iter().filter_map(|host| host.docker().ok()).collect();
        let swept = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let sweep = async {
                // Some may be lost.
                for api in &managers {
                    if api.inspect_swarm().await.is_ok() {
                        return tokio::time::timeout(PATIENCE, sweep(api, &installations)).await;
                    }
                }
                Ok(())
            };
            runtime.block_on(sweep).expect("services of the test are left");
        });
        if swept.join().is_err() && !std::thread::panicking() {
            panic!("what the test has made could not be removed");
        }
    }
}

/// A call that was dropped may still be creating something, so it looks until nothing is there.
async fn sweep(api: &bollard::Docker, installations: &[String]) {
    for installation in installations {
        loop {
            let services = services_of(api, installation).await;
            if services.is_empty() {
                break;
            }
            for service in services {
                let _ = api.delete_service(&service.id.unwrap()).await;
            }
        }
        let label = vec![format!("{}={installation}", labels::INSTALLATION)];
        let filters = HashMap::from([("label", label)]);
        let options = ListSecretsOptionsBuilder::new().filters(&filters).build();
        for secret in api.list_secrets(Some(options)).await.unwrap() {
            let _ = api.delete_secret(&secret.id.unwrap()).await;
        }
    }
}
