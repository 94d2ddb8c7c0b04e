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
use launcher_lab::{Host, Image, Lab};
use launcher_marathon_standin::{AgentOptions, Options, StandIn};
use launcher_model::image::{Digest, ImageRef, PinnedImage};
use launcher_scheduler::Scheduler;
use launcher_scheduler::marathon::{Config, Marathon};
use tokio::sync::Mutex;

use crate::conformance::{Behaviour, Ground, all_told};
use crate::master;
use crate::switch::Switch;

tokio::task_local! {
    static SITE: Arc<Site>;
    static VERSION: &'static str;
}

/// The version of Marathon that all stories are told on.
pub(crate) const LATEST: &str = "1.11.24";
/// So many ports of each host has a stand-in for itself: it sees no others' there.
const PORTS: u16 = 200;

/// A lab, and the images that were put into its registry.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    images: Mutex<HashMap<String, PinnedImage>>,
    standins: AtomicU16,
    leaving: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// Stand-ins take their containers away before the lab goes.
impl Drop for Site {
    fn drop(&mut self) {
        for leaving in self.leaving.lock().unwrap().drain(..) {
            let left = leaving.join();
            assert!(left.is_ok() || std::thread::panicking(), "what a test has made is left");
        }
    }
}

/// Tells something in a lab of three hosts.
pub(crate) async fn in_a_lab(story: impl Future<Output = ()>) {
    let lab = Lab::open(launcher_lab::Options::hosts(3)).await.expect("no lab");
    let site = Site {
        lab,
        images: Mutex::default(),
        standins: AtomicU16::new(0),
        leaving: std::sync::Mutex::default(),
    };
    SITE.scope(Arc::new(site), Box::pin(story)).await;
}

/// Tells something on this version of Marathon.
pub(crate) async fn on_version(version: &'static str, story: impl Future<Output = ()>) {
    VERSION.scope(version, Box::pin(story)).await;
}

pub(crate) struct MarathonGround {
    /// None only when it goes.
    standin: Option<StandIn>,
    pub(crate) site: Arc<Site>,
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
        let site = SITE.with(Arc::clone);
        let first = 31_000 + PORTS * site.standins.fetch_add(1, Ordering::Relaxed);
        let agents = site.lab.hosts().iter().map(|host| AgentOptions {
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
        Self { standin: Some(standin), site, ours, theirs, switches }
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
        let hosts = self.site.lab.hosts().iter();
        let engines = hosts.map(|host| (host.address().to_string(), host.socket()));
        Config {
            urls: self.standin().urls(),
            deadline: Duration::from_secs(20),
            memory: 64 << 20,
            engines: engines.collect(),
            insecure_registries: vec![self.site.lab.registry().to_string()],
            ..Config::new(installation, "")
        }
    }

    /// Puts an image into the registry that is nothing but a static busybox and these Dockerfile lines.
    pub(crate) async fn push(&self, name: &str, lines: &str) -> PinnedImage {
        let mut images = self.site.images.lock().await;
        if let Some(image) = images.get(name) {
            return image.clone();
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy("/bin/busybox", folder.path().join("busybox")).expect(
            "no /bin/busybox: run `dev/setup.sh test`, or install the package busybox-static",
        );
        let dockerfile = format!("FROM scratch\nCOPY busybox /bin/busybox\n{lines}\n");
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let image = Image::Folder(folder.path().to_owned());
        let whole = self.site.lab.push(&format!("{name}:1"), &image).await.unwrap();
        let pinned = self.driver(|_| {}).resolve(&whole.parse().unwrap(), None).await.unwrap();
        images.insert(name.to_owned(), pinned.clone());
        pinned
    }

    /// The host of the lab that is an agent of this name.
    fn host(&self, name: &str) -> &Host {
        let named = |host: &&Host| host.address().to_string() == name;
        self.site.lab.hosts().iter().find(named).expect("it is a host")
    }

    /// A task's container and its engine; none when it has ended.
    pub(crate) async fn container(&self, task: &str) -> Option<(bollard::Docker, String)> {
        for host in self.site.lab.hosts() {
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

/// A command line that ends at once when it is told to, as PID 1.
const UNTIL_STOPPED: &str = "trap 'exit 0' TERM; while :; do busybox sleep 1000 & wait; done";

fn command(script: &str) -> String {
    format!("CMD {:?}", ["/bin/busybox", "sh", "-c", script])
}

/// Serves HTTP on its port, with a file `/index.html` that says its version.
pub(crate) fn serves() -> String {
    command(&format!(
        "echo \"$LAUNCHER_SERVICE $LAUNCHER_VERSION\" >/index.html; busybox httpd -p $PORT -h /; {UNTIL_STOPPED}"
    ))
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
        let lines = match behaviour {
            Behaviour::Runs => command(UNTIL_STOPPED),
            Behaviour::Dies => command("echo out of luck; exit 3"),
            Behaviour::CannotStart => "CMD [\"/no/such/program\"]".to_owned(),
            Behaviour::Talks => {
                command(&format!("for line in 1 2 3; do echo line $line; done; {UNTIL_STOPPED}"))
            }
            Behaviour::CannotBePulled => {
                let digest = Digest::new(format!("sha256:{}", "0".repeat(64))).unwrap();
                let name = format!("{}/test/none", self.site.lab.registry());
                let reference = format!("{name}@{digest}").parse().unwrap();
                let requested: ImageRef = name.parse().unwrap();
                return PinnedImage { requested, reference, digest };
            }
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
        self.site.leaving.lock().unwrap().push(leaving);
    }
}
