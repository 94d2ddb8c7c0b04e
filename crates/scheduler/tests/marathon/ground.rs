//! Marathon to stand on: a stand-in that runs tasks on the hosts of a lab. The stories of one test share the
//! lab; each has a stand-in of its own in front of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bollard::query_parameters::{
    KillContainerOptions, ListContainersOptions, RemoveContainerOptionsBuilder,
};
use futures_util::future::LocalBoxFuture;
use launcher_lab::{Host, Lab};
use launcher_marathon_standin::{AgentOptions, Options, StandIn};
use launcher_model::image::PinnedImage;
use launcher_scheduler::Scheduler;
use launcher_scheduler::marathon::{Config, Marathon};

use crate::busybox;
use crate::conformance::{Behaviour, Ground, all_told};
use crate::master;
use crate::site::Site;
use crate::switch::Switch;

tokio::task_local! {
    static CLUSTER: Arc<Cluster>;
    static VERSION: &'static str;
}

/// The version of Marathon that all stories are told on.
pub(crate) const LATEST: &str = "1.11.24";
/// So many ports of each host has a stand-in for itself: it sees no others' there.
const PORTS: u16 = 200;

/// A lab, and the stand-ins in front of it.
pub(crate) struct Cluster {
    site: Site,
    standins: AtomicU16,
    leaving: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// Stand-ins take their containers away before the lab goes.
impl Drop for Cluster {
    fn drop(&mut self) {
        for leaving in self.leaving.lock().unwrap().drain(..) {
            let left = leaving.join();
            assert!(left.is_ok() || std::thread::panicking(), "what a test has made is left");
        }
    }
}

/// Tells something in a lab of three hosts.
pub(crate) async fn in_a_lab(story: impl Future<Output = ()>) {
    let cluster = Cluster {
        site: Site::open(launcher_lab::Options::hosts(3)).await,
        standins: AtomicU16::new(0),
        leaving: std::sync::Mutex::default(),
    };
    CLUSTER.scope(Arc::new(cluster), Box::pin(story)).await;
}

/// Tells something on this version of Marathon.
pub(crate) async fn on_version(version: &'static str, story: impl Future<Output = ()>) {
    VERSION.scope(version, Box::pin(story)).await;
}

pub(crate) struct MarathonGround {
    /// None only when it goes.
    standin: Option<StandIn>,
    cluster: Arc<Cluster>,
    /// Two of them whose names begin alike.
    ours: String,
    theirs: String,
    /// To Marathon and to Mesos.
    switches: [Switch; 2],
}

impl MarathonGround {
    /// Tells these stories in one lab.
    pub(crate) async fn together(stories: Vec<(&str, LocalBoxFuture<'_, ()>)>) {
        in_a_lab(on_version(LATEST, all_told(stories))).await;
    }

    /// On a stand-in with options of the test's own.
    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let cluster = CLUSTER.with(Arc::clone);
        let first = 31_000 + PORTS * cluster.standins.fetch_add(1, Ordering::Relaxed);
        let agents = cluster.site.lab.hosts().iter().map(|host| AgentOptions {
            engine: host.socket(),
            // More than the engine has: what is promised is not used.
            cpus: 32.0,
            mem: 65_536.0,
            ports: first..=first + PORTS - 1,
            ..AgentOptions::local(host.address())
        });
        let version = VERSION.with(|version| version.parse().unwrap());
        let mut options = Options { version, agents: agents.collect(), ..Options::default() };
        change(&mut options);
        let standin = StandIn::start(options).await.unwrap();
        let switches =
            [Switch::install(&standin.url()).await, Switch::install(&standin.mesos_url()).await];
        let unique = format!("{:08x}", rand::random::<u32>());
        let (ours, theirs) = (format!("{unique}-ours"), format!("{unique}-theirs"));
        Self { standin: Some(standin), cluster, ours, theirs, switches }
    }

    fn lab(&self) -> &Lab {
        &self.cluster.site.lab
    }

    pub(crate) fn standin(&self) -> &StandIn {
        self.standin.as_ref().expect("it is there until this goes")
    }

    /// The driver, with settings of the test's own.
    pub(crate) fn driver(&self, change: impl FnOnce(&mut Config)) -> Marathon {
        let mut config = self.config(&self.ours);
        change(&mut config);
        master::driver(config)
    }

    fn config(&self, installation: &str) -> Config {
        let hosts = self.lab().hosts().iter();
        let engines = hosts.map(|host| (host.address().to_string(), host.socket()));
        Config {
            urls: self.standin().urls(),
            deadline: Duration::from_secs(20),
            memory: 64 << 20,
            engines: engines.collect(),
            insecure_registries: vec![self.lab().registry().to_string()],
            ..Config::new(installation, "")
        }
    }

    /// Puts an image into the registry that is nothing but a static busybox and these Dockerfile lines.
    pub(crate) async fn push(&self, name: &str, lines: &str) -> PinnedImage {
        self.cluster.site.push(&self.driver(|_| {}), name, lines).await
    }

    /// The host of the lab that is an agent of this name.
    fn host(&self, name: &str) -> &Host {
        let named = |host: &&Host| host.address().to_string() == name;
        self.lab().hosts().iter().find(named).expect("it is a host")
    }

    /// A task's container and its engine; none when it has ended.
    pub(crate) async fn container(&self, task: &str) -> Option<(bollard::Docker, String)> {
        for host in self.lab().hosts() {
            let engine = host.docker().unwrap();
            let label = vec![format!("launcher.standin.task={task}")];
            let filters = Some(HashMap::from([("label".to_owned(), label)]));
            let options = ListContainersOptions { filters, ..Default::default() };
            let mut found = engine.list_containers(Some(options)).await.unwrap();
            if let Some(container) = found.pop() {
                return Some((engine, container.id.unwrap()));
            }
        }
        None
    }
}

#[async_trait]
impl Ground for MarathonGround {
    async fn prepare() -> Self {
        Self::with(|_| {}).await
    }

    fn engine(&self) -> Arc<dyn Scheduler> {
        Arc::new(self.driver(|_| {}))
    }

    fn neighbour(&self) -> Arc<dyn Scheduler> {
        Arc::new(master::driver(self.config(&self.theirs)))
    }

    async fn image(&self, behaviour: Behaviour) -> PinnedImage {
        let Some(lines) = busybox::behaves(behaviour) else {
            return busybox::cannot_be_pulled(&self.lab().registry().to_string());
        };
        self.push(&format!("{behaviour:?}").to_lowercase(), &lines).await
    }

    async fn kill(&self, id: &str) {
        let (engine, container) = self.container(id).await.expect("it runs");
        engine.kill_container(&container, None::<KillContainerOptions>).await.unwrap();
    }

    async fn remove_by_hand(&self, id: &str) {
        // What has ended is gone already.
        let Some((engine, container)) = self.container(id).await else { return };
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        engine.remove_container(&container, Some(options)).await.unwrap();
    }

    /// Marathon has none, whatever it is asked: what is an app is replaced.
    async fn one_offs(&self) -> usize {
        0
    }

    fn engine_at_risk(&self) -> Arc<dyn Scheduler> {
        let [marathon, mesos] = &self.switches;
        Arc::new(self.driver(|config| {
            config.urls = vec![marathon.url()];
            config.mesos = vec![mesos.url()];
        }))
    }

    async fn take_away(&self) {
        for switch in &self.switches {
            switch.off().await;
        }
    }

    async fn bring_back(&self) {
        for switch in &self.switches {
            switch.on().await;
        }
    }

    fn many(&self) -> u16 {
        100
    }

    async fn lose_host(&self, name: &str) {
        self.host(name).cut().await.unwrap();
        self.standin().lose_agent(name).unwrap();
    }

    async fn find_host(&self, name: &str) {
        self.host(name).mend().await.unwrap();
        self.standin().return_agent(name).unwrap();
    }
}

/// It takes the containers away, which takes a moment; other stories go on meanwhile.
impl Drop for MarathonGround {
    fn drop(&mut self) {
        let standin = self.standin.take();
        let leaving = std::thread::spawn(move || drop(standin));
        self.cluster.leaving.lock().unwrap().push(leaving);
    }
}
